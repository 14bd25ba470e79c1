//! Writes a small signed world as a cloud would serve it: `world FOLDER NOW_MS`.
//!
//! Each folder below is laid out like `/api/v1`: `1`, `3` and `7` are generations, `2` names another ranker, `expired` is
//! generation 4 and out of date, `foreign` generation 5 of somebody else's key. `3/deltas` says what changed of packs
//! since `1`. `stale.bundle` is what an isolate shared of `expired` for Germany while that was in force. `items.json` says
//! of each item its category and whether it may be shown to be explored.

use std::fs;
use std::path::{Path, PathBuf};

use segue_conformance::world::Item;
use segue_conformance::{ranker, world};
use segue_core::pack::write_delta;
use segue_core::policies;
use segue_core::trust::{PrivateKey, hash, write_rotations};
use segue_worker::bundle::Bundle;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;
/// One item in so many may be shown to be explored.
const EXPLORED: usize = 6;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let now_ms: i64 = arguments.next().and_then(|text| text.parse().ok()).expect("a time in milliseconds");
    let (model, schema) = (ranker::model(), ranker::schema());
    // Somebody else's name makes other bytes of the same model.
    let other = [&model[..], &[0x12, 1, b'x']].concat();
    let stranger = PrivateKey::from_seed([9; 32]);
    for (name, generation, model, now_ms, key) in [
        ("1", 1, &model, now_ms, world::key()),
        ("2", 2, &other, now_ms, world::key()),
        ("3", 3, &model, now_ms, world::key()),
        ("7", 7, &model, now_ms, world::key()),
        ("expired", 4, &model, now_ms - 2 * HOUR_MS, world::key()),
        ("foreign", 5, &model, now_ms, stranger),
    ] {
        generation_in(&folder.join(name), generation, (model, &schema), now_ms, &key)?;
    }
    deltas(&folder.join("1"), &folder.join("3"))?;
    fs::write(folder.join("stale.bundle"), accepted(&folder.join("expired"), now_ms - 2 * HOUR_MS)?)?;
    fs::write(folder.join("items.json"), described(&items()))?;
    fs::write(folder.join("root"), world::key().public().to_hex())?;
    fs::write(folder.join("ranker.onnx"), &model)?;
    fs::write(folder.join("schema.bin"), &schema)
}

/// What changed of the packs of `base` in `target`, beside these.
fn deltas(base: &Path, target: &Path) -> std::io::Result<()> {
    fs::create_dir_all(target.join("deltas"))?;
    for subject in ["region:all", "region:DE"] {
        let [earlier, later] = [base, target].map(|folder| fs::read(folder.join("packs").join(subject)));
        let delta = write_delta(&earlier?, &later?, &world::key()).expect("a delta can be written");
        fs::write(target.join("deltas").join(subject), delta)?;
    }
    Ok(())
}

/// The bundle of Germany that an isolate had made of `folder` at `accepted_ms`.
fn accepted(folder: &Path, accepted_ms: i64) -> std::io::Result<Vec<u8>> {
    let read = |name: &str| fs::read(folder.join(name)).map(ByteBuf::from);
    let policies = [policies::RADIO, policies::SHOP];
    let bundle = Bundle {
        accepted_ms,
        checked_ms: accepted_ms,
        subject: "region:DE".to_owned(),
        rotations: read("rotations")?,
        manifest: read("manifest")?,
        pack: read("packs/region:DE")?,
        artefacts: policies.map(|bytes| (hash(bytes), ByteBuf::from(bytes))).into(),
        ..Bundle::default()
    };
    Ok(bundle.write().expect("a bundle can be written"))
}

/// The catalogue, of which one item in six is little known.
fn items() -> Vec<Item> {
    let mut items = world::items(600);
    for (at, item) in items.iter_mut().enumerate().step_by(EXPLORED) {
        let [successes, failures] = [(at / EXPLORED % 5) as f32, 3.0 + (at / EXPLORED % 7) as f32];
        let counts = [("explore_successes", successes), ("explore_failures", failures)];
        item.columns.extend(counts.map(|(name, value)| (name.to_owned(), value)));
    }
    items
}

fn described(items: &[Item]) -> String {
    let of = |item: &Item| {
        let explored = item.columns.iter().any(|(name, _)| name == "explore_successes");
        (item.id.clone(), json!({ "category": item.categories[0], "explored": explored }))
    };
    Value::from_iter(items.iter().map(of)).to_string()
}

/// One generation: 300 items everywhere, and 300 others in Germany.
fn generation_in(
    folder: &Path,
    generation: u64,
    (model, schema): (&[u8], &[u8]),
    now_ms: i64,
    key: &PrivateKey,
) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("packs"))?;
    fs::create_dir_all(folder.join("models"))?;
    let policies = [("radio", policies::RADIO), ("shop", policies::SHOP)];
    let mut manifest = world::manifest(generation, &policies, Some((model, schema)));
    (manifest.created_ms, manifest.expires_ms) = (now_ms, now_ms + HOUR_MS);
    fs::write(folder.join("manifest"), manifest.seal(key).expect("a manifest can be written"))?;
    fs::write(folder.join("rotations"), write_rotations(&[]).expect("no rotations can be written"))?;
    for bytes in [policies::RADIO, policies::SHOP, model, schema] {
        fs::write(folder.join("models").join(hash(bytes)), bytes)?;
    }
    let items = items();
    for (region, items) in [("all", &items[..300]), ("DE", &items[300..])] {
        let subject = format!("region:{region}");
        let pack = world::pack_during(items, generation, &subject, now_ms..now_ms + HOUR_MS);
        fs::write(folder.join("packs").join(subject), pack)?;
    }
    Ok(())
}

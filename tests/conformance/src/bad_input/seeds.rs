//! Sound input for each target, for the fuzzer to start from.

use segue_core::pack::write_delta;
use segue_core::trust::envelope::{self, Purpose};
use segue_core::trust::{PrivateKey, rotate, write_rotations};
use segue_core::{Event, EventKind, limits, policies};

use crate::{ranker, world};

/// Between the schema and the model of a ranker; no JSON document holds it.
pub(super) const SEPARATOR: u8 = 0;

/// Sound inputs of the target called `name`; none for a name that is no target.
#[must_use]
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "events" => vec![serde_json::to_vec(&session()).unwrap_or_default()],
        "manifest" => both(
            Purpose::Manifest,
            &world::sealed_manifest(1, &[("radio", policies::RADIO)], Some((b"model", b"schema"))),
        ),
        "model" => rankers(),
        "outbox" => super::outbox::seeds(),
        "pack" => [3, 24]
            .iter()
            .flat_map(|&count| both(Purpose::Pack, &world::pack(&world::items(count), 1)))
            .collect(),
        "pack_delta" => deltas(),
        "policy" => policies::ALL.iter().map(|(_, policy)| policy.to_vec()).collect(),
        "rotations" => rotations(),
        "session" => saved(),
        "trust" => trusted(),
        _ => Vec::new(),
    }
}

/// From the pack of six items to others.
fn deltas() -> Vec<Vec<u8>> {
    let base = world::pack(&world::items(6), 1);
    let targets = [6, 7, 24].map(|count| world::pack(&world::items(count), 2));
    let made = targets.iter().map(|target| write_delta(&base, target, &world::key()).unwrap_or_default());
    made.flat_map(|delta| both(Purpose::PackDelta, &delta)).collect()
}

/// The bytes as they are, and what they hold for the target to seal again.
fn both(purpose: Purpose, sealed: &[u8]) -> Vec<Vec<u8>> {
    let payload = envelope::open(purpose, sealed, &world::key().public(), limits::PACK_BYTES);
    vec![[&[1], sealed].concat(), [&[0], payload.unwrap_or_default().as_slice()].concat()]
}

/// One event of each kind, with every field somewhere.
fn session() -> Vec<Event> {
    let kinds = EventKind::KNOWN.into_iter().chain([EventKind::Custom("cheer".into())]);
    let event = |(at, kind): (usize, EventKind)| Event {
        position: Some(at as u32),
        slate: Some("1-0-1".into()),
        played_ms: Some(3_000 * at as u64),
        total_ms: Some(180_000),
        value: Some((at % 6) as f64),
        context: [("surface".to_owned(), "radio".to_owned())].into(),
        ..world::event(at, kind, &format!("item-{:03}", at % 12))
    };
    kinds.enumerate().map(event).collect()
}

fn saved() -> Vec<Vec<u8>> {
    let mut engine = world::engine(12);
    let mut saved = vec![engine.save_session().unwrap_or_default()];
    for event in session() {
        let _ = engine.apply(&event);
    }
    saved.push(engine.save_session().unwrap_or_default());
    saved
}

/// The small ranker with heads within their range, beyond it, and no numbers at all, and with weights in 8 bits.
fn rankers() -> Vec<Vec<u8>> {
    let heads = ["Sigmoid", "Exp", "Sqrt", "Softmax"];
    let models = heads.into_iter().map(|operator| ranker::finished(ranker::logits(), operator));
    let with_schema = |model: Vec<u8>| [ranker::schema().as_slice(), &[SEPARATOR], &model].concat();
    models.chain([ranker::in_8_bits()]).map(with_schema).collect()
}

fn rotations() -> Vec<Vec<u8>> {
    let keys = [world::key(), PrivateKey::from_seed([1; 32]), PrivateKey::from_seed([2; 32])];
    let records: Vec<Vec<u8>> = keys
        .windows(2)
        .zip(1..)
        .filter_map(|(pair, sequence)| rotate(&pair[0], &pair[1], sequence).ok())
        .collect();
    vec![write_rotations(&records).unwrap_or_default(), write_rotations(&[]).unwrap_or_default()]
}

/// Trust in the root alone, in its second key, and with a manifest of the second.
fn trusted() -> Vec<Vec<u8>> {
    let mut engine = world::untouched();
    let mut saved = vec![engine.save_trust().unwrap_or_default()];
    let second = PrivateKey::from_seed([1; 32]);
    let record = rotate(&world::key(), &second, 1).unwrap_or_default();
    let _ = engine.accept_rotations(&write_rotations(&[record]).unwrap_or_default());
    saved.push(engine.save_trust().unwrap_or_default());
    let manifest = world::manifest(7, &[], None).seal(&second).unwrap_or_default();
    let _ = engine.accept_manifest(&manifest, world::NOW_MS);
    saved.push(engine.save_trust().unwrap_or_default());
    saved
}

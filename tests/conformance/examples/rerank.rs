//! One re-rank without any boundary, for `cargo xtask bench mobile`: the same as `mobile-ffi/c/bench`, and Kotlin's and Swift's bench.

use std::path::PathBuf;
use std::time::Instant;

use segue_core::{Engine, Event, EventKind, Request};

const WARM_UP: usize = 200;
const MEASURED: usize = 2_000;
const BETWEEN_MS: i64 = 45_000;

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; `cargo xtask bench mobile` sets it"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(given("SEGUE_ARTEFACTS"));
    let (surface, subject, start_ms) =
        (given("SEGUE_SURFACE"), given("SEGUE_SUBJECT"), given("SEGUE_START_MS").parse()?);
    let mut engine = Engine::new(&given("SEGUE_ROOT"))?;
    let manifest = engine.accept_manifest(&std::fs::read(folder.join("manifest"))?, start_ms)?.clone();
    let model = |hash: &str| std::fs::read(folder.join("models").join(hash));
    engine.accept_policy(&surface, &model(&manifest.policies[&surface].hash)?)?;
    let ranker = manifest.ranker.ok_or("the manifest names no ranker")?;
    engine.accept_ranker(&model(&ranker.model.hash)?, &model(&ranker.schema.hash)?)?;
    engine.accept_pack(&std::fs::read(folder.join("packs/bench"))?, &subject, start_ms)?;
    let mut times = Vec::new();
    for number in 0..WARM_UP + MEASURED {
        let time_ms = start_ms + BETWEEN_MS * i64::try_from(number)?;
        let item = format!("track-{:04}", number * 7 % 500);
        engine.apply(&Event::new(format!("e{number}"), item, EventKind::Click, time_ms))?;
        let request = Request {
            surface: surface.clone(),
            count: 50,
            now_ms: time_ms,
            seed: 1,
            context: [].into(),
            log_features: false,
        };
        let before = Instant::now();
        let slate = engine.rank(&request)?;
        times.push(before.elapsed());
        assert_eq!(slate.places.len(), 50);
    }
    let mut times = times.split_off(WARM_UP);
    times.sort_unstable();
    println!("{{\"median_us\":{:.3}}}", times[MEASURED / 2].as_secs_f64() * 1e6);
    Ok(())
}

//! 500 candidates, 50 events: every iteration applies one more event and asks for 50 places.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use segue_core::engine::{Engine, Order, Request};
use segue_core::features::Schema;
use segue_core::pack::{CandidateSource, PackSource, VerifiedPack};
use segue_core::policy::Policy;
use segue_core::score::TractScorer;
use segue_core::session::{Event, EventKind};
use serde_json::{Value, json};

const CANDIDATES: usize = 500;
const EVENTS: usize = 50;
const PLACES: usize = 50;

/// Times the whole step, from the event to the list.
pub(crate) fn measure(model: &Path, warm_up: usize, iterations: usize) -> Result<Value> {
    let mut engine = engine(model)?;
    for at in 0..EVENTS {
        engine.apply(&event(at))?;
    }
    let mut milliseconds = Vec::with_capacity(iterations);
    for at in 0..warm_up + iterations {
        let event = event(EVENTS + at);
        let start = Instant::now();
        engine.apply(&event)?;
        let slate = engine.rank(&request(at))?;
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        ensure!(slate.places.len() == PLACES && slate.order == Order::Ranked, "no ranked list: {slate:?}");
        if at >= warm_up {
            milliseconds.push(elapsed);
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    let quantile = |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share).round() as usize];
    Ok(json!({ "rerank_500x50_native_p50_ms": quantile(0.5), "rerank_500x50_native_p99_ms": quantile(0.99) }))
}

fn engine(model: &Path) -> Result<Engine> {
    let read = |name: &str| {
        let path = model.join(name);
        std::fs::read(&path)
            .with_context(|| format!("cannot read {}: run `cargo xtask train`", path.display()))
    };
    let schema = Schema::from_json(&read("schema.json")?)?;
    let scorer = TractScorer::new(&read("ranker.onnx")?, &schema)?;
    let pack = pack(schema.dimension)?;
    let policy = Policy::from_json(segue_core::policies::RADIO)?;
    let mut engine = Engine::of_server(policy, Some((schema, Box::new(scorer))))?;
    engine.begin(pack);
    Ok(engine)
}

/// A pack whose vectors spread evenly, made without any randomness of the machine.
fn pack(dimension: usize) -> Result<VerifiedPack> {
    let names: Vec<String> = (0..CANDIDATES).map(item).collect();
    let creators: Vec<String> = (0..CANDIDATES).map(|at| format!("artist-{}", at % 200)).collect();
    let categories: Vec<Vec<String>> = (0..CANDIDATES).map(|at| vec![format!("genre-{}", at % 24)]).collect();
    let vector = |row: usize| -> Vec<f32> {
        let entries: Vec<f32> = (0..dimension).map(|at| ((row * 31 + at * 17) as f32).sin()).collect();
        let length = entries.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
        entries.iter().map(|entry| entry / length).collect()
    };
    let vectors: Vec<Vec<f32>> = (0..CANDIDATES).map(vector).collect();
    let candidates = (0..CANDIDATES)
        .map(|at| CandidateSource {
            item: &names[at],
            vector: &vectors[at],
            score: 1.0 - at as f32 / CANDIDATES as f32,
            creator: &creators[at],
            categories: &categories[at],
            columns: vec![
                ("popularity", (at % 100) as f32 / 100.0),
                ("popularity_rank", (at % 97) as f32 / 97.0),
                ("completion_rate", (at % 89) as f32 / 89.0),
                ("age_days", at as f32),
                ("duration_seconds", 180.0 + (at % 60) as f32),
            ],
            ends_ms: None,
            display: Some((&names[at], &creators[at])),
        })
        .collect();
    let source = PackSource {
        generation: 1,
        subject: "user:bench",
        created_ms: 0,
        expires_ms: i64::MAX,
        ranker: None,
        towers: "bench",
        user: &vectors[0],
        candidates,
    };
    Ok(VerifiedPack::from_pack(source.to_pack())?)
}

fn item(at: usize) -> String {
    format!("track-{:04}", at % CANDIDATES)
}

/// Skips, completions and likes in turn; the likes move the list, nothing is used up in 400 of 500 items.
fn event(at: usize) -> Event {
    let kind = [EventKind::Skip, EventKind::Complete, EventKind::Like][at % 3].clone();
    let mut event = Event::new(format!("event-{at}"), item(at * 7 % 400), kind, at as i64);
    event.played_ms = Some(if at.is_multiple_of(3) { 3_000 } else { 180_000 });
    event.total_ms = Some(180_000);
    event
}

fn request(at: usize) -> Request {
    let context = [("local_hour".to_string(), "20".to_string()), ("weekday".into(), "4".into())].into();
    Request { surface: "radio".into(), count: PLACES, now_ms: at as i64, seed: at as u64, context }
}

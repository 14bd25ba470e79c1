//! The stream of events and the request that follows each: the same natively and in a browser.

use anyhow::{Result, ensure};
use segue_core::engine::{Order, Request};
use segue_core::{Engine, Event, EventKind};
use serde_json::{Value, json};

use crate::artefacts::{CREATED_MS, SUBJECT};
use crate::pack::item;

/// The surface that is ranked.
pub(crate) const SURFACE: &str = "radio";
/// A surface whose policy does nothing but score, for the peers.
pub(crate) const PLAIN_SURFACE: &str = "plain";
/// Candidates of the pack in every figure whose name says `500`.
pub(crate) const CANDIDATES: usize = 500;
/// Events that a session holds before measuring starts, in every figure whose name says `x50`.
pub(crate) const EVENTS: usize = 50;
/// Places asked for.
pub(crate) const PLACES: usize = 50;

const MILLISECONDS_BETWEEN: i64 = 45_000;
/// Each event changes the scores, and none takes its item out of the next list: all candidates stay in play.
const KINDS: [EventKind; 6] = [
    EventKind::Like,
    EventKind::Save,
    EventKind::Like,
    EventKind::Share,
    EventKind::Follow,
    EventKind::Unlike,
];
/// Places between the items of two events, prime to the number of items.
const STEP: usize = 7;
/// The last event of a round takes back the first one's like.
const BACK: usize = KINDS.len() - 1;

/// What the event in place `at` of the stream is about, as a place in the pack, and its kind.
fn about(at: usize, candidates: usize) -> (usize, EventKind) {
    let kind = KINDS[at % KINDS.len()].clone();
    let target = if kind == EventKind::Unlike { at - BACK } else { at };
    (target * STEP % candidates, kind)
}

/// The event in place `at` of the stream about a pack of so many candidates.
pub(crate) fn event(at: usize, candidates: usize) -> Event {
    let (place, kind) = about(at, candidates);
    Event::new(format!("bench-{at}"), item(place), kind, time(at))
}

/// What is asked after it.
pub(crate) fn request(at: usize) -> Request {
    let context = context().map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Request {
        surface: SURFACE.into(),
        count: PLACES,
        now_ms: time(at),
        seed: at as u64,
        context,
        log_features: false,
    }
}

/// Applies the first `count` events.
pub(crate) fn prepare(engine: &mut Engine, count: usize) -> Result<()> {
    let candidates = engine.pack()?.candidates().len();
    for at in 0..count {
        let applied = engine.apply(&event(at, candidates))?;
        ensure!(applied.is_applied(), "event {at} had no effect: {applied:?}");
    }
    Ok(())
}

/// Ranks after the event in place `at`, and refuses a list that is not what is measured.
pub(crate) fn rank(engine: &mut Engine, request: &Request) -> Result<()> {
    let slate = engine.rank(request)?;
    let wanted = request.count.min(engine.pack()?.candidates().len());
    ensure!(slate.order == Order::Ranked, "the list is the pack's own: {:?}", slate.fallback);
    ensure!(slate.places.len() == wanted, "{} places instead of {wanted}", slate.places.len());
    Ok(())
}

/// All of it as data, for the page; `paths` are the files it opens.
pub(crate) fn description(paths: &[String]) -> Value {
    let round = CANDIDATES * KINDS.len();
    let events = (0..round).map(|at| about(at, CANDIDATES));
    let events = events.map(|(place, kind)| json!({ "item": item(place), "kind": kind.name() }));
    json!({
        "paths": paths,
        "subject": SUBJECT,
        "candidates": CANDIDATES,
        "surface": SURFACE,
        "plain_surface": PLAIN_SURFACE,
        "count": PLACES,
        "start_ms": CREATED_MS,
        "milliseconds_between": MILLISECONDS_BETWEEN,
        "session_events": EVENTS,
        "context": context().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "events": events.collect::<Vec<_>>(),
    })
}

fn context() -> [(&'static str, &'static str); 3] {
    [("device", "desktop"), ("local_hour", "20"), ("weekday", "4")]
}

fn time(at: usize) -> i64 {
    CREATED_MS + at as i64 * MILLISECONDS_BETWEEN
}

//! Events and requests as a page writes them.

use segue_core::{Code, Event, EventKind, Request, Result};
use wasm_bindgen::JsValue;

use crate::record::Record;

/// Fields of a `SegueEvent`.
const EVENT: [&str; 13] = [
    "event_id",
    "user",
    "session",
    "item",
    "kind",
    "time_ms",
    "position",
    "slate",
    "played_ms",
    "total_ms",
    "value",
    "context",
    "candidates",
];

/// Fields of a `RankRequest`.
const REQUEST: [&str; 6] = ["surface", "count", "now_ms", "seed", "context", "log_features"];

/// The event in `value`, an object of `SegueEvent`.
///
/// # Errors
/// `event_invalid` naming the field that is missing, unknown or of another type.
pub(crate) fn event(value: &JsValue) -> Result<Event> {
    let record = Record::new(value, Code::EventInvalid)?;
    record.only(&EVENT)?;
    let kind = record.text("kind")?.ok_or_else(|| record.missing("kind"))?;
    Ok(Event {
        event_id: record.text("event_id")?.ok_or_else(|| record.missing("event_id"))?,
        user: record.text("user")?.unwrap_or_default(),
        session: record.text("session")?.unwrap_or_default(),
        item: record.text("item")?.unwrap_or_default(),
        kind: kind_of(kind),
        time_ms: record.whole("time_ms")?.ok_or_else(|| record.missing("time_ms"))?,
        position: record.whole("position")?,
        slate: record.text("slate")?,
        played_ms: record.whole("played_ms")?,
        total_ms: record.whole("total_ms")?,
        value: record.number("value")?,
        context: record.words("context")?,
        candidates: record.texts("candidates")?,
    })
}

/// The request in `value`, an object of `RankRequest`.
///
/// # Errors
/// `request_invalid` naming the field that is missing, unknown or of another type.
pub(crate) fn request(value: &JsValue) -> Result<Request> {
    let record = Record::new(value, Code::RequestInvalid)?;
    record.only(&REQUEST)?;
    Ok(Request {
        surface: record.text("surface")?.ok_or_else(|| record.missing("surface"))?,
        count: record.whole("count")?.ok_or_else(|| record.missing("count"))?,
        now_ms: record.whole("now_ms")?.ok_or_else(|| record.missing("now_ms"))?,
        seed: record.whole("seed")?.unwrap_or_default(),
        context: record.words("context")?,
        log_features: record.flag("log_features")?.unwrap_or_default(),
    })
}

/// Words that no kind bears are kinds of the host's own.
fn kind_of(word: String) -> EventKind {
    match EventKind::KNOWN.into_iter().find(|kind| kind.name() == word) {
        Some(known) => known,
        None => EventKind::Custom(word),
    }
}

//! A row of a request as an event: whoever takes events in over a network refuses by these rules and codes.

use serde_json::Value;

use super::{Event, EventFault};

/// How far ahead of the receiver's clock an event's time may be: a day covers every time zone mistake.
pub const AHEAD_MS: i64 = 24 * 60 * 60 * 1000;
/// A client's clock is left as it is when it is wrong by no more than this: the way takes time too.
pub const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// By how much the times of a batch have to be moved, of a client that says it was `sent_ms` when it sent the batch.
#[must_use]
pub fn clock_error_ms(sent_ms: Option<i64>, now_ms: i64) -> i64 {
    let error = sent_ms.map_or(0, |sent_ms| now_ms.saturating_sub(sent_ms));
    if error.saturating_abs() > TOLERANCE_MS { error } else { 0 }
}

/// Why a row was not taken: the stable code of `docs/API.md`, and the value that is wrong.
pub type Refusal = (&'static str, String);

/// The event in `row`, whose time is moved by `moved_ms` ([`clock_error_ms`]); `now_ms` is the receiver's clock.
///
/// # Errors
/// The first rule it breaks.
pub fn read(row: Value, moved_ms: i64, now_ms: i64) -> Result<Event, Refusal> {
    let Value::Object(fields) = &row else {
        return Err(("event_not_an_object", "an event is a JSON object".to_owned()));
    };
    let missing = |name: &str| matches!(fields.get(name), None | Some(Value::Null));
    let empty = |name: &str| missing(name) || fields.get(name).and_then(Value::as_str) == Some("");
    for (name, absent, code) in [
        ("event_id", empty("event_id"), "event_id_missing"),
        ("kind", empty("kind"), "kind_missing"),
        ("time_ms", missing("time_ms"), "time_missing"),
    ] {
        if absent {
            return Err((code, format!("`{name}` is missing or empty")));
        }
    }
    let row = without_nulls(row);
    let mut event: Event =
        serde_json::from_value(row.clone()).map_err(|error| ("field_invalid", wrong_field(&row, &error)))?;
    event.time_ms = event.time_ms.saturating_add(moved_ms);
    event.examine().map_err(|(fault, detail)| (fault.name(), detail))?;
    if event.time_ms > now_ms.saturating_add(AHEAD_MS) {
        let detail = format!("`time_ms` {} is more than a day from now ({now_ms})", event.time_ms);
        return Err(("time_out_of_range", detail));
    }
    Ok(event)
}

/// The first field that is wrong even in an event without any other.
fn wrong_field(row: &Value, error: &serde_json::Error) -> String {
    let alone = |(name, value): &(&String, &Value)| {
        let mut event = serde_json::json!({ "event_id": "e", "kind": "play", "time_ms": 0 });
        event[name.as_str()] = (*value).clone();
        serde_json::from_value::<Event>(event).is_err()
    };
    match row.as_object().and_then(|fields| fields.iter().find(alone)) {
        Some((name, value)) => {
            let shown: String = value.to_string().chars().take(80).collect();
            format!("`{name}` is {shown}: {error}")
        }
        None => error.to_string(),
    }
}

/// A null is a missing value, in every column.
fn without_nulls(mut row: Value) -> Value {
    if let Value::Object(fields) = &mut row {
        fields.retain(|_, value| !value.is_null());
    }
    row
}

impl EventFault {
    /// The stable code of `docs/API.md`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IdMissing => "event_id_missing",
            Self::IdInvalid => "id_invalid",
            Self::KindInvalid => "kind_invalid",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::SubjectMissing => "item_missing",
            Self::ValueOutOfRange => "value_out_of_range",
            Self::ContextTooLarge => "context_too_large",
            Self::CandidatesTooMany => "candidates_too_many",
        }
    }
}

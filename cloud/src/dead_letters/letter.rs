//! One event that was refused.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::erasure::Erased;

/// Who refused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refuser {
    /// The rules of events: it is not in the log.
    Intake,
    /// The counters: it is in the log and cannot be read.
    Counters,
}

impl Refuser {
    /// The stable word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Counters => "counters",
        }
    }
}

/// One event that was refused, as a line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// When it was refused for the last time, in milliseconds since 1970.
    pub refused_ms: i64,
    /// Who refused it.
    pub refuser: Refuser,
    /// Its number, where it is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Stable code, see `docs/API.md`; `event_unreadable` of what is in the log.
    pub code: String,
    /// The value that is wrong.
    pub detail: String,
    /// The event as it came; a text where it is no JSON.
    pub event: Value,
}

impl Letter {
    /// Whether it may be about somebody of `erased`: any of its texts is their id, or it is no object to be read.
    #[must_use]
    pub fn names(&self, erased: &Erased) -> bool {
        let is_readable = self.event.is_object() || erased.is_empty();
        !is_readable || names(&self.event, erased)
    }
}

/// Whether any text in `value` is the id of somebody of `erased`.
pub(crate) fn names(value: &Value, erased: &Erased) -> bool {
    says(value, &|text| erased.contains(text))
}

/// Whether any text in `value` is one that `is_wanted` says.
pub(crate) fn says(value: &Value, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_wanted(text),
        Value::Array(values) => values.iter().any(|value| says(value, is_wanted)),
        Value::Object(fields) => fields.iter().any(|(name, value)| is_wanted(name) || says(value, is_wanted)),
        _ => false,
    }
}

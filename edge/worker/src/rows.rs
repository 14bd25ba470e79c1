//! Bodies with events: rows that the core takes, and those that are refused, by the cloud's codes.

use std::collections::BTreeMap;

use segue_core::Event;
use segue_core::session::row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::problem::{Code, Problem};

/// Most bytes of a body: what one message of a queue holds, with room for what is added.
pub(crate) const BODY_BYTES: usize = 64 << 10;
/// Most events of a request for a list.
const LIST_EVENTS: usize = 100;
/// Most events of a batch, as in the cloud.
const BATCH_EVENTS: usize = 1_000;

/// The body of `POST /api/v1/session/events`.
#[derive(Debug, Deserialize)]
pub struct Body {
    /// The client's clock when it sent this.
    #[serde(default)]
    pub sent_ms: Option<i64>,
    /// The surface that is to be ranked.
    pub surface: String,
    /// Places wanted.
    #[serde(default = "places")]
    pub count: usize,
    /// The session, where it is not in a cookie or header.
    #[serde(default)]
    pub token: Option<String>,
    /// Circumstances that the visitor tells.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// What happened.
    pub events: Vec<Value>,
}

/// The body of `POST /api/v1/events`.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The client's clock when it sent this.
    #[serde(default)]
    pub sent_ms: Option<i64>,
    /// What happened.
    pub events: Vec<Value>,
}

/// Places of a list whose length nobody asked for.
#[must_use]
pub fn places() -> usize {
    20
}

/// Why one row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Its place in the request, from 0.
    pub index: usize,
    /// Stable code, see `docs/API.md`.
    pub code: &'static str,
    /// The value that is wrong.
    pub detail: String,
}

impl Body {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// `content_type_unsupported`, `body_too_large`, `body_invalid`, `batch_too_large`.
    pub fn read(call: &Call, bytes: &[u8]) -> Result<Self, Problem> {
        let body: Self = read(call, bytes, "{\"surface\":...,\"events\":[...]}")?;
        few_enough(&body.events, LIST_EVENTS)?;
        Ok(body)
    }
}

impl Batch {
    /// Reads the body of a request: a batch, or one event by itself.
    ///
    /// # Errors
    /// As [`Body::read`].
    pub fn read(call: &Call, bytes: &[u8]) -> Result<Self, Problem> {
        const SHAPE: &str = "{\"events\":[...]}";
        let body: Value = read(call, bytes, SHAPE)?;
        if body.get("events").is_none() && body.get("kind").is_some() {
            return Ok(Self { sent_ms: None, events: vec![body] });
        }
        let batch: Self = serde_json::from_value(body).map_err(|error| misshapen(SHAPE, &error))?;
        few_enough(&batch.events, BATCH_EVENTS)?;
        Ok(batch)
    }
}

/// The rows that the core takes and `admit` lets pass, each as that makes it, and those that are refused.
pub(crate) fn sorted(
    rows: Vec<Value>,
    sent_ms: Option<i64>,
    now_ms: i64,
    admit: impl Fn(Event) -> Result<Event, row::Refusal>,
) -> (Vec<Event>, Vec<Reject>) {
    let moved_ms = row::clock_error_ms(sent_ms, now_ms);
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    for (index, value) in rows.into_iter().enumerate() {
        match row::read(value, moved_ms, now_ms).and_then(&admit) {
            Ok(event) => events.push(event),
            Err((code, detail)) => rejects.push(Reject { index, code, detail }),
        }
    }
    (events, rejects)
}

fn read<T: DeserializeOwned>(call: &Call, bytes: &[u8], shape: &str) -> Result<T, Problem> {
    let kind = call.header("content-type").split(';').next().unwrap_or_default().trim();
    // Browsers let any page post without asking, as long as it does not call the body JSON.
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Code::ContentTypeUnsupported, "send application/json"));
    }
    if bytes.len() > BODY_BYTES {
        let detail = format!("the body has more than {BODY_BYTES} bytes; send fewer events at once");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    serde_json::from_slice(bytes).map_err(|error| misshapen(shape, &error))
}

fn misshapen(shape: &str, error: &serde_json::Error) -> Problem {
    Problem::new(Code::BodyInvalid, format!("the body is not {shape}: {error}"))
}

fn few_enough(events: &[Value], most: usize) -> Result<(), Problem> {
    if events.len() > most {
        let detail = format!("{} events, at most {most}; send several requests", events.len());
        return Err(Problem::new(Code::BatchTooLarge, detail));
    }
    Ok(())
}

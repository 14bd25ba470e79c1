//! The body of `POST /api/v1/session/events`: rows that the core takes, and those it refuses, by the cloud's codes.

use std::collections::BTreeMap;

use segue_core::Event;
use segue_core::session::row;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::Call;
use crate::problem::{Code, Problem};

/// Most bytes of a body: what one message of a queue holds, with room for what is added.
pub(crate) const BODY_BYTES: usize = 64 << 10;
/// Most events of a request.
const EVENTS: usize = 100;

/// The body.
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
    pub fn read(call: &Call) -> Result<Self, Problem> {
        let kind = call.header("content-type").split(';').next().unwrap_or_default().trim();
        // Browsers let any page post without asking, as long as it does not call the body JSON.
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(Code::ContentTypeUnsupported, "send application/json"));
        }
        if call.body.len() > BODY_BYTES {
            let detail = format!("the body has more than {BODY_BYTES} bytes; send fewer events at once");
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        let body: Self = serde_json::from_slice(&call.body).map_err(|error| {
            let detail = format!("the body is not {{\"surface\":...,\"events\":[...]}}: {error}");
            Problem::new(Code::BodyInvalid, detail)
        })?;
        if body.events.len() > EVENTS {
            let detail = format!("{} events, at most {EVENTS}; send several requests", body.events.len());
            return Err(Problem::new(Code::BatchTooLarge, detail));
        }
        Ok(body)
    }

    /// The events that the core takes, as this session's and nobody's, and the rows it refuses.
    #[must_use]
    pub fn events(&mut self, session: &str, now_ms: i64) -> (Vec<Event>, Vec<Reject>) {
        let moved_ms = row::clock_error_ms(self.sent_ms, now_ms);
        let (mut events, mut rejects) = (Vec::new(), Vec::new());
        for (index, value) in std::mem::take(&mut self.events).into_iter().enumerate() {
            match row::read(value, moved_ms, now_ms) {
                // Whoever has no account speaks for nobody's.
                Ok(event) => events.push(Event { user: String::new(), session: session.to_owned(), ..event }),
                Err((code, detail)) => rejects.push(Reject { index, code, detail }),
            }
        }
        (events, rejects)
    }
}

//! The outbox's decisions; the host keeps the rows, sends and waits.

use segue_core::outbox;
use segue_core::outbox::{Answer, Change, Next, Queue, Row, Stored};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::error::{invalid, to_error};
use crate::event::event;
use crate::record::time;
use crate::to_object;

/// Waiting events and how their delivery goes.
#[wasm_bindgen]
pub struct Outbox(Queue);

#[derive(Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
enum NextInfo {
    Empty,
    Busy,
    Wait { milliseconds: f64 },
    Credentials,
    Send { sequences: Vec<u64>, body: String },
}

#[derive(Serialize)]
struct OutcomeInfo {
    verdict: &'static str,
    taken: u64,
    refused: Vec<RefusalInfo>,
    change: Change,
}

#[derive(Serialize)]
struct RefusalInfo {
    event_id: String,
    code: String,
    detail: String,
}

#[derive(Deserialize)]
struct AnswerInfo {
    status: u16,
    retry_after_ms: Option<f64>,
    body: String,
}

#[wasm_bindgen]
impl Outbox {
    /// An empty queue whose retries are spread by `seed`.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: u32) -> Outbox {
        Outbox(Queue::new(Stored::default(), u64::from(seed)))
    }

    /// The row that `event` becomes at a place of the order.
    pub fn row(told: JsValue, sequence: f64) -> Result<JsValue, JsValue> {
        to_object(&event(&told).and_then(|event| Row::of(&event, sequence as u64)).map_err(to_error)?)
    }

    /// Whether a row of `bytes` fits beside the waiting ones without dropping any.
    pub fn fits(events: usize, waiting_bytes: usize, bytes: usize) -> bool {
        Queue::fits(events, waiting_bytes, bytes)
    }

    /// What has to be stored to take `event` in beside the rows at hand.
    pub fn admit(&self, told: JsValue) -> Result<JsValue, JsValue> {
        to_object(&event(&told).and_then(|event| self.0.admit(&event)).map_err(to_error)?)
    }

    /// Puts the rows that the host keeps in place of those at hand.
    pub fn replace(&mut self, rows: JsValue) -> Result<(), JsValue> {
        self.0.replace(from_object(rows, "rows")?);
        Ok(())
    }

    /// Takes over a change that is durable now.
    pub fn apply(&mut self, change: JsValue) -> Result<(), JsValue> {
        self.0.apply(&from_object(change, "change")?);
        Ok(())
    }

    /// What to do now.
    pub fn next(&mut self, now_ms: f64, most_bytes: usize) -> Result<JsValue, JsValue> {
        to_object(&match self.0.next(time(now_ms).map_err(to_error)?, most_bytes) {
            Next::Empty => NextInfo::Empty,
            Next::Busy => NextInfo::Busy,
            Next::Wait(milliseconds) => NextInfo::Wait { milliseconds: milliseconds as f64 },
            Next::Credentials => NextInfo::Credentials,
            Next::Send(outbox::Batch { sequences, body }) => NextInfo::Send { sequences, body },
        })
    }

    /// What the answer to the batch on its way means.
    pub fn answered(&mut self, answer: JsValue, now_ms: f64) -> Result<JsValue, JsValue> {
        let now_ms = time(now_ms).map_err(to_error)?;
        let answer: AnswerInfo = from_object(answer, "answer")?;
        let retry_after_ms = answer.retry_after_ms.map(|milliseconds| milliseconds as u64);
        let answer = Answer { status: answer.status, retry_after_ms, body: answer.body.as_bytes() };
        let outcome = self.0.answered(&answer, now_ms);
        let refused = outcome.refused.into_iter().map(RefusalInfo::from).collect();
        to_object(&OutcomeInfo {
            verdict: outcome.verdict.name(),
            taken: outcome.taken,
            refused,
            change: outcome.change,
        })
    }

    /// The batch on its way comes back without a verdict.
    pub fn give_back(&mut self) {
        self.0.give_back();
    }

    /// The network is back.
    pub fn wake(&mut self) {
        self.0.wake();
    }

    /// The host has other credentials.
    pub fn renew_credentials(&mut self) {
        self.0.renew_credentials();
    }

    /// How many rows are at hand.
    pub fn waiting(&self) -> usize {
        self.0.waiting()
    }
}

impl From<outbox::Refusal> for RefusalInfo {
    fn from(refusal: outbox::Refusal) -> Self {
        Self { event_id: refusal.event_id, code: refusal.code, detail: refusal.detail }
    }
}

fn from_object<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|error| invalid(&format!("{what}: {error}.")))
}

//! The Segue engine for browsers and Node: every function converts, calls the core, converts back.
//!
//! The records and their documentation are in `npm/src/types.ts`.

#![allow(
    clippy::missing_errors_doc,
    reason = "npm/src/types.ts and npm/src/outbox.ts document what is thrown"
)]

mod error;
mod event;
#[cfg(feature = "outbox")]
mod outbox;
mod record;

use js_sys::Function;
use segue_core::{Applied, Budget};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use error::{invalid, to_error};
use event::{event, request};
use record::time;

#[cfg(feature = "outbox")]
pub use outbox::Outbox;

/// The engine: pack, ranker, policies and the live session of one person.
#[wasm_bindgen]
pub struct Engine(segue_core::Engine);

#[derive(Serialize)]
struct PackInfo<'a> {
    generation: u64,
    subject: &'a str,
    created_ms: i64,
    expires_ms: i64,
    candidates: usize,
    stale: bool,
}

#[derive(Serialize)]
struct AppliedInfo {
    applied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[wasm_bindgen]
impl Engine {
    /// An engine that trusts this Ed25519 public key, 64 hexadecimal digits.
    #[wasm_bindgen(constructor)]
    pub fn new(root: &str) -> Result<Engine, JsValue> {
        segue_core::Engine::new(root).map(Engine).map_err(to_error)
    }

    /// Follows key rotations.
    pub fn accept_rotations(&mut self, bytes: &[u8]) -> Result<usize, JsValue> {
        self.0.accept_rotations(bytes).map_err(to_error)
    }

    /// Puts a generation's manifest in force.
    pub fn accept_manifest(&mut self, bytes: &[u8], now_ms: f64) -> Result<JsValue, JsValue> {
        let now_ms = time(now_ms).map_err(to_error)?;
        to_object(self.0.accept_manifest(bytes, now_ms).map_err(to_error)?)
    }

    /// Puts a surface's policy to use.
    pub fn accept_policy(&mut self, surface: &str, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.accept_policy(surface, bytes).map_err(to_error)
    }

    /// Puts the ranker to use.
    pub fn accept_ranker(&mut self, model: &[u8], schema: &[u8]) -> Result<(), JsValue> {
        self.0.accept_ranker(model, schema).map_err(to_error)
    }

    /// Puts the subject's pack to use.
    pub fn accept_pack(&mut self, bytes: &[u8], subject: &str, now_ms: f64) -> Result<JsValue, JsValue> {
        let now_ms = time(now_ms).map_err(to_error)?;
        let pack = self.0.accept_pack(bytes, subject, now_ms).map_err(to_error)?;
        to_object(&PackInfo {
            generation: pack.generation(),
            subject: pack.subject(),
            created_ms: pack.created_ms(),
            expires_ms: pack.expires_ms(),
            candidates: pack.candidates().len(),
            stale: now_ms >= pack.expires_ms(),
        })
    }

    /// The signed pack that a signed delta makes of the kept one.
    pub fn patch_pack(&self, base: &[u8], delta: &[u8]) -> Result<Vec<u8>, JsValue> {
        self.0.patch_pack(base, delta).map_err(to_error)
    }

    /// Applies one event.
    pub fn apply(&mut self, told: JsValue) -> Result<JsValue, JsValue> {
        let applied = event(&told).and_then(|event| self.0.apply(&event)).map_err(to_error)?;
        let reason = (applied != Applied::Yes).then(|| applied.name());
        to_object(&AppliedInfo { applied: applied.is_applied(), reason })
    }

    /// The list after the last event, or the best one found before `is_due` says that the time is up.
    pub fn rank(&mut self, wanted: JsValue, is_due: Option<Function>) -> Result<JsValue, JsValue> {
        let request = request(&wanted).map_err(to_error)?;
        // A check that throws would throw at each unit: the time counts as up.
        let mut expired = || {
            let is_due = is_due.as_ref().map(|is_due| is_due.call0(&JsValue::UNDEFINED));
            is_due.is_some_and(|due| due.map_or(true, |due| due.is_truthy()))
        };
        let slate = self.0.rank_within(&request, &mut Budget::until(&mut expired)).map_err(to_error)?;
        to_object(&slate)
    }

    /// The session as bytes.
    pub fn save_session(&self) -> Result<Vec<u8>, JsValue> {
        self.0.save_session().map_err(to_error)
    }

    /// Continues a saved session.
    pub fn restore_session(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.restore_session(bytes).map_err(to_error)
    }

    /// How many events were applied, in the sessions before too.
    pub fn interactions(&self) -> f64 {
        self.0.session().applied() as f64
    }

    /// Begins the person's next session.
    pub fn next_session(&mut self) {
        self.0.next_session();
    }

    /// Forgets the session.
    pub fn reset_session(&mut self) {
        self.0.reset_session();
    }

    /// Whether and why a new pack is wanted.
    pub fn refill(&self, now_ms: f64) -> Result<JsValue, JsValue> {
        to_object(&self.0.refill(time(now_ms).map_err(to_error)?))
    }

    /// What is trusted, as bytes.
    pub fn save_trust(&self) -> Result<Vec<u8>, JsValue> {
        self.0.save_trust().map_err(to_error)
    }

    /// Takes up kept trust.
    pub fn restore_trust(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.restore_trust(bytes).map_err(to_error)
    }
}

fn to_object<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    value.serialize(&Serializer::json_compatible()).map_err(|error| invalid(&error.to_string()))
}

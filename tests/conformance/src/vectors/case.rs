//! A case as it is written: calls with their arguments, and what came of them.

use segue_core::{Event, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One case: `case.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What it shows, in one sentence.
    pub about: String,
    /// The calls, in order.
    pub steps: Vec<Step>,
}

/// The outcome of each step: `expected.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// One object a step; [`super::run()`] says which fields it has.
    pub steps: Vec<Value>,
}

/// Bytes that a call takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bytes {
    /// A file, by its name below `shared/`.
    File(String),
    /// So many zero bytes: for what is too large to be kept as a file.
    Zeros {
        /// How many.
        zeros: usize,
    },
}

/// One call to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Step {
    /// A new engine that trusts `root`; the one before is given up, as when the app is killed.
    NewEngine {
        /// The public key as hexadecimal digits.
        root: String,
    },
    /// Follows key rotations.
    AcceptRotations {
        /// The list of rotations.
        bytes: Bytes,
    },
    /// Puts a manifest in force.
    AcceptManifest {
        /// The signed manifest.
        bytes: Bytes,
        /// The host's time.
        now_ms: i64,
    },
    /// Puts a surface's policy to use.
    AcceptPolicy {
        /// The surface.
        surface: String,
        /// The policy.
        bytes: Bytes,
    },
    /// Puts the ranker to use.
    AcceptRanker {
        /// The ONNX file.
        model: Bytes,
        /// Its feature schema.
        schema: Bytes,
    },
    /// Puts a pack to use.
    AcceptPack {
        /// The signed pack.
        bytes: Bytes,
        /// Whose it has to be.
        subject: String,
        /// The host's time.
        now_ms: i64,
    },
    /// Makes a pack of an earlier one and what changed.
    PatchPack {
        /// The earlier signed pack.
        base: Bytes,
        /// The signed delta.
        delta: Bytes,
        /// The signed pack that it is to make.
        target: Bytes,
    },
    /// Applies one event.
    Apply {
        /// The event, in the fields of `docs/EVENTS.md`.
        event: Event,
    },
    /// Asks for a list.
    Rank {
        /// The request.
        request: Request,
        /// The time is up after so many work units; absent for as long as it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        units: Option<u32>,
    },
    /// Saves the session; the runner keeps the bytes.
    SaveSession,
    /// Continues a saved session.
    RestoreSession {
        /// The bytes; without them those that the last `save_session` gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<Bytes>,
    },
    /// Forgets the session.
    ResetSession,
    /// `Engine::next_session`.
    NextSession,
    /// Saves what is trusted; the runner keeps the bytes.
    SaveTrust,
    /// Takes up kept trust.
    RestoreTrust {
        /// The bytes; without them those that the last `save_trust` gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<Bytes>,
    },
    /// Asks whether a new pack is wanted.
    Refill {
        /// The host's time.
        now_ms: i64,
    },
}

//! What Segue can be told, and the limits that the service keeps.
//!
//! Every setting is a [`Key`]: with a place in `segue.toml`, an environment variable and, where it is often needed, a flag
//! of the command. [`Layers`] puts them over each other and remembers where each value comes from.

mod file;
mod keys;
mod layers;
mod read;
mod settings;

pub use keys::{KEYS, Key};
pub use layers::{FILE_VARIABLE, Layers, Origin, Problem, Sources};
pub use settings::{LogFormat, Refresh, Serve, Settings, Traces};

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::Callers;
use crate::events::{Filter, Limits as EventLimits};

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// The player's built files, served at `/`.
    pub player: Option<PathBuf>,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// The header in which a proxy names the client's address; nobody else may be able to reach the service then.
    pub client_header: Option<String>,
    /// What admits services, and people to what is their own.
    pub callers: Callers,
    /// How often the hours of the training log are written that are due; none where the service does not write it.
    pub training_log_every: Option<Duration>,
    /// How many of a thousand lists are kept with what the model saw.
    pub kept_lists: u32,
    /// Whether packs are made on demand and questions about items answered, which takes the memory of a refresh.
    pub on_demand: bool,
    /// How much is taken in.
    pub limits: Limits,
    /// What counts for nothing, as no person acts so.
    pub filter: Filter,
}

impl Config {
    /// The settings for a data folder, everything else by default.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            player: None,
            cors_origins: Vec::new(),
            client_header: None,
            callers: Callers::default(),
            training_log_every: None,
            kept_lists: 0,
            on_demand: true,
            limits: Limits::default(),
            filter: Filter::default(),
        }
    }
}

/// How much the service takes in, in one readable place; `docs/API.md` repeats them for callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Events of one batch.
    pub batch_events: usize,
    /// Ids in one request for items.
    pub item_ids: usize,
    /// Users in one answer.
    pub users: usize,
    /// Candidates of all packs that are kept opened for lists.
    pub opened_candidates: usize,
    /// Bytes of signed packs that are kept in memory as they are handed out; 0 keeps none.
    pub kept_pack_bytes: usize,
    /// Time from a request's first line to its answer.
    pub request: Duration,
    /// Time a client may take to send a request's head.
    pub head: Duration,
    /// Time a client may leave an answer lying without taking a byte of it.
    pub stall: Duration,
    /// Time that open requests get to finish after a stop is asked for.
    pub stop: Duration,
    /// Connections open at once; more wait in the system's queue.
    pub connections: usize,
    /// Requests being answered at once; more are refused.
    pub requests: usize,
    /// Bytes of the bodies of those together; more are refused.
    pub bodies_bytes: usize,
    /// Requests a second of one address, ten seconds' worth at once; 0 is no limit.
    pub client_rate: u32,
    /// Requests a second of one person, likewise.
    pub person_rate: u32,
    /// Requests a second of one service key, likewise.
    pub service_rate: u32,
    /// What the event store holds and waits for.
    pub events: EventLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            batch_events: 1_000,
            item_ids: 1_000,
            users: 1_000,
            opened_candidates: 256_000,
            kept_pack_bytes: 128 << 20,
            request: Duration::from_secs(30),
            head: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            stop: Duration::from_secs(10),
            connections: 4_096,
            requests: 1_024,
            bodies_bytes: 128 << 20,
            client_rate: 200,
            person_rate: 20,
            service_rate: 0,
            events: EventLimits::default(),
        }
    }
}

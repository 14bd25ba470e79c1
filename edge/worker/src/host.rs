//! What the worker needs of its platform.

use serde::{Deserialize, Serialize};

/// What the platform could not do, in words for the log.
pub type Fault = String;

/// What the cloud answered to a request for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Content and its tag.
    Content(Vec<u8>, Option<String>),
    /// What changed since what the tag stands for, signed, and the tag of what it makes.
    Changes(Vec<u8>, Option<String>),
    /// What the tag stands for is current.
    Current,
    /// There is no such thing.
    Missing,
}

/// What a Durable Object keeps of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Counts up with each write; 0 before the first.
    pub version: u64,
    /// The saved session.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// The platform. Futures need not be sendable: an isolate has one thread.
#[expect(async_fn_in_trait, reason = "an isolate has one thread")]
pub trait Host {
    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Memory that the isolate's engine takes, in bytes.
    fn memory_bytes(&self) -> u32;

    /// Bytes that nobody can foresee.
    fn random(&self) -> [u8; 24];

    /// What is kept under a key for all isolates.
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Fault>;

    /// Keeps something under a key for all isolates.
    async fn write(&self, key: &str, bytes: &[u8]) -> Result<(), Fault>;

    /// Writes what went wrong, and was made up for, into the log.
    fn report(&self, fault: &str);

    /// `GET /api/v1/PATH` of the cloud, with the tag of what is at hand.
    async fn fetch(&self, path: &str, tag: Option<&str>) -> Result<Fetched, Fault>;

    /// The same of a pack whose bytes are at hand, so that what changed since will do (`A-IM: segue-delta`).
    async fn fetch_changes(&self, path: &str, tag: &str) -> Result<Fetched, Fault>;

    /// `POST /api/v1/events` of the cloud; the status.
    async fn post_events(&self, body: &str) -> Result<u16, Fault>;

    /// Hands a body of events on, durably: once this answers they reach the cloud sooner or later.
    async fn hand_on(&self, body: &str) -> Result<(), Fault>;

    /// Waits.
    async fn pause(&self, milliseconds: u64);

    /// Whether this client may go on, by the platform's limiter.
    async fn admits(&self, client: &str) -> bool;

    /// The session kept under an id.
    async fn load_cell(&self, id: &str) -> Result<Cell, Fault>;

    /// Keeps a session unless another version than `cell.version` is kept, which is answered then.
    async fn store_cell(&self, id: &str, cell: &Cell) -> Result<Option<Cell>, Fault>;

    /// Forgets the session kept under an id.
    async fn forget_cell(&self, id: &str) -> Result<(), Fault>;
}

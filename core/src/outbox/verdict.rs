//! What an answer to a batch means.
//!
//! | answer | verdict |
//! |---|---|
//! | 2xx with a receipt for these events | accepted; rows the receipt names are refused for good |
//! | 400, 413, 422 | the batch is halved; an event that stands alone is refused for good |
//! | 401, 403 | wait for new credentials |
//! | no answer, 408, 429, 5xx and any other status | passing: wait, then send again |
//!
//! A status that says nothing about the events (404 of a wrong address, a redirect, a page in place of a receipt)
//! costs no event: it is retried like an outage.

use super::{Change, Refusal};

/// What came back, or that nothing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// `Retry-After` in milliseconds from now.
    pub retry_after_ms: Option<u64>,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// There was no answer: the network is away, or the request timed out.
    pub const NONE: Self = Self { status: 0, retry_after_ms: None, body: &[] };

    /// Whether the service took the batch.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What an answer means for the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The service has it.
    Accepted,
    /// Refused as a whole: its halves are sent next.
    Halved,
    /// Its only event was refused for good.
    Refused,
    /// Not before the host has new credentials.
    Credentials,
    /// Not now: sent again after a wait.
    Passing,
}

impl Verdict {
    /// The stable word: `"accepted"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Halved => "halved",
            Self::Refused => "refused",
            Self::Credentials => "credentials",
            Self::Passing => "passing",
        }
    }

    /// The verdict on a batch of `events` that brought no receipt.
    pub(super) fn without_receipt(status: u16, events: usize) -> Self {
        match status {
            400 | 413 | 422 if events > 1 => Self::Halved,
            400 | 413 | 422 => Self::Refused,
            401 | 403 => Self::Credentials,
            _ => Self::Passing,
        }
    }
}

/// What became of a batch, and what has to be stored for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the answer means.
    pub verdict: Verdict,
    /// How many events the service has now.
    pub taken: u64,
    /// Events that the service will never take; they leave the queue.
    pub refused: Vec<Refusal>,
    /// What has to be stored; until it is, the events may be sent again.
    pub change: Change,
}

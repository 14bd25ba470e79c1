//! Events on their way to the service, kept in a file.

use segue_core::outbox::{self, Batch, LogStore};
use serde::Serialize;

use crate::disk::FileDisk;
use crate::error::{Result, SegueError, guarded};
use crate::record::Event;
use crate::turns::Turns;

/// Waiting events and how their delivery goes. May be called from any thread; one file is open once.
#[derive(uniffi::Object)]
pub struct Outbox(Turns<outbox::Outbox<LogStore<FileDisk>>>);

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, uniffi::Enum)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// Nothing waits.
    Empty,
    /// A batch is on its way.
    Busy,
    /// Ask again after so long.
    Wait {
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// The service wants other credentials.
    Credentials,
    /// Post this.
    Send {
        /// The events' places in the order.
        sequences: Vec<u64>,
        /// The body for `POST /api/v1/events`.
        body: String,
    },
}

/// What came back for a batch; status 0 when nothing did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` in milliseconds from now, where the answer has one.
    #[uniffi(default)]
    pub retry_after_ms: Option<u64>,
    /// The answer's body.
    #[uniffi(default)]
    pub body: Vec<u8>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, uniffi::Record)]
pub struct Outcome {
    /// `accepted`, `halved`, `refused`, `credentials` or `passing`.
    pub verdict: String,
    /// How many events the service has now.
    pub taken: u64,
    /// Events it will never take; they have left the outbox.
    pub refused: Vec<Refusal>,
}

/// An event that the service will never take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, uniffi::Record)]
pub struct Refusal {
    /// Its id.
    pub event_id: String,
    /// The service's reject code, or `http_STATUS`.
    pub code: String,
    /// What the service says about it.
    pub detail: String,
}

/// Events that were given up since the file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, uniffi::Record)]
pub struct Lost {
    /// Dropped because the outbox was full.
    pub dropped: u64,
    /// Refused by the service for good.
    pub refused: u64,
}

#[uniffi::export]
impl Outbox {
    /// Goes on with the file at `path`, or begins it; its folder has to exist. `seed` spreads the retries of different
    /// devices.
    #[uniffi::constructor]
    pub fn open(path: &str, seed: u64) -> Result<Self> {
        guarded(|| Ok(Self(Turns::new(outbox::Outbox::open(LogStore::new(FileDisk::open(path)?), seed)?))))
    }

    /// Takes an event in; when this returns it survives a crash and a power cut.
    pub fn enqueue(&self, event: Event) -> Result<()> {
        self.keep(&event.into())
    }

    /// Takes events in, with one sync for as many as a record of the file holds. Where one is refused those before it are
    /// in, and the rest are not.
    pub fn enqueue_all(&self, events: Vec<Event>) -> Result<()> {
        let events: Vec<_> = events.into_iter().map(segue_core::Event::from).collect();
        self.call(|outbox| outbox.enqueue_all(&events))
    }

    /// What to do now, with a body of at most so many bytes.
    pub fn next(&self, now_ms: i64, most_bytes: u32) -> Result<Next> {
        let most_bytes = usize::try_from(most_bytes).unwrap_or(usize::MAX);
        self.call(|outbox| Ok(outbox.next(now_ms, most_bytes).into()))
    }

    /// What the answer to the batch on its way means; what is settled leaves the file.
    pub fn answered(&self, answer: Answer, now_ms: i64) -> Result<Outcome> {
        self.settle(answer.status, answer.retry_after_ms, &answer.body, now_ms)
    }

    /// The batch on its way comes back without a verdict.
    pub fn give_back(&self) -> Result<()> {
        self.tell(|outbox| outbox.give_back())
    }

    /// The network is back: a wait the service did not ask for ends.
    pub fn wake(&self) -> Result<()> {
        self.tell(|outbox| outbox.wake())
    }

    /// The host has other credentials.
    pub fn renew_credentials(&self) -> Result<()> {
        self.tell(|outbox| outbox.renew_credentials())
    }

    /// How many events wait, those on their way included.
    pub fn waiting(&self) -> Result<u64> {
        self.call(|outbox| Ok(outbox.queue().waiting() as u64))
    }

    /// Events given up so far.
    pub fn lost(&self) -> Result<Lost> {
        self.call(|outbox| {
            let outbox::Lost { dropped, refused } = outbox.queue().lost();
            Ok(Lost { dropped, refused })
        })
    }
}

type Kept = outbox::Outbox<LogStore<FileDisk>>;

impl Outbox {
    pub(crate) fn keep(&self, event: &segue_core::Event) -> Result<()> {
        self.call(|outbox| outbox.enqueue(event))
    }

    pub(crate) fn settle(
        &self,
        status: u16,
        retry_after_ms: Option<u64>,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Outcome> {
        let answer = outbox::Answer { status, retry_after_ms, body };
        self.call(|outbox| outbox.answered(&answer, now_ms).map(Outcome::from))
    }

    fn tell(&self, work: impl FnOnce(&mut Kept)) -> Result<()> {
        self.call(|outbox| {
            work(outbox);
            Ok(())
        })
    }

    fn call<T>(&self, work: impl FnOnce(&mut Kept) -> segue_core::Result<T>) -> Result<T> {
        guarded(|| Ok(self.0.take(None, work).ok_or_else(SegueError::busy)??))
    }
}

impl From<outbox::Next> for Next {
    fn from(next: outbox::Next) -> Self {
        match next {
            outbox::Next::Empty => Self::Empty,
            outbox::Next::Busy => Self::Busy,
            outbox::Next::Wait(milliseconds) => Self::Wait { milliseconds },
            outbox::Next::Credentials => Self::Credentials,
            outbox::Next::Send(Batch { sequences, body }) => Self::Send { sequences, body },
        }
    }
}

impl From<outbox::Outcome> for Outcome {
    fn from(outcome: outbox::Outcome) -> Self {
        // The change is stored already.
        let outbox::Outcome { verdict, taken, refused, change: _ } = outcome;
        let refused = refused.into_iter().map(Refusal::from).collect();
        Self { verdict: verdict.name().to_owned(), taken, refused }
    }
}

impl From<outbox::Refusal> for Refusal {
    fn from(refusal: outbox::Refusal) -> Self {
        let outbox::Refusal { event_id, code, detail } = refusal;
        Self { event_id, code, detail }
    }
}

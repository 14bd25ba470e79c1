//! A queue with its store: for hosts whose storage answers at once.

use super::{Answer, Next, Outcome, Queue, Store};
use crate::error::Result;
use crate::session::Event;

/// Events on their way, each kept before it is acknowledged.
///
/// ```
/// use segue_core::outbox::{Answer, MemoryStore, Next, Outbox};
/// use segue_core::{Event, EventKind};
///
/// # fn main() -> segue_core::Result<()> {
/// let mut outbox = Outbox::open(MemoryStore::default(), 7)?;
/// outbox.enqueue(&Event::new("e1", "track-7", EventKind::Like, 1_767_225_600_000))?;
/// if let Next::Send(batch) = outbox.next(1_767_225_600_000, usize::MAX) {
///     println!("POST /api/v1/events {}", batch.body);
///     let body = br#"{"accepted":1,"duplicates":0,"rejected":[]}"#;
///     outbox.answered(&Answer { status: 202, retry_after_ms: None, body }, 1_767_225_600_040)?;
/// }
/// assert_eq!(outbox.queue().waiting(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outbox<S> {
    store: S,
    queue: Queue,
}

impl<S: Store> Outbox<S> {
    /// Goes on with what `store` holds. `seed` spreads the retries of different clients.
    ///
    /// # Errors
    /// `storage_failed`, `format_unknown`.
    pub fn open(mut store: S, seed: u64) -> Result<Self> {
        let queue = Queue::new(store.load()?, seed);
        Ok(Self { store, queue })
    }

    /// Takes an event in; when this returns it survives a crash and a power cut.
    ///
    /// # Errors
    /// `event_invalid`, `too_large`, `outbox_full`; `storage_failed`: hand the event over again.
    pub fn enqueue(&mut self, event: &Event) -> Result<()> {
        let change = self.queue.admit(event)?;
        self.store.commit(&change)?;
        self.queue.apply(&change);
        Ok(())
    }

    /// What to do now, see [`Queue::next`].
    pub fn next(&mut self, now_ms: i64, most_bytes: usize) -> Next {
        self.queue.next(now_ms, most_bytes)
    }

    /// What the answer to the batch on its way means; what is settled leaves the store.
    ///
    /// # Errors
    /// `storage_failed`: the events stay and are sent again, which the service notices by their ids.
    pub fn answered(&mut self, answer: &Answer<'_>, now_ms: i64) -> Result<Outcome> {
        let outcome = self.queue.answered(answer, now_ms);
        if !outcome.change.is_empty() {
            self.store.commit(&outcome.change)?;
            self.queue.apply(&outcome.change);
        }
        Ok(outcome)
    }

    /// The queue, to look at.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Gives the batch on its way back, see [`Queue::give_back`].
    pub fn give_back(&mut self) {
        self.queue.give_back();
    }

    /// The network is back, see [`Queue::wake`].
    pub fn wake(&mut self) {
        self.queue.wake();
    }

    /// The host has other credentials, see [`Queue::renew_credentials`].
    pub fn renew_credentials(&mut self) {
        self.queue.renew_credentials();
    }
}

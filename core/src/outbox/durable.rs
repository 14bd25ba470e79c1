//! A queue with its store: for hosts whose storage answers at once.

use std::slice;

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
        self.enqueue_all(slice::from_ref(event))
    }

    /// Takes events in like [`Outbox::enqueue`], with one commit for as many as a record holds.
    ///
    /// # Errors
    /// Those of the first event that is refused: the ones before it are in, it and the ones after it are not.
    pub fn enqueue_all(&mut self, mut events: &[Event]) -> Result<()> {
        while !events.is_empty() {
            let (change, taken, refusal) = self.queue.admit_first(events);
            if taken > 0 {
                self.store.commit(&change)?;
                self.queue.apply(&change);
            }
            refusal?;
            events = events.get(taken..).unwrap_or_default();
        }
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

#[cfg(test)]
mod tests {
    use super::super::{Change, Lost, Stored};
    use super::*;
    use crate::error::Code;
    use crate::limits;
    use crate::outbox::MemoryStore;
    use crate::session::EventKind;

    /// Rows in memory, and how often something was committed.
    #[derive(Default)]
    struct Counted {
        kept: MemoryStore,
        commits: usize,
    }

    impl Store for Counted {
        fn load(&mut self) -> Result<Stored> {
            self.kept.load()
        }

        fn commit(&mut self, change: &Change) -> Result<()> {
            self.commits += 1;
            self.kept.commit(change)
        }
    }

    fn events(kind: EventKind, count: usize) -> Vec<Event> {
        (0..count).map(|number| Event::new(format!("{kind:?}-{number}"), "t1", kind.clone(), 1)).collect()
    }

    fn opened() -> Outbox<Counted> {
        Outbox::open(Counted::default(), 1).unwrap()
    }

    #[test]
    fn what_is_shown_together_is_kept_by_one_commit() {
        let mut outbox = opened();
        outbox.enqueue_all(&events(EventKind::Impression, 50)).unwrap();
        assert_eq!((outbox.store.commits, outbox.queue.waiting()), (1, 50));
    }

    #[test]
    fn more_than_a_record_holds_is_kept_by_several() {
        let mut outbox = opened();
        outbox.enqueue_all(&events(EventKind::Impression, 1_000)).unwrap();
        assert!((2..50).contains(&outbox.store.commits), "{} commits", outbox.store.commits);
        let (kept, waiting) = (outbox.store.load().unwrap(), outbox.queue.rows());
        assert!(kept.rows.iter().eq(waiting), "the store holds what waits, in the same order");
    }

    #[test]
    fn of_many_that_do_not_fit_the_oldest_go_though_they_came_together() {
        let mut outbox = opened();
        outbox.enqueue_all(&events(EventKind::Impression, limits::OUTBOX_EVENTS + 30)).unwrap();
        assert_eq!(outbox.queue.waiting(), limits::OUTBOX_EVENTS);
        assert_eq!(outbox.queue.lost(), Lost { dropped: 30, refused: 0 });
        assert!(outbox.store.load().unwrap().rows.iter().eq(outbox.queue.rows()));
    }

    #[test]
    fn those_before_a_refused_event_are_in() {
        let mut outbox = opened();
        let mut many = events(EventKind::Like, 5);
        many[3].event_id.clear();
        assert_eq!(outbox.enqueue_all(&many).unwrap_err().code(), Code::EventInvalid);
        assert_eq!((outbox.store.commits, outbox.queue.waiting()), (1, 3));
    }
}

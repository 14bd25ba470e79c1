//! The queue's decisions: what to keep, what to send next, what an answer means. Plain data, no I/O.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::backoff::Backoff;
use super::receipt::Receipt;
use super::{Answer, Batch, Change, Lost, Next, Outcome, Refusal, Row, Stored, Verdict, Worth};
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::session::Event;

/// Waiting events and how their delivery goes.
///
/// Methods that decide return what has to be stored as a [`Change`]; once it is durable the host hands it to
/// [`Queue::apply`]. Nothing is acknowledged before.
#[derive(Debug, Clone)]
pub struct Queue {
    rows: BTreeMap<u64, Row>,
    by_worth: BTreeSet<(Worth, u64)>,
    bytes: usize,
    lost: Lost,
    next_sequence: u64,
    backoff: Backoff,
    in_flight: Option<Vec<u64>>,
    most_events: usize,
    needs_credentials: bool,
}

impl Queue {
    /// A queue of what a store holds. `seed` spreads the retries of different clients.
    #[must_use]
    pub fn new(stored: Stored, seed: u64) -> Self {
        let mut queue = Self {
            rows: BTreeMap::new(),
            by_worth: BTreeSet::new(),
            bytes: 0,
            lost: Lost::default(),
            next_sequence: 1,
            backoff: Backoff::new(seed),
            in_flight: None,
            most_events: limits::OUTBOX_BATCH_EVENTS,
            needs_credentials: false,
        };
        queue.apply(&Change { put: stored.rows, remove: Vec::new(), lost: stored.lost });
        queue
    }

    /// The waiting events in their order.
    #[cfg(test)]
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// How many events wait, those on their way included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of the waiting events.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events given up so far.
    #[must_use]
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Whether an event of `bytes` fits beside `events` waiting ones of `waiting_bytes` without dropping any.
    #[must_use]
    pub fn fits(events: usize, waiting_bytes: usize, bytes: usize) -> bool {
        events < limits::OUTBOX_EVENTS && waiting_bytes.saturating_add(bytes) <= limits::OUTBOX_BYTES
    }

    /// What has to be stored to take `event` in: its row, and what goes to make room for it.
    ///
    /// # Errors
    /// `event_invalid`, `too_large`; `outbox_full` when everything that waits is worth more.
    pub fn admit(&self, event: &Event) -> Result<Change> {
        let row = Row::of(event, self.next_sequence)?;
        let remove = self.make_room(&row)?;
        let lost = Lost { dropped: remove.len() as u64, refused: 0 };
        Ok(Change { put: vec![row], remove, lost })
    }

    /// What has to be stored to take the first of `events` in, as many as one record holds, and how many those are; with
    /// the refusal of the one after them, if that is why they are no more.
    pub(super) fn admit_first(&self, events: &[Event]) -> (Change, usize, Result<()>) {
        let mut ahead = Cow::Borrowed(self);
        let mut whole = Change::default();
        for (number, event) in events.iter().enumerate() {
            let change = match ahead.admit(event) {
                Ok(change) => change,
                Err(refusal) => return (whole, number, Err(refusal)),
            };
            let is_full = whole.size().saturating_add(change.size()) > limits::OUTBOX_RECORD_BYTES / 2;
            if is_full && number > 0 {
                return (whole, number, Ok(()));
            }
            if number + 1 < events.len() {
                ahead.to_mut().apply(&change);
            }
            whole.join(change);
        }
        (whole, events.len(), Ok(()))
    }

    /// The rows that go: the oldest of the least worth, none that is worth more than the newcomer, never a lasting one.
    fn make_room(&self, newcomer: &Row) -> Result<Vec<u64>> {
        let (mut events, mut bytes) = (self.rows.len(), self.bytes);
        let mut gone = Vec::new();
        let mut candidates = self.by_worth.iter();
        while !Self::fits(events, bytes, newcomer.json.len()) {
            let candidate = candidates.next();
            let Some((_, sequence)) =
                candidate.filter(|(worth, _)| *worth <= newcomer.worth && *worth < Worth::Lasting)
            else {
                let detail = format!("{events} events of {bytes} bytes wait and are worth more.");
                return Err(Error::new(Code::OutboxFull, detail));
            };
            gone.push(*sequence);
            events = events.saturating_sub(1);
            bytes = bytes.saturating_sub(self.rows.get(sequence).map_or(0, |row| row.json.len()));
        }
        Ok(gone)
    }

    /// Takes over a change that is durable now.
    pub fn apply(&mut self, change: &Change) {
        for sequence in &change.remove {
            self.forget(*sequence);
        }
        for row in &change.put {
            self.forget(row.sequence);
            self.next_sequence = self.next_sequence.max(row.sequence.saturating_add(1));
            self.bytes = self.bytes.saturating_add(row.json.len());
            self.by_worth.insert((row.worth, row.sequence));
            self.rows.insert(row.sequence, row.clone());
        }
        self.lost = self.lost.plus(change.lost);
    }

    /// Puts the rows of a store that others write to as well in place of those at hand; delivery goes on as it was.
    pub fn replace(&mut self, rows: Vec<Row>) {
        self.rows.clear();
        self.by_worth.clear();
        self.bytes = 0;
        self.apply(&Change { put: rows, ..Change::default() });
    }

    fn forget(&mut self, sequence: u64) {
        if let Some(row) = self.rows.remove(&sequence) {
            self.bytes = self.bytes.saturating_sub(row.json.len());
            self.by_worth.remove(&(row.worth, sequence));
        }
    }

    /// What to do now. `most_bytes` bounds the body, for requests that outlive their page.
    pub fn next(&mut self, now_ms: i64, most_bytes: usize) -> Next {
        if self.in_flight.is_some() {
            return Next::Busy;
        }
        if self.needs_credentials {
            return Next::Credentials;
        }
        let wait = self.backoff.left_ms(now_ms);
        if wait > 0 && !self.rows.is_empty() {
            return Next::Wait(wait);
        }
        match Batch::of(self.rows.values(), now_ms, self.most_events, most_bytes) {
            Some(batch) => {
                self.in_flight = Some(batch.sequences.clone());
                Next::Send(batch)
            }
            None => Next::Empty,
        }
    }

    /// What the answer to the batch on its way means. `now_ms` is when it came.
    pub fn answered(&mut self, answer: &Answer<'_>, now_ms: i64) -> Outcome {
        let sent = self.in_flight.take().unwrap_or_default();
        let receipt = if answer.is_success() { Receipt::read(answer.body, sent.len()) } else { None };
        if let Some(receipt) = receipt {
            return self.accepted(&receipt, sent);
        }
        let verdict = Verdict::without_receipt(answer.status, sent.len());
        let mut outcome = Outcome { verdict, taken: 0, refused: Vec::new(), change: Change::default() };
        match verdict {
            Verdict::Halved => self.most_events = sent.len().div_ceil(2),
            Verdict::Refused => {
                outcome.refused =
                    sent.iter().map(|sequence| self.refusal(*sequence, answer.status)).collect();
                outcome.change = removed(sent, outcome.refused.len());
                // A service that refuses everything must not be asked about every event at once.
                self.backoff.failed(now_ms, None);
            }
            Verdict::Credentials => self.needs_credentials = true,
            Verdict::Passing => self.backoff.failed(now_ms, answer.retry_after_ms),
            Verdict::Accepted => {}
        }
        outcome
    }

    fn accepted(&mut self, receipt: &Receipt, sent: Vec<u64>) -> Outcome {
        self.backoff.succeeded();
        self.most_events = self.most_events.saturating_mul(2).min(limits::OUTBOX_BATCH_EVENTS);
        let refused: Vec<Refusal> = receipt
            .rejected
            .iter()
            .map(|row| Refusal {
                event_id: sent.get(row.index).map(|sequence| self.event_id(*sequence)).unwrap_or_default(),
                code: row.code.clone(),
                detail: row.detail.clone(),
            })
            .collect();
        let change = removed(sent, refused.len());
        Outcome { verdict: Verdict::Accepted, taken: receipt.taken(), refused, change }
    }

    fn refusal(&self, sequence: u64, status: u16) -> Refusal {
        let detail = format!("alone in its batch it was answered with status {status}");
        Refusal { event_id: self.event_id(sequence), code: format!("http_{status}"), detail }
    }

    fn event_id(&self, sequence: u64) -> String {
        self.rows.get(&sequence).and_then(Row::event_id).unwrap_or_default()
    }

    /// Gives the batch on its way back without a verdict, as when the page is about to go: it is sent again.
    pub fn give_back(&mut self) {
        self.in_flight = None;
    }

    /// The network is back: a wait that the service did not ask for ends.
    pub fn wake(&mut self) {
        self.backoff.wake();
    }

    /// The host has other credentials now.
    pub fn renew_credentials(&mut self) {
        self.needs_credentials = false;
    }
}

fn removed(sequences: Vec<u64>, refused: usize) -> Change {
    Change { put: Vec::new(), remove: sequences, lost: Lost { dropped: 0, refused: refused as u64 } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::EventKind;

    fn event(id: &str, kind: EventKind) -> Event {
        Event::new(id, "t1", kind, 1)
    }

    fn enqueue(queue: &mut Queue, id: &str, kind: EventKind) {
        let change = queue.admit(&event(id, kind)).unwrap();
        queue.apply(&change);
    }

    fn queue_of(count: usize) -> Queue {
        let mut queue = Queue::new(Stored::default(), 1);
        for number in 0..count {
            enqueue(&mut queue, &format!("e{number}"), EventKind::Skip);
        }
        queue
    }

    fn send(queue: &mut Queue, now_ms: i64) -> Batch {
        match queue.next(now_ms, usize::MAX) {
            Next::Send(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    fn answer(queue: &mut Queue, status: u16, body: &str) -> Outcome {
        let outcome = queue.answered(&Answer { status, retry_after_ms: None, body: body.as_bytes() }, 0);
        queue.apply(&outcome.change);
        outcome
    }

    fn accept(queue: &mut Queue, events: usize) -> Outcome {
        answer(queue, 202, &format!(r#"{{"accepted":{events},"duplicates":0,"rejected":[]}}"#))
    }

    #[test]
    fn events_leave_in_their_order_and_only_once_confirmed() {
        let mut queue = queue_of(3);
        let batch = send(&mut queue, 0);
        assert_eq!(batch.sequences, [1, 2, 3]);
        assert_eq!(queue.next(0, usize::MAX), Next::Busy);
        assert_eq!(queue.waiting(), 3);
        assert_eq!(accept(&mut queue, 3).taken, 3);
        assert_eq!((queue.waiting(), queue.bytes()), (0, 0));
        assert_eq!(queue.next(0, usize::MAX), Next::Empty);
    }

    #[test]
    fn a_row_the_receipt_refuses_leaves_with_its_code_and_the_others_are_taken() {
        let mut queue = queue_of(2);
        send(&mut queue, 0);
        let body =
            r#"{"accepted":1,"duplicates":0,"rejected":[{"index":1,"code":"item_missing","detail":"x"}]}"#;
        let outcome = answer(&mut queue, 202, body);
        assert_eq!((outcome.verdict, outcome.taken), (Verdict::Accepted, 1));
        assert_eq!(
            (outcome.refused[0].event_id.as_str(), outcome.refused[0].code.as_str()),
            ("e1", "item_missing")
        );
        assert_eq!((queue.waiting(), queue.lost().refused), (0, 1));
    }

    #[test]
    fn a_success_without_a_receipt_takes_nothing_away() {
        let mut queue = queue_of(2);
        for body in ["<html>", "", r#"{"accepted":1,"duplicates":0,"rejected":[]}"#] {
            send(&mut queue, 1_000_000);
            assert_eq!(answer(&mut queue, 200, body).verdict, Verdict::Passing);
            assert_eq!(queue.waiting(), 2);
        }
    }

    #[test]
    fn statuses_that_say_nothing_about_the_events_cost_none() {
        for status in [0, 100, 302, 404, 405, 408, 410, 425, 429, 500, 502, 503, 599] {
            let mut queue = queue_of(2);
            send(&mut queue, 0);
            assert_eq!(answer(&mut queue, status, "").verdict, Verdict::Passing, "{status}");
            assert!(matches!(queue.next(0, usize::MAX), Next::Wait(_)), "{status}");
            assert_eq!(send(&mut queue, 2_000).sequences, [1, 2], "{status}");
        }
    }

    #[test]
    fn an_event_at_fault_is_found_by_halving_and_costs_no_other() {
        let mut queue = queue_of(40);
        let (mut now, mut taken) = (0, Vec::new());
        while queue.waiting() > 0 {
            now += 1_000_000;
            let batch = send(&mut queue, now);
            if batch.sequences.contains(&17) {
                answer(&mut queue, 413, "");
            } else {
                accept(&mut queue, batch.sequences.len());
                taken.extend(batch.sequences);
            }
        }
        assert_eq!(taken, (1..=40).filter(|sequence| *sequence != 17).collect::<Vec<u64>>());
        assert_eq!(queue.lost(), Lost { dropped: 0, refused: 1 });
    }

    #[test]
    fn a_service_that_refuses_everything_is_not_asked_about_every_event_at_once() {
        let mut queue = queue_of(2);
        send(&mut queue, 0);
        assert_eq!(answer(&mut queue, 400, "").verdict, Verdict::Halved);
        send(&mut queue, 0);
        assert_eq!(answer(&mut queue, 400, "").verdict, Verdict::Refused);
        assert!(matches!(queue.next(0, usize::MAX), Next::Wait(_)));
    }

    #[test]
    fn without_credentials_nothing_is_sent_and_with_new_ones_everything() {
        let mut queue = queue_of(2);
        send(&mut queue, 0);
        assert_eq!(answer(&mut queue, 401, "").verdict, Verdict::Credentials);
        assert_eq!(queue.next(i64::MAX, usize::MAX), Next::Credentials);
        queue.renew_credentials();
        assert_eq!(send(&mut queue, 0).sequences, [1, 2]);
    }

    #[test]
    fn a_batch_given_back_is_sent_again_at_once() {
        let mut queue = queue_of(2);
        let batch = send(&mut queue, 0);
        queue.give_back();
        assert_eq!(send(&mut queue, 0), batch);
    }

    #[test]
    fn an_answer_nobody_waits_for_changes_nothing() {
        let mut queue = queue_of(2);
        assert!(accept(&mut queue, 2).change.is_empty());
        assert!(answer(&mut queue, 400, "").change.is_empty());
        assert_eq!(queue.waiting(), 2);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_of_the_least_worth_and_counts_it() {
        let mut queue = queue_of(limits::OUTBOX_EVENTS - 2);
        enqueue(&mut queue, "seen", EventKind::Impression);
        enqueue(&mut queue, "liked", EventKind::Like);
        let change = queue.admit(&event("new", EventKind::Skip)).unwrap();
        assert_eq!(change.remove, [limits::OUTBOX_EVENTS as u64 - 1], "the impression goes first");
        queue.apply(&change);
        let change = queue.admit(&event("newer", EventKind::Skip)).unwrap();
        assert_eq!(change.remove, [1], "then the oldest skip");
        queue.apply(&change);
        assert_eq!(queue.lost().dropped, 2);
        let error = queue.admit(&event("least", EventKind::Impression)).unwrap_err();
        assert_eq!(error.code(), Code::OutboxFull, "what waits is worth more than an impression");
        assert_eq!(queue.waiting(), limits::OUTBOX_EVENTS);
    }

    #[test]
    fn likes_are_never_dropped_and_the_bytes_are_bounded_too() {
        let mut queue = Queue::new(Stored::default(), 1);
        let large = |number: usize| {
            let mut event = event(&format!("e{number}"), EventKind::Like);
            event.context.insert("note".into(), "x".repeat(limits::OUTBOX_EVENT_BYTES - 400));
            event
        };
        let refused = (0..limits::OUTBOX_EVENTS).find_map(|number| match queue.admit(&large(number)) {
            Ok(change) => {
                assert!(change.remove.is_empty());
                queue.apply(&change);
                None
            }
            Err(error) => Some(error.code()),
        });
        assert_eq!(refused, Some(Code::OutboxFull));
        assert!(queue.bytes() <= limits::OUTBOX_BYTES && queue.bytes() > limits::OUTBOX_BYTES * 9 / 10);
    }

    #[test]
    fn rows_of_a_shared_store_replace_those_at_hand_and_the_wait_goes_on() {
        let mut queue = queue_of(3);
        send(&mut queue, 0);
        answer(&mut queue, 503, "");
        let row = Row { sequence: 8, worth: Worth::Lasting, json: "{}".into() };
        queue.replace(vec![row]);
        assert_eq!((queue.waiting(), queue.bytes()), (1, 2));
        assert!(matches!(queue.next(0, usize::MAX), Next::Wait(_)));
        assert_eq!(send(&mut queue, 2_000).sequences, [8]);
    }

    #[test]
    fn a_restored_queue_goes_on_with_later_sequences() {
        let mut queue = queue_of(3);
        let stored =
            Stored { rows: queue.rows.values().cloned().collect(), lost: Lost { dropped: 4, refused: 5 } };
        let restored = Queue::new(stored, 9);
        assert_eq!((restored.waiting(), restored.bytes()), (queue.waiting(), queue.bytes()));
        assert_eq!(restored.lost(), Lost { dropped: 4, refused: 5 });
        assert_eq!(restored.admit(&event("x", EventKind::Like)).unwrap().put[0].sequence, 4);
        assert_eq!(send(&mut queue, 0).sequences, [1, 2, 3]);
    }
}

//! What every [`Store`] must do, as one suite: call [`check`] from a test of each store.

use super::{Answer, Change, Lost, Next, Outbox, Row, Store, Worth};
use crate::session::{Event, EventKind};

/// A place for one store at a time, empty at first, that outlives the store.
pub trait Place {
    /// A place that holds nothing.
    fn empty() -> Self;

    /// Opens the store in it, as after a restart.
    fn open(&mut self) -> impl Store + '_;
}

/// Runs the suite.
///
/// # Panics
/// When the store breaks a promise of its contract.
pub fn check<P: Place>() {
    an_empty_place_holds_nothing::<P>();
    rows_come_back_in_the_order_of_their_sequences::<P>();
    a_change_adds_removes_and_counts_at_once::<P>();
    removing_what_is_not_there_does_no_harm::<P>();
    bytes_come_back_as_they_were::<P>();
    what_was_committed_is_there_after_every_restart::<P>();
    an_outbox_sends_everything_exactly_once_over_restarts::<P>();
}

fn row(sequence: u64) -> Row {
    Row { sequence, worth: Worth::Ordinary, json: format!(r#"{{"event_id":"e{sequence}"}}"#) }
}

fn put(sequences: impl IntoIterator<Item = u64>) -> Change {
    Change { put: sequences.into_iter().map(row).collect(), ..Change::default() }
}

fn sequences(store: &mut impl Store) -> Vec<u64> {
    store.load().unwrap().rows.iter().map(|row| row.sequence).collect()
}

fn an_empty_place_holds_nothing<P: Place>() {
    let mut place = P::empty();
    let stored = place.open().load().unwrap();
    assert!(stored.rows.is_empty());
    assert_eq!(stored.lost, Lost::default());
}

fn rows_come_back_in_the_order_of_their_sequences<P: Place>() {
    let mut place = P::empty();
    place.open().commit(&put([2, 1, 300, 70_000, 5_000_000_000])).unwrap();
    assert_eq!(sequences(&mut place.open()), [1, 2, 300, 70_000, 5_000_000_000]);
}

fn a_change_adds_removes_and_counts_at_once<P: Place>() {
    let mut place = P::empty();
    let mut store = place.open();
    store.commit(&put(1..=4)).unwrap();
    let lost = Lost { dropped: 2, refused: 1 };
    let change = Change { put: vec![row(9)], remove: vec![1, 3], lost };
    store.commit(&change).unwrap();
    store.commit(&Change { lost, ..Change::default() }).unwrap();
    drop(store);
    assert_eq!(sequences(&mut place.open()), [2, 4, 9]);
    assert_eq!(place.open().load().unwrap().lost, Lost { dropped: 4, refused: 2 });
}

fn removing_what_is_not_there_does_no_harm<P: Place>() {
    let mut place = P::empty();
    let mut store = place.open();
    store.commit(&put([1])).unwrap();
    store.commit(&Change { remove: vec![7, 1, 1], ..Change::default() }).unwrap();
    assert_eq!(sequences(&mut store), Vec::<u64>::new());
}

fn bytes_come_back_as_they_were<P: Place>() {
    let mut place = P::empty();
    let mut strange = row(1);
    strange.json = "{\"title\":\"\u{0}\u{1f3b5} \\\" ' ; \u{feff}\"}".to_owned();
    strange.worth = Worth::Lasting;
    let change = Change { put: vec![strange.clone()], ..Change::default() };
    place.open().commit(&change).unwrap();
    assert_eq!(place.open().load().unwrap().rows, [strange]);
}

fn what_was_committed_is_there_after_every_restart<P: Place>() {
    let mut place = P::empty();
    for sequence in 1..=200 {
        let mut store = place.open();
        let remove = if sequence % 3 == 0 { vec![sequence - 1] } else { Vec::new() };
        store.commit(&Change { remove, ..put([sequence]) }).unwrap();
    }
    let expected: Vec<u64> = (1..=200).filter(|sequence| sequence % 3 != 2 || *sequence == 200).collect();
    assert_eq!(sequences(&mut place.open()), expected);
}

fn an_outbox_sends_everything_exactly_once_over_restarts<P: Place>() {
    let mut place = P::empty();
    let mut sent = Vec::new();
    for number in 0..30 {
        let mut outbox = Outbox::open(place.open(), number).unwrap();
        let event = Event::new(format!("e{number}"), "t1", EventKind::Like, 1);
        outbox.enqueue(&event).unwrap();
        let Next::Send(batch) = outbox.next(1, usize::MAX) else { panic!("nothing to send") };
        // Every third start ends before the answer arrives.
        if number % 3 != 0 {
            let events = batch.sequences.len();
            let body = format!(r#"{{"accepted":{events},"duplicates":0,"rejected":[]}}"#);
            let answer = Answer { status: 202, retry_after_ms: None, body: body.as_bytes() };
            outbox.answered(&answer, 1).unwrap();
            sent.push(batch.body);
        }
    }
    let all = sent.concat();
    for number in 0..30 {
        let id = format!(r#""event_id":"e{number}""#);
        assert_eq!(all.matches(&id).count(), 1, "{id}");
    }
    assert_eq!(sequences(&mut place.open()), Vec::<u64>::new());
}

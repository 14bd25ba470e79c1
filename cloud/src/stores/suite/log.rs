//! What every [`Log`] must do.

use std::ops::{ControlFlow, RangeInclusive};

use super::super::{Log, LogReader};
use crate::events::StoreError;

/// Runs the suite. What is opened is dropped before it is opened again: a log has one writer.
///
/// # Panics
/// When the log breaks a promise of its contract.
pub fn check(open: &dyn Fn() -> Box<dyn Log>) {
    an_empty_log_begins_at_one(open);
    batches_are_read_in_order_from_anywhere_and_after_a_restart(open);
    a_reader_goes_on_where_it_was_and_stops_where_it_is_told(open);
    a_batch_that_was_refused_is_read_again(open);
    what_is_taken_out_is_gone_and_numbers_stay(open);
    a_reader_at_the_end_goes_on_after_records_went(open);
    what_is_taken_out_from_a_number_on_is_gone_wherever_that_lies(open);
    what_stays_of_a_compacted_log_keeps_its_number_and_time(open);
}

/// A record tells its number and whose it is: every third one is another's. It is longer than whatever may stand in its place
/// when it was taken out.
fn record(number: u64) -> Vec<u8> {
    let whose = if is_theirs(number) { "theirs" } else { "ours" };
    let note = "long ".repeat(40);
    format!(r#"{{"event_id":"e{number}","user":"{whose}","note":"{note}"}}"#).into_bytes()
}

fn is_of_theirs(record: &[u8]) -> bool {
    String::from_utf8_lossy(record).contains(r#""theirs""#)
}

/// Numbers of the records of a range that nobody took out.
fn ours(numbers: RangeInclusive<u64>) -> Vec<u64> {
    numbers.filter(|number| !is_theirs(*number)).collect()
}

fn is_theirs(number: u64) -> bool {
    number.is_multiple_of(3)
}

/// Appends batches of two, the time of each being the number of its first record.
fn fill(log: &mut dyn Log, batches: usize) {
    for _ in 0..batches {
        let first = log.end();
        let records = [record(first), record(first + 1)];
        let numbers = log.append(&records.each_ref().map(Vec::as_slice), first as i64).unwrap();
        assert_eq!(numbers, first..first + 2);
        assert_eq!(log.end(), first + 2);
        assert_eq!(log.reader(0).end().unwrap(), first + 2);
    }
}

/// Numbers of the records that a reader shows, each of which is as it was appended.
fn numbers(reader: &mut dyn LogReader, last: u64) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    let flow = reader.read(last, &mut |batch| {
        assert!(!batch.is_gap || batch.records.is_empty());
        for (number, bytes) in &batch.records {
            assert_eq!(*bytes, record(*number));
            assert_eq!(batch.appended_ms as u64, number - (number + 1) % 2);
            numbers.push(*number);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    assert!(flow.is_continue());
    Ok(numbers)
}

fn an_empty_log_begins_at_one(open: &dyn Fn() -> Box<dyn Log>) {
    let log = open();
    assert_eq!(log.end(), 1);
    assert_eq!(numbers(&mut *log.reader(0), u64::MAX).unwrap(), Vec::<u64>::new());
}

fn batches_are_read_in_order_from_anywhere_and_after_a_restart(open: &dyn Fn() -> Box<dyn Log>) {
    fill(&mut *open(), 20);
    fill(&mut *open(), 10);
    let log = open();
    assert_eq!(log.end(), 61);
    for seen in [0, 1, 2, 31, 59, 60] {
        let mut reader = log.reader(seen);
        assert_eq!(numbers(&mut *reader, u64::MAX).unwrap(), (seen + 1..=60).collect::<Vec<_>>());
        assert_eq!(reader.seen(), 60);
    }
}

fn a_reader_goes_on_where_it_was_and_stops_where_it_is_told(open: &dyn Fn() -> Box<dyn Log>) {
    let mut log = open();
    let mut reader = log.reader(0);
    // The batch that begins at 19 is the last one.
    assert_eq!(numbers(&mut *reader, 19).unwrap(), (1..=20).collect::<Vec<_>>());
    assert_eq!(numbers(&mut *reader, 20).unwrap(), Vec::<u64>::new());
    assert_eq!(numbers(&mut *reader, 60).unwrap(), (21..=60).collect::<Vec<_>>());
    fill(&mut *log, 2);
    assert_eq!(numbers(&mut *reader, u64::MAX).unwrap(), [61, 62, 63, 64]);
}

fn a_batch_that_was_refused_is_read_again(open: &dyn Fn() -> Box<dyn Log>) {
    let log = open();
    let mut reader = log.reader(0);
    for answer in [Ok(ControlFlow::Break(())), Err(StoreError::Closed)] {
        let mut shown = 0;
        let read = reader.read(u64::MAX, &mut |_| {
            shown += 1;
            if shown == 3 { answer.clone() } else { Ok(ControlFlow::Continue(())) }
        });
        assert_eq!(read, answer);
    }
    assert_eq!(reader.seen(), 8);
    assert_eq!(numbers(&mut *reader, u64::MAX).unwrap(), (9..=64).collect::<Vec<_>>());
}

fn what_is_taken_out_is_gone_and_numbers_stay(open: &dyn Fn() -> Box<dyn Log>) {
    let mut log = open();
    let mut before = log.reader(0);
    assert_eq!(numbers(&mut *before, 9).unwrap().len(), 10);
    let settled = log.eraser().erase_settled(&is_of_theirs).unwrap();
    fill(&mut *log, 3);
    let gone = settled.gone + log.erase_from(settled.next, &is_of_theirs).unwrap();
    assert_eq!(gone, (1..=70).filter(|number| is_theirs(*number)).count() as u64);
    assert_eq!(log.end(), 71);
    assert_eq!(numbers(&mut *log.reader(0), u64::MAX).unwrap(), ours(1..=70));
    // Once an error, as what was read last is another now.
    let read_on = numbers(&mut *before, u64::MAX).or_else(|_| numbers(&mut *before, u64::MAX));
    assert_eq!(read_on.unwrap(), ours(11..=70));
    assert_eq!(log.erase_from(1, &is_of_theirs).unwrap(), 0, "nothing is left of it");
    drop(log);
    let mut log = open();
    assert_eq!(log.end(), 71);
    assert_eq!(numbers(&mut *log.reader(0), u64::MAX).unwrap(), ours(1..=70));
    fill(&mut *log, 1);
    assert_eq!(numbers(&mut *log.reader(70), u64::MAX).unwrap(), [71, 72]);
}

/// What it read last may be shorter now than where it stands.
fn a_reader_at_the_end_goes_on_after_records_went(open: &dyn Fn() -> Box<dyn Log>) {
    let mut log = open();
    fill(&mut *log, 3);
    let mut before = log.reader(72);
    assert_eq!(numbers(&mut *before, u64::MAX).unwrap(), (73..=78).collect::<Vec<_>>());
    let settled = log.eraser().erase_settled(&is_of_theirs).unwrap();
    // Those of 72, 75 and 78.
    assert_eq!(settled.gone + log.erase_from(settled.next, &is_of_theirs).unwrap(), 3);
    let mut read_on = || numbers(&mut *before, u64::MAX).or_else(|_| numbers(&mut *before, u64::MAX));
    assert_eq!(read_on().unwrap(), Vec::<u64>::new());
    for first in [79, 81, 83] {
        fill(&mut *log, 1);
        assert_eq!(read_on().unwrap(), [first, first + 1]);
    }
}

fn what_is_taken_out_from_a_number_on_is_gone_wherever_that_lies(open: &dyn Fn() -> Box<dyn Log>) {
    let mut log = open();
    // The first of a batch, the second of one, the last record, and none at all.
    for back in [4, 3, 1, 0] {
        fill(&mut *log, 3);
        let (from, last) = (log.end() - back, log.end() - 1);
        let wanted = (from..=last).filter(|number| is_theirs(*number)).count() as u64;
        assert!(log.erase_from(from, &is_of_theirs).unwrap() >= wanted);
        assert_eq!(numbers(&mut *log.reader(from - 1), u64::MAX).unwrap(), ours(from..=last));
    }
}

/// How much is settled is the log's own affair: of what does not stay some may be left, and nothing goes of what stays.
fn what_stays_of_a_compacted_log_keeps_its_number_and_time(open: &dyn Fn() -> Box<dyn Log>) {
    let mut log = open();
    fill(&mut *log, 12);
    let (end, after) = (log.end() - 5, log.end());
    let all = numbers(&mut *log.reader(0), u64::MAX).unwrap();
    let mut before = log.reader(0);
    numbers(&mut *before, 40).unwrap();
    let seen = before.seen();
    let stays = |number: u64, bytes: &[u8]| {
        assert_eq!(bytes, record(number));
        // Both of a batch, the first, the second, or none.
        number % 8 < 3 || number % 8 == 6
    };
    let gone = log.eraser().compact(end, &stays).unwrap();
    let left = numbers(&mut *log.reader(0), u64::MAX).unwrap();
    assert_eq!(left.len() as u64 + gone, all.len() as u64);
    assert!(left.iter().all(|number| all.contains(number)), "{left:?} of {all:?}");
    let may_go = |number: u64| number < end && !stays(number, &record(number));
    assert!(all.iter().all(|number| may_go(*number) || left.contains(number)), "{left:?} of {all:?}");
    let rest: Vec<u64> = left.iter().copied().filter(|number| *number > seen).collect();
    let read_on = numbers(&mut *before, u64::MAX).or_else(|_| numbers(&mut *before, u64::MAX));
    assert_eq!(read_on.unwrap(), rest);
    for from in 0..after {
        let rest: Vec<u64> = left.iter().copied().filter(|number| *number > from).collect();
        let mut reader = log.reader(from);
        assert_eq!(numbers(&mut *reader, u64::MAX).unwrap(), rest, "after {from}");
        assert_eq!((reader.seen(), reader.end().unwrap()), (after - 1, after));
    }
    assert_eq!(log.eraser().compact(end, &stays).unwrap(), 0, "nothing is left to go");
    drop(log);
    let mut log = open();
    assert_eq!(log.end(), after);
    assert_eq!(numbers(&mut *log.reader(0), u64::MAX).unwrap(), left);
    fill(&mut *log, 1);
    assert_eq!(numbers(&mut *log.reader(after - 1), u64::MAX).unwrap(), [after, after + 1]);
}

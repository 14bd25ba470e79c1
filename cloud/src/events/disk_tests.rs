//! The power is cut under a log on a real folder: while it grows, goes over to the next segment and forgets somebody.

use std::path::Path;

use super::super::frame::Frame;
use super::super::log::{EventLog, STUB};
use super::*;
use crate::stores::Log as _;
use crate::stores::power_cut::{Recorded, Recording, Syncs};

/// A segment takes two commits.
const SEGMENT_BYTES: u64 = 400;
/// How many records there are before somebody is forgotten.
const BEFORE: usize = 7;

/// Longer than a stub, and every third one theirs.
fn record(number: usize) -> Vec<u8> {
    let whose = if number.is_multiple_of(3) { "theirs" } else { "ours" };
    format!(r#"{{"event_id":"e{number}","user":"{whose}","note":"{}"}}"#, "long ".repeat(12)).into_bytes()
}

fn is_theirs(line: &[u8]) -> bool {
    (0..=BEFORE).step_by(3).any(|number| line == record(number))
}

fn opened(
    data: &Path,
    each: impl FnMut(&Frame<'_>) -> Result<(), String>,
) -> Result<EventLog<FolderDisk>, String> {
    EventLog::open(FolderDisk::new(data), SEGMENT_BYTES, each).map_err(|error| error.to_string())
}

/// What was promised after how many operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promised {
    /// So many records are in the log.
    Stored(usize),
    /// Theirs are not.
    Forgotten,
}

/// Records are appended, some forgotten, and after a stop and a start one more is appended.
fn recorded(data: &Path) -> (Recorded, Vec<(usize, Promised)>) {
    let (recording, mut promised) = (Recording::begin(data), Vec::new());
    let mut log = opened(data, |_| Ok(())).unwrap();
    for number in 0..BEFORE {
        log.append(&[&record(number)], 0).unwrap();
        promised.push((recording.so_far(), Promised::Stored(number + 1)));
    }
    assert_eq!(log.erase_from(1, &is_theirs).unwrap(), 3);
    promised.push((recording.so_far(), Promised::Forgotten));
    drop(log);
    let mut log = opened(data, |_| Ok(())).unwrap();
    log.append(&[&record(BEFORE)], 0).unwrap();
    promised.push((recording.so_far(), Promised::Stored(BEFORE + 1)));
    (recording.end(), promised)
}

/// The log opens, holds what was promised in its order, and takes records again.
fn check(data: &Path, promised: &[Promised]) -> Result<(), String> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut log = opened(data, |frame| {
        lines.extend(frame.lines().map(<[u8]>::to_owned));
        Ok(())
    })?;
    for (number, line) in lines.iter().enumerate() {
        let is_gone = line == STUB && is_theirs(&record(number));
        if !is_gone && *line != record(number) {
            return Err(format!("record {number} is another"));
        }
        if is_theirs(line) && promised.contains(&Promised::Forgotten) {
            return Err(format!("record {number} is back"));
        }
    }
    let lost =
        promised.iter().find(|promised| matches!(promised, Promised::Stored(count) if *count > lines.len()));
    if let Some(lost) = lost {
        return Err(format!("{} records are there instead of {lost:?}", lines.len()));
    }
    log.append(&[b"{}"], 0).map(drop).map_err(|error| error.to_string())
}

fn losses(syncs: Syncs) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    let (recorded, promised) = recorded(data.path());
    recorded.losses(syncs, (1, 29), |data, done| {
        let by_now: Vec<Promised> =
            promised.iter().filter(|(operations, _)| *operations <= done).map(|(_, what)| *what).collect();
        check(data, &by_now)
    })
}

#[test]
fn what_was_acknowledged_is_in_the_log_of_a_folder_after_any_power_cut_and_who_was_forgotten_is_not() {
    assert_eq!(losses(Syncs::Done), Vec::<String>::new());
}

/// The check above sees what a disk does that passes over syncs.
#[test]
fn without_the_syncs_the_same_check_sees_the_loss() {
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        assert!(!losses(syncs).is_empty(), "{syncs:?}");
    }
}

/// Of the records that are written down, those that neither go as they are old nor are theirs.
const STAY: [usize; 3] = [1, 4, 5];

/// The log opens, and what stays of the first `stored` records is there under its number.
fn check_stays(data: &Path, stored: usize) -> Result<(), String> {
    let mut found = Vec::new();
    opened(data, |frame| {
        found.extend(frame.numbered().map(|(number, line)| (number, line.to_owned())));
        Ok(())
    })?;
    let is_there = |index: usize| found.contains(&(index as u64 + 1, record(index)));
    match STAY.into_iter().find(|index| *index < stored && !is_there(*index)) {
        Some(lost) => Err(format!("record {lost} is lost")),
        None => Ok(()),
    }
}

#[test]
fn what_was_written_down_over_segments_old_events_and_erasures_refuses_no_start_after_any_power_cut() {
    let data = tempfile::tempdir().unwrap();
    let (recording, mut stored) = (Recording::begin(data.path()), Vec::new());
    let mut log = opened(data.path(), |_| Ok(())).unwrap();
    for number in 0..BEFORE {
        log.append(&[&record(number)], 0).unwrap();
        stored.push(recording.so_far());
        if !number.is_multiple_of(3) {
            log.write_down();
        }
    }
    assert_eq!(log.eraser().compact(4, &|number, _| number == 2).unwrap(), 2);
    log.write_down();
    assert_eq!(log.erase_from(1, &is_theirs).unwrap(), 2);
    drop(log);
    let recorded = recording.end();
    let check = |data: &Path, done: usize| {
        check_stays(data, stored.iter().filter(|operations| **operations <= done).count())
    };
    assert_eq!(recorded.losses(Syncs::Done, (1, 29), check), Vec::<String>::new());
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        assert!(!recorded.losses(syncs, (1, usize::MAX), check).is_empty(), "{syncs:?}");
    }
}

//! Reading the log as it grows.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use super::disk::FolderDisk;
use super::error::StoreError;
use super::segments::SegmentReader;
use crate::catalog::Event;
use crate::stores::{Batch, LogReader};

/// An event of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Its sequence number; the first is 1.
    pub number: u64,
    /// When the service took it in, in milliseconds since 1970.
    pub received_ms: i64,
    /// What happened.
    pub event: Event,
}

/// A reader that goes on where it left off; reading costs what is new.
#[derive(Debug)]
pub struct Tail {
    log: Box<dyn LogReader>,
    passed_over: BTreeSet<u64>,
    gone_ms: Option<i64>,
}

impl Tail {
    /// Begins after event number `seen` of the log of data folder `data`.
    #[must_use]
    pub fn new(data: &Path, seen: u64) -> Self {
        Self { log: reader_of(data, seen), passed_over: BTreeSet::new(), gone_ms: None }
    }

    /// The number of the last event that was read.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.log.seen()
    }

    /// When the latest event came in of those in the place of which a gap was read, as they were old and gone, in milliseconds
    /// since 1970; 0 where all in it had been erased before, none where there was no gap.
    #[must_use]
    pub fn gone_ms(&self) -> Option<i64> {
        self.gone_ms
    }

    /// Goes on after these events where they cannot be read.
    pub fn pass_over(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.passed_over.extend(numbers);
    }

    /// Shows every event after those that were read to `each`, commit by commit, as long as a commit begins at number
    /// `last` or before; what was erased is passed over. People who are to be forgotten are shown: ask for each.
    ///
    /// Whoever keeps a place in the log names as `last` what is known to be synced: an event may be read a moment before,
    /// and after a power cut in that moment its number is given to another.
    ///
    /// # Errors
    /// The folder cannot be read, a segment is damaged, or [`StoreError::Unreadable`] of one event; what was shown counts
    /// as read.
    pub fn read(&mut self, last: u64, mut each: impl FnMut(Arrival)) -> Result<(), StoreError> {
        let Self { log, passed_over: over, gone_ms } = self;
        let read = log.read(last, &mut |batch| {
            if batch.is_gap {
                *gone_ms = (*gone_ms).max(Some(batch.appended_ms));
            }
            arrivals(batch, over)?.into_iter().for_each(&mut each);
            Ok(ControlFlow::Continue(()))
        });
        read.map(drop)
    }
}

/// A reader of the log of data folder `data` that begins after event number `seen`.
pub(super) fn reader_of(data: &Path, seen: u64) -> Box<dyn LogReader> {
    Box::new(SegmentReader::new(FolderDisk::new(super::folder(data)), seen))
}

/// The events of a batch, but for those that are passed over and cannot be read. One that can be is shown whatever was noted
/// about its number: the note may be about a log that was moved away.
pub(super) fn arrivals(batch: &Batch<'_>, over: &BTreeSet<u64>) -> Result<Vec<Arrival>, StoreError> {
    let arrivals = batch.records.iter().filter_map(|(number, line)| match serde_json::from_slice(line) {
        Ok(event) => Some(Ok(Arrival { number: *number, received_ms: batch.appended_ms, event })),
        Err(_) if over.contains(number) => None,
        Err(error) => Some(Err(StoreError::unreadable(*number, &error, line))),
    });
    arrivals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::log::EventLog;
    use crate::stores::Log as _;

    fn line(id: usize) -> Vec<u8> {
        format!(r#"{{"event_id":"{id}","item":"i","kind":"like","time_ms":{id}}}"#).into_bytes()
    }

    fn numbers(tail: &mut Tail, last: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        tail.read(last, |arrival| numbers.push(arrival.number)).unwrap();
        numbers
    }

    #[test]
    fn each_event_is_read_once_over_all_segments_up_to_the_last_that_is_sure() {
        let data = tempfile::tempdir().unwrap();
        let disk = FolderDisk::new(crate::events::folder(data.path()));
        disk.create_folder().unwrap();
        let mut log = EventLog::open(disk, 300, |_| Ok(())).unwrap();
        let mut tail = Tail::new(data.path(), 0);
        assert!(numbers(&mut tail, u64::MAX).is_empty());
        let mut read = Vec::new();
        for commit in 0..10 {
            let lines: Vec<Vec<u8>> = (0..3).map(|id| line(commit * 3 + id)).collect();
            log.append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>(), 5).unwrap();
            let sure = (commit * 3) as u64;
            read.extend(numbers(&mut tail, sure));
            assert_eq!(tail.seen(), sure, "a commit that may not be synced was read");
        }
        read.extend(numbers(&mut tail, 30));
        assert_eq!(read, (1..=30).collect::<Vec<u64>>());
        assert_eq!(numbers(&mut Tail::new(data.path(), 10), u64::MAX), (11..=30).collect::<Vec<u64>>());
    }

    #[test]
    fn a_segment_that_was_replaced_under_the_reader_is_read_on() {
        let data = tempfile::tempdir().unwrap();
        let disk = FolderDisk::new(crate::events::folder(data.path()));
        disk.create_folder().unwrap();
        let mut log = EventLog::open(disk, 1 << 20, |_| Ok(())).unwrap();
        let mut tail = Tail::new(data.path(), 0);
        for id in 0..20 {
            log.append(&[&line(id)], 5).unwrap();
        }
        assert_eq!(numbers(&mut tail, u64::MAX).len(), 20);
        log.erase_from(1, &|bytes| bytes == line(7)).unwrap();
        log.append(&[&line(20)], 5).unwrap();
        assert_eq!(numbers(&mut tail, u64::MAX), [21]);
    }

    #[test]
    fn what_was_old_and_went_is_told_by_its_time_and_who_was_forgotten_is_not() {
        let data = tempfile::tempdir().unwrap();
        let disk = FolderDisk::new(crate::events::folder(data.path()));
        disk.create_folder().unwrap();
        let mut log = EventLog::open(disk, 1, |_| Ok(())).unwrap();
        for id in 1..=10 {
            log.append(&[&line(id)], 10 * id as i64).unwrap();
        }
        assert_eq!(log.erase_from(1, &|bytes| bytes == line(9)).unwrap(), 1);
        let gone_ms = |seen: u64| {
            let mut tail = Tail::new(data.path(), seen);
            numbers(&mut tail, u64::MAX);
            tail.gone_ms()
        };
        assert_eq!(gone_ms(0), None);
        assert_eq!(log.eraser().compact(8, &|number, _| number % 2 == 0).unwrap(), 4);
        assert_eq!([0, 6, 7].map(gone_ms), [Some(70), Some(70), None]);
        // What is behind it came in later than anything that was old.
        assert_eq!(log.eraser().compact(10, &|number, _| number % 2 == 0).unwrap(), 0);
        assert_eq!([0, 7, 9].map(gone_ms), [Some(70), Some(0), None]);
    }
}

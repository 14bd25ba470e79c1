//! Reading the log as it grows.

use std::collections::BTreeSet;
use std::path::Path;

use super::disk::{Disk, FolderDisk};
use super::error::StoreError;
use super::frame::Frame;
use super::log::{STUB, scan, segment_names};
use super::reader::first_of;
use crate::catalog::Event;

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
pub struct Tail<D = FolderDisk> {
    disk: D,
    seen: u64,
    passed_over: BTreeSet<u64>,
    /// The segment that was read last, and how far.
    at: Option<(String, usize)>,
}

impl Tail {
    /// Begins after event number `seen` of the log of data folder `data`.
    #[must_use]
    pub fn new(data: &Path, seen: u64) -> Self {
        Self::on_disk(FolderDisk::new(super::folder(data)), seen)
    }
}

impl<D: Disk> Tail<D> {
    pub(crate) fn on_disk(disk: D, seen: u64) -> Self {
        Self { disk, seen, passed_over: BTreeSet::new(), at: None }
    }

    /// The number of the last event that was read.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Goes on after these events, though nobody can read them.
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
        let names = segment_names(&self.disk)?;
        for (index, name) in names.iter().enumerate() {
            let next = names.get(index + 1);
            let is_read = next.and_then(|next| first_of(next)).is_some_and(|next| next <= self.seen + 1);
            if is_read || first_of(name).is_some_and(|first| first > last) {
                continue;
            }
            let read = self.segment(name, next.is_none(), last, &mut each);
            if read.is_err() {
                // An erasure may have put another file in the segment's place.
                self.at = None;
            }
            read?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        name: &str,
        is_last: bool,
        last: u64,
        each: &mut impl FnMut(Arrival),
    ) -> Result<(), StoreError> {
        let begun = self.at.take().filter(|(at, _)| at == name).map_or(0, |(_, offset)| offset);
        let bytes =
            self.disk.read_from(name, begun).map_err(|error| StoreError::disk("read", name, &error))?;
        let (mut offset, mut seen, over) = (begun, self.seen, &self.passed_over);
        let scanned = scan(name, &bytes, is_last, |frame| {
            let end = frame.first + frame.events - 1;
            if frame.first > last {
                return Ok(());
            }
            if end > seen {
                if frame.first > seen + 1 {
                    return Err(StoreError::damaged(name, begun + frame.end, "another event should follow"));
                }
                show(frame, |number| number > seen && !over.contains(&number), each)?;
                seen = end;
            }
            offset = begun + frame.end;
            Ok(())
        });
        self.seen = seen;
        self.at = Some((name.to_owned(), offset));
        scanned.map(|_| ())
    }
}

/// Shows the events of a commit that are wanted to `each`, but for what was erased.
pub(super) fn show(
    frame: &Frame<'_>,
    is_wanted: impl Fn(u64) -> bool,
    each: &mut impl FnMut(Arrival),
) -> Result<(), StoreError> {
    let lines = (frame.first..).zip(frame.lines());
    let wanted = lines.filter(|(number, line)| is_wanted(*number) && *line != STUB);
    let arrivals: Result<Vec<Arrival>, StoreError> = wanted
        .map(|(number, line)| {
            let event =
                serde_json::from_slice(line).map_err(|error| StoreError::unreadable(number, &error, line))?;
            Ok(Arrival { number, received_ms: frame.received_ms, event })
        })
        .collect();
    arrivals?.into_iter().for_each(each);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::log::EventLog;

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
        let mut log = EventLog::open(disk, 300, |_, _| Ok(())).unwrap();
        let mut tail = Tail::new(data.path(), 0);
        assert!(numbers(&mut tail, u64::MAX).is_empty());
        let mut read = Vec::new();
        for commit in 0..10 {
            let lines: Vec<Vec<u8>> = (0..3).map(|id| line(commit * 3 + id)).collect();
            log.commit(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>(), 5).unwrap();
            let sure = (commit * 3) as u64;
            read.extend(numbers(&mut tail, sure));
            assert_eq!(tail.seen(), sure, "a commit that may not be synced was read");
        }
        read.extend(numbers(&mut tail, 30));
        assert_eq!(read, (1..=30).collect::<Vec<u64>>());
        assert_eq!(numbers(&mut Tail::new(data.path(), 10), u64::MAX), (11..=30).collect::<Vec<u64>>());
    }

    #[test]
    fn a_segment_that_was_replaced_under_the_reader_is_an_error_once_and_then_read_on() {
        let data = tempfile::tempdir().unwrap();
        let disk = FolderDisk::new(crate::events::folder(data.path()));
        disk.create_folder().unwrap();
        let mut log = EventLog::open(disk, 1 << 20, |_, _| Ok(())).unwrap();
        let mut tail = Tail::new(data.path(), 0);
        for id in 0..20 {
            log.commit(&[&line(id)], 5).unwrap();
        }
        assert_eq!(numbers(&mut tail, u64::MAX).len(), 20);
        log.erase("", |bytes| bytes == line(7)).unwrap();
        log.commit(&[&line(20)], 5).unwrap();
        assert!(tail.read(u64::MAX, |_| ()).is_err());
        assert_eq!(numbers(&mut tail, u64::MAX), [21]);
    }
}

//! The log itself: segments of commits, opened, repaired and appended to.
//!
//! One thread owns it. Everything it returned from [`Log::append`] is on
//! the disk; whatever else is found after a crash is either a whole commit
//! nobody was told about, which is synced before it counts, or a torn one that
//! is cut off.

use std::ops::Range;
use std::time::Instant;

use super::acknowledged;
use super::disk::Disk;
use super::error::StoreError;
use super::frame::{self, Broken, Frame};
use super::segments::SegmentEraser;
use crate::stores::{Log, LogEraser};

/// The ending of a segment's name; what else lies in the folder is left alone.
pub(crate) const ENDING: &str = ".jsonl";

/// The ending of what was cut off a segment, or stood in it before it was mended.
pub(crate) const TORN: &str = ".torn";

/// What stands in the place of an event that was erased: nobody's, about nothing.
pub(crate) const STUB: &[u8] =
    br#"{"event_id":"","user":"","session":"","item":"","kind":"erased","time_ms":0}"#;

/// The append-only log of received events.
#[derive(Debug)]
pub(crate) struct EventLog<D: Disk> {
    disk: D,
    segment_bytes: u64,
    /// The segment appended to and its length, once there is one.
    last: Option<(String, u64)>,
    next: u64,
    /// The number of the next event when that was written down last; what the disk refused is tried again.
    written_down: u64,
    /// Set after a failed sync: the disk's state is unknown until the log is opened again.
    failed: Option<String>,
}

impl<D: Disk> EventLog<D> {
    /// Opens the log, cuts off a torn last commit, shows every commit to `each`, and syncs what a killed process
    /// may have written and not synced: a later try with the same events is answered without another sync.
    ///
    /// # Errors
    /// The disk cannot be read, or an acknowledged commit is damaged.
    pub(crate) fn open(
        mut disk: D,
        segment_bytes: u64,
        mut each: impl FnMut(&Frame<'_>) -> Result<(), String>,
    ) -> Result<Self, StoreError> {
        let acknowledged = acknowledged::end(&disk)?;
        let names = segment_names(&disk)?;
        let mut next = 1;
        let mut last = None;
        for (index, name) in names.iter().enumerate() {
            begin(name, next)?;
            let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
            let is_last = index + 1 == names.len();
            let end = scan(name, &bytes, is_last, |frame| {
                take(frame, name, &mut next)?;
                each(frame).map_err(|why| StoreError::damaged(name, frame.end, &why))
            })?;
            if is_last {
                acknowledged::check(acknowledged, name, end, next)?;
            }
            if end < bytes.len() {
                cut_torn_commit(&mut disk, name, &bytes, end)?;
            }
            last = Some((name.clone(), end as u64));
        }
        if names.is_empty() {
            acknowledged::check(acknowledged, &segment_name(next), 0, next)?;
        }
        if let Some((name, _)) = &last {
            disk.sync(name).map_err(|error| StoreError::disk("sync", name, &error))?;
        }
        let is_written = next > acknowledged && acknowledged::write(&mut disk, next);
        let written_down = if is_written { next } else { acknowledged };
        Ok(Self { disk, segment_bytes, last, next, written_down, failed: None })
    }

    /// A segment that is as it was may be appended to. Of another one nobody knows whether a power cut brings back what
    /// was there before, without what is appended.
    fn not_replaced(&mut self, name: &str, before: &[u8], error: &std::io::Error) -> StoreError {
        match self.disk.read(name) {
            Ok(now) if now == before => StoreError::disk("replace", name, error),
            _ => self.fail(name, error),
        }
    }

    fn remove_torn(&mut self) -> Result<(), StoreError> {
        let names =
            self.disk.names().map_err(|error| StoreError::disk("list", "the event folder", &error))?;
        for name in names.iter().filter(|name| name.ends_with(TORN)) {
            self.disk.remove(name).map_err(|error| StoreError::disk("remove", name, &error))?;
        }
        Ok(())
    }

    /// The segment to append to; a full one is followed by a new one.
    fn segment(&mut self) -> Result<(String, u64), StoreError> {
        if let Some((name, length)) = &self.last
            && *length < self.segment_bytes
        {
            return Ok((name.clone(), *length));
        }
        let name = segment_name(self.next);
        self.disk.create(&name).map_err(|error| StoreError::disk("create", &name, &error))?;
        self.last = Some((name.clone(), 0));
        Ok((name, 0))
    }

    /// A write that failed half way (a full disk) is undone, so that the next may succeed.
    fn take_back(&mut self, name: &str, length: u64, error: &std::io::Error) -> StoreError {
        match self.disk.truncate(name, length) {
            Ok(()) => StoreError::disk("append to", name, error),
            Err(_) => self.fail(name, error),
        }
    }

    /// What comes to be broken before the end of the log from now on is damage. Of a log that was moved away, and may have another
    /// in its place, nothing is written down.
    fn acknowledge(&mut self) {
        if let Some((name, length)) = &self.last
            && self.failed.is_none()
            && self.disk.length(name).is_ok_and(|there| there == *length)
            && acknowledged::write(&mut self.disk, self.next)
        {
            self.written_down = self.next;
        }
    }

    fn fail(&mut self, name: &str, error: &std::io::Error) -> StoreError {
        let why = format!("{name}: {error}");
        self.failed = Some(why.clone());
        StoreError::Failed(why)
    }
}

/// An orderly stop.
impl<D: Disk> Drop for EventLog<D> {
    fn drop(&mut self) {
        self.acknowledge();
    }
}

impl<D: Disk + Clone + 'static> Log for EventLog<D> {
    fn end(&self) -> u64 {
        self.next
    }

    fn append(&mut self, records: &[&[u8]], now_ms: i64) -> Result<Range<u64>, StoreError> {
        if let Some(why) = &self.failed {
            return Err(StoreError::Failed(why.clone()));
        }
        let bytes = frame::encode(self.next, now_ms, records.iter().copied());
        let (name, length) = self.segment()?;
        if let Err(error) = self.disk.append(&name, &bytes) {
            return Err(self.take_back(&name, length, &error));
        }
        let begun = Instant::now();
        let synced = self.disk.sync(&name);
        metrics::histogram!("segue_event_sync_seconds").record(begun.elapsed().as_secs_f64());
        if let Err(error) = synced {
            // After a failed sync the kernel may call the lost pages clean: a second sync would succeed and prove
            // nothing. So the commit goes, or the next start would take it for stored; when it cannot even be
            // cut off there is nothing more to try on this disk.
            let _ = self.disk.truncate(&name, length);
            return Err(self.fail(&name, &error));
        }
        let first = self.next;
        self.next += records.len() as u64;
        self.last = Some((name, length + bytes.len() as u64));
        Ok(first..self.next)
    }

    fn write_down(&mut self) {
        if self.next > self.written_down {
            self.acknowledge();
        }
    }

    fn eraser(&self) -> Box<dyn LogEraser> {
        Box::new(SegmentEraser::new(self.disk.clone()))
    }

    /// Puts the stub of an erased event in the place of every event that `is_erased` says, segment by segment. What was cut
    /// off after a crash goes as a whole.
    fn erase_from(&mut self, number: u64, is_erased: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError> {
        if let Some(why) = &self.failed {
            return Err(StoreError::Failed(why.clone()));
        }
        let (mut erased, names) = (0, segment_names(&self.disk)?);
        for (index, name) in names.iter().enumerate() {
            // One ends where the next one begins.
            let next = names.get(index + 1).and_then(|next| first_of(next));
            if next.is_some_and(|next| next <= number) {
                continue;
            }
            let bytes = self.disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
            let (kept, gone) = without(name, &bytes, is_erased)?;
            if gone == 0 {
                continue;
            }
            if let Err(error) = self.disk.replace(name, &kept) {
                return Err(self.not_replaced(name, &bytes, &error));
            }
            if let Some((last, length)) = &mut self.last
                && last == name
            {
                *length = kept.len() as u64;
            }
            erased += gone;
        }
        self.remove_torn()?;
        Ok(erased)
    }
}

/// Names of the segments, oldest first.
pub(crate) fn segment_names(disk: &(impl Disk + ?Sized)) -> Result<Vec<String>, StoreError> {
    let mut names = disk.names().map_err(|error| StoreError::disk("list", "the event folder", &error))?;
    names.retain(|name| name.ends_with(ENDING));
    names.sort_unstable();
    Ok(names)
}

/// The name of the segment that begins with this event.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}{ENDING}")
}

/// The sequence number a segment begins with, by its name.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(ENDING)?.parse().ok()
}

/// Calls `each` for every whole commit; returns where the last one ends.
///
/// Only the last segment may end in a torn commit, and only with nothing whole after it.
pub(crate) fn scan(
    name: &str,
    bytes: &[u8],
    is_last: bool,
    mut each: impl FnMut(&Frame<'_>) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let mut offset = 0;
    while let Some(decoded) = frame::decode(bytes, offset) {
        match decoded {
            Ok(frame) => {
                each(&frame)?;
                offset = frame.end;
            }
            Err(Broken::Newer(format)) => {
                return Err(StoreError::Newer { segment: name.to_owned(), format });
            }
            Err(Broken::Damaged) if is_last && !frame::whole_frame_after(bytes, offset) => return Ok(offset),
            Err(Broken::Damaged) => {
                return Err(StoreError::damaged(name, offset, "its checksum does not match"));
            }
        }
    }
    Ok(offset)
}

/// The bytes of a segment with stubs in the place of what `is_erased` says, and how many there are.
pub(super) fn without(
    name: &str,
    bytes: &[u8],
    is_erased: &dyn Fn(&[u8]) -> bool,
) -> Result<(Vec<u8>, u64), StoreError> {
    let (mut kept, mut gone, mut begin) = (Vec::with_capacity(bytes.len()), 0, 0);
    scan(name, bytes, false, |frame| {
        let erased = frame.lines().filter(|line| is_erased(line)).count() as u64;
        if erased == 0 {
            kept.extend_from_slice(&bytes[begin..frame.end]);
        } else {
            let lines = frame.lines().map(|line| if is_erased(line) { STUB } else { line });
            kept.extend(frame::encode(frame.first, frame.received_ms, lines));
        }
        gone += erased;
        begin = frame.end;
        Ok(())
    })?;
    Ok((kept, gone))
}

/// Checks that a segment begins where the one before it ended. One that nothing was written to yet has nothing but its name to
/// tell by.
pub(super) fn begin(name: &str, next: u64) -> Result<(), StoreError> {
    match first_of(name) {
        Some(first) if first > next => {
            let (last, missing) = (first - 1, segment_name(next));
            let why = format!(
                "events {next} to {last} are missing before it: {missing}, or the end of the segment before"
            );
            Err(StoreError::damaged(name, 0, &why))
        }
        _ => Ok(()),
    }
}

/// Checks that a commit continues the log, and counts its events.
pub(super) fn take(frame: &Frame<'_>, name: &str, next: &mut u64) -> Result<(), StoreError> {
    if frame.first != *next {
        let why = format!("event {next} should follow, event {} does", frame.first);
        return Err(StoreError::damaged(name, frame.end, &why));
    }
    *next += frame.events;
    Ok(())
}

fn cut_torn_commit(disk: &mut impl Disk, name: &str, bytes: &[u8], end: usize) -> Result<(), StoreError> {
    let aside = format!("{name}.{end}{TORN}");
    tracing::warn!(segment = name, offset = end, bytes = bytes.len() - end, "cutting off a torn last commit");
    disk.set_aside(&aside, &bytes[end..]).map_err(|error| StoreError::disk("write", &aside, &error))?;
    disk.truncate(name, end as u64).map_err(|error| StoreError::disk("truncate", name, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::FolderDisk;
    use crate::events::power_cut::PowerCutDisk;
    use crate::stores::suite;

    fn opened(disk: impl Disk + Clone + 'static, segment_bytes: u64) -> Box<dyn Log> {
        Box::new(EventLog::open(disk, segment_bytes, |_| Ok(())).unwrap())
    }

    #[test]
    fn a_log_of_segments_does_what_a_log_does_whatever_their_length() {
        for segment_bytes in [1, 700, 1 << 20] {
            let folder = tempfile::tempdir().unwrap();
            suite::log(&|| opened(FolderDisk::new(folder.path()), segment_bytes));
            let disk = PowerCutDisk::default();
            suite::log(&|| opened(disk.clone(), segment_bytes));
        }
    }
}

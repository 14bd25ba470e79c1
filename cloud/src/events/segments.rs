//! The segments of the log as those see them who do not append: readers, and whoever takes people's events out.

use std::io;
use std::ops::ControlFlow;

use super::compact::compacted;
use super::disk::Disk;
use super::error::StoreError;
use super::frame::{Frame, may_begin};
use super::log::{STUB, first_of, scan, segment_names, without};
use crate::stores::{Batch, LogEraser, LogReader, Settled};

/// Reads commit by commit; reading on costs what is new.
#[derive(Debug)]
pub(crate) struct SegmentReader<D> {
    disk: D,
    seen: u64,
    /// The segment that was read last, and how far.
    at: Option<(String, usize)>,
}

impl<D: Disk> SegmentReader<D> {
    /// Begins after event number `seen`.
    pub(crate) fn new(disk: D, seen: u64) -> Self {
        Self { disk, seen, at: None }
    }

    /// What follows what was read of a segment, and where that begins. At its beginning where an erasure put another file in
    /// its place, whose commits lie elsewhere.
    fn unread_bytes(&mut self, name: &str) -> io::Result<(usize, Vec<u8>)> {
        if let Some((_, begun)) = self.at.take().filter(|(at, _)| at == name) {
            let bytes = self.disk.read_from(name, begun)?;
            let is_there = !bytes.is_empty() || self.disk.length(name)? >= begun as u64;
            if is_there && may_begin(&bytes) {
                return Ok((begun, bytes));
            }
        }
        Ok((0, self.disk.read(name)?))
    }

    fn segment(
        &mut self,
        name: &str,
        is_last: bool,
        last: u64,
        each: &mut dyn FnMut(&Batch<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let (begun, bytes) =
            self.unread_bytes(name).map_err(|error| StoreError::disk("read", name, &error))?;
        let (mut offset, mut seen, mut flow) = (begun, self.seen, ControlFlow::Continue(()));
        let scanned = scan(name, &bytes, is_last, |frame| {
            let end = frame.first + frame.events - 1;
            if frame.first > last || flow.is_break() {
                return Ok(());
            }
            if end > seen {
                if frame.first > seen + 1 {
                    return Err(StoreError::damaged(name, begun + frame.end, "another event should follow"));
                }
                flow = each(&unread(frame, seen))?;
                if flow.is_break() {
                    return Ok(());
                }
                seen = end;
            }
            offset = begun + frame.end;
            Ok(())
        });
        self.seen = seen;
        self.at = Some((name.to_owned(), offset));
        scanned.map(|_| flow)
    }
}

impl<D: Disk> LogReader for SegmentReader<D> {
    fn seen(&self) -> u64 {
        self.seen
    }

    fn end(&self) -> Result<u64, StoreError> {
        let names = segment_names(&self.disk)?;
        let Some(name) = names.last() else { return Ok(1) };
        // Nothing may be in it yet: its name says what it begins with.
        let mut end = first_of(name).unwrap_or(1);
        let bytes = self.disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
        scan(name, &bytes, true, |frame| {
            end = end.max(frame.first + frame.events);
            Ok(())
        })?;
        Ok(end)
    }

    fn read(
        &mut self,
        last: u64,
        each: &mut dyn FnMut(&Batch<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError> {
        let names = segment_names(&self.disk)?;
        for (index, name) in names.iter().enumerate() {
            let next = names.get(index + 1);
            let is_read =
                next.and_then(|next| first_of(next)).is_some_and(|next| next <= self.seen.saturating_add(1));
            if is_read || first_of(name).is_some_and(|first| first > last) {
                continue;
            }
            let read = self.segment(name, next.is_none(), last, each);
            if read.is_err() {
                // An erasure may have put another file in the segment's place, with a commit just where one was.
                self.at = None;
            }
            if read?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What a commit has after event number `seen`, but for what was erased.
fn unread<'a>(frame: &Frame<'a>, seen: u64) -> Batch<'a> {
    let records = frame.numbered().filter(|(number, line)| *number > seen && *line != STUB).collect();
    Batch { appended_ms: frame.received_ms, is_gap: frame.is_gap(), records }
}

/// Takes events out of segments that are full: they never change again, so they are read, and replaced, beside the writer. The one
/// that is appended to is the writer's own, and all that an erasure keeps it from its work for.
#[derive(Debug)]
pub(super) struct SegmentEraser<D> {
    disk: D,
}

impl<D: Disk> SegmentEraser<D> {
    pub(super) fn new(disk: D) -> Self {
        Self { disk }
    }
}

impl<D: Disk + Clone + 'static> LogEraser for SegmentEraser<D> {
    fn reader(&self, seen: u64) -> Box<dyn LogReader> {
        Box::new(SegmentReader::new(self.disk.clone(), seen))
    }

    fn erase_settled(&mut self, is_erased: &dyn Fn(&[u8]) -> bool) -> Result<Settled, StoreError> {
        let mut settled = Settled { next: 1, gone: 0 };
        loop {
            let mut full = segment_names(&self.disk)?;
            let last = full.pop().and_then(|last| first_of(&last));
            full.retain(|name| first_of(name).is_some_and(|first| first >= settled.next));
            let Some(next) = last.filter(|_| !full.is_empty()) else { return Ok(settled) };
            for name in full {
                let bytes = self.disk.read(&name).map_err(|error| StoreError::disk("read", &name, &error))?;
                let (kept, gone) = without(&name, &bytes, is_erased)?;
                if gone > 0 {
                    let replaced = self.disk.replace(&name, &kept);
                    replaced.map_err(|error| StoreError::disk("replace", &name, &error))?;
                }
                settled.gone += gone;
            }
            settled.next = next;
        }
    }

    fn compact(&mut self, end: u64, stays: &dyn Fn(u64, &[u8]) -> bool) -> Result<u64, StoreError> {
        let mut full = segment_names(&self.disk)?;
        full.pop();
        full.retain(|name| first_of(name).is_some_and(|first| first < end));
        let mut gone = 0;
        for name in full {
            let bytes = self.disk.read(&name).map_err(|error| StoreError::disk("read", &name, &error))?;
            let (kept, of_segment) = compacted(&name, &bytes, end, stays)?;
            if kept != bytes {
                let replaced = self.disk.replace(&name, &kept);
                replaced.map_err(|error| StoreError::disk("replace", &name, &error))?;
            }
            gone += of_segment;
        }
        Ok(gone)
    }
}

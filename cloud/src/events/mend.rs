//! Mending a log that is damaged or lacks a segment.
//!
//! Every event keeps its number: what cannot be read any more becomes the stub of an erased event, and whatever names events by
//! their numbers (counters, the training log, dead letters) goes on as if nothing had happened. A log that was begun anew would
//! give the old numbers to other events. What a backup of the same log holds is taken from there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::disk::{Disk as _, FolderDisk};
use super::error::StoreError;
use super::frame::{self, Broken, Frame};
use super::log::{STUB, TORN, first_of, segment_name, segment_names};
use super::store::lock;
use crate::erasure::Tombstones;

/// Stubs that one commit holds at most.
const STUBS: u64 = 20_000;

/// What became of a damaged log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// Segments that were written anew.
    pub segments: u64,
    /// Events that came out of the backup.
    pub restored: u64,
    /// Events that nobody can read any more.
    pub lost: u64,
}

/// Makes the log of data folder `data` whole again, out of what can be read of it and of that in `backup`, a backup's folder or
/// another data folder. A segment as it was stays beside it until somebody is forgotten. The service must not be running.
///
/// Whoever is to be forgotten is asked for again where there is a backup, which may tell of them still: the next start of the
/// service takes them out.
///
/// # Errors
/// The log is in use, cannot be read or written, or is of a newer version; the backup is one of another log. What was mended
/// by then stays so, and doing it again goes on.
pub fn mend(data: &Path, backup: Option<&Path>) -> Result<Mended, StoreError> {
    let folder = super::folder(data);
    let _lock = lock(&folder)?;
    let disk = FolderDisk::new(folder);
    let backup = backup.map(|backup| FolderDisk::new(super::folder(backup)));
    if let Some(backup) = &backup {
        check_same(&disk, backup)?;
        let tombstones = Tombstones::open(data).and_then(|tombstones| tombstones.ask_all_again());
        tombstones.map_err(|error| StoreError::Tombstones(format!("{error:#}")))?;
    }
    Mending { disk, backup, next: 1, received_ms: 0, mended: Mended::default() }.all()
}

struct Mending {
    disk: FolderDisk,
    backup: Option<FolderDisk>,
    /// The event that follows.
    next: u64,
    /// When the one before it came in.
    received_ms: i64,
    mended: Mended,
}

impl Mending {
    fn all(mut self) -> Result<Mended, StoreError> {
        let names = segment_names(&self.disk)?;
        if let Some(first) = names.first().and_then(|name| first_of(name)).filter(|first| *first > 1) {
            let bytes = self.filled(Some(first))?;
            self.put(&segment_name(1), &[], &bytes)?;
        }
        for (index, name) in names.iter().enumerate() {
            // A segment that is missing becomes the end of the one before.
            self.segment(name, names.get(index + 1).and_then(|next| first_of(next)))?;
        }
        Ok(self.mended)
    }

    /// Mends a segment; the one after it begins with event `end`.
    fn segment(&mut self, name: &str, end: Option<u64>) -> Result<(), StoreError> {
        let bytes = read(&self.disk, name)?;
        let (mut mended, mut at) = (Vec::with_capacity(bytes.len()), 0);
        for (begin, frame) in whole(name, &bytes)? {
            at = frame.end;
            let after = frame.first + frame.events;
            if frame.first >= self.next && end.is_none_or(|end| after <= end) {
                mended.extend(self.filled(Some(frame.first))?);
                mended.extend_from_slice(&bytes[begin..frame.end]);
                (self.next, self.received_ms) = (after, frame.received_ms);
            }
        }
        let rest = self.filled(end)?;
        // Behind the last commit may be half a one, which nobody was told of: the next start cuts it off.
        let is_torn = end.is_none() && rest.is_empty();
        mended.extend_from_slice(if is_torn { &bytes[at..] } else { &rest });
        self.put(name, &bytes, &mended)
    }

    /// Commits from the next event on, up to event `until`: those of the backup, and stubs for what it lacks; without `until`
    /// what the backup has.
    fn filled(&mut self, until: Option<u64>) -> Result<Vec<u8>, StoreError> {
        let mut filled = Vec::new();
        if until.is_some_and(|until| until <= self.next) {
            return Ok(filled);
        }
        for Commit { first, after, received_ms, bytes } in self.of_backup(until)? {
            self.stubs(first, &mut filled);
            filled.extend(bytes);
            self.mended.restored += after - first;
            (self.next, self.received_ms) = (after, received_ms);
        }
        if let Some(until) = until {
            self.stubs(until, &mut filled);
        }
        Ok(filled)
    }

    /// The backup's commits from the next event on that end before event `until`.
    fn of_backup(&self, until: Option<u64>) -> Result<Vec<Commit>, StoreError> {
        let (mut found, mut next) = (Vec::new(), self.next);
        let Some(backup) = &self.backup else { return Ok(found) };
        let names = segment_names(backup)?;
        for (index, name) in names.iter().enumerate() {
            let end = names.get(index + 1).and_then(|name| first_of(name));
            let is_after = until.is_some_and(|until| first_of(name).is_some_and(|first| first >= until));
            if is_after || end.is_some_and(|end| end <= next) {
                continue;
            }
            let bytes = read(backup, name)?;
            for (begin, frame) in whole(name, &bytes)? {
                let Frame { first, received_ms, end, .. } = frame;
                let after = first + frame.events;
                if first >= next && until.is_none_or(|until| after <= until) {
                    found.push(Commit { first, after, received_ms, bytes: bytes[begin..end].to_vec() });
                    next = after;
                }
            }
        }
        Ok(found)
    }

    /// Stubs for every event before `until`, which came in when the one before them did.
    fn stubs(&mut self, until: u64, to: &mut Vec<u8>) {
        while self.next < until {
            let events = (until - self.next).min(STUBS);
            to.extend(frame::encode(self.next, self.received_ms, (0..events).map(|_| STUB)));
            self.next += events;
            self.mended.lost += events;
        }
    }

    /// Puts a mended segment in its place, and keeps what it was as something that was cut off.
    fn put(&mut self, name: &str, before: &[u8], after: &[u8]) -> Result<(), StoreError> {
        if before == after {
            return Ok(());
        }
        if !before.is_empty() {
            let aside = format!("{name}.damaged{TORN}");
            let kept = self.disk.set_aside(&aside, before);
            kept.map_err(|error| StoreError::disk("write", &aside, &error))?;
        }
        self.disk.replace(name, after).map_err(|error| StoreError::disk("replace", name, &error))?;
        self.mended.segments += 1;
        Ok(())
    }
}

/// A commit of the backup.
struct Commit {
    first: u64,
    /// The number of the event after it.
    after: u64,
    received_ms: i64,
    bytes: Vec<u8>,
}

/// Checks that commits that both logs have came in at the same time: a log that was begun anew has the same numbers.
fn check_same(disk: &FolderDisk, backup: &FolderDisk) -> Result<(), StoreError> {
    let known = segment_names(backup)?;
    for name in segment_names(disk)?.into_iter().filter(|name| known.contains(name)) {
        let (ours, theirs) = (read(disk, &name)?, read(backup, &name)?);
        let (ours, theirs) = (begun(&name, &ours)?, begun(&name, &theirs)?);
        if ours.iter().any(|(first, commit)| theirs.get(first).is_some_and(|other| other != commit)) {
            return Err(StoreError::OtherLog(name));
        }
    }
    Ok(())
}

/// How many events each whole commit has and when it came in, by its first event: erasures change neither.
fn begun(name: &str, bytes: &[u8]) -> Result<BTreeMap<u64, (u64, i64)>, StoreError> {
    let commits = whole(name, bytes)?.into_iter();
    Ok(commits.map(|(_, frame)| (frame.first, (frame.events, frame.received_ms))).collect())
}

/// The whole commits of a segment, each with where it begins; damage between them is passed over.
fn whole<'a>(name: &str, bytes: &'a [u8]) -> Result<Vec<(usize, Frame<'a>)>, StoreError> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(decoded) = frame::decode(bytes, at) {
        match decoded {
            Ok(frame) => {
                let begin = std::mem::replace(&mut at, frame.end);
                found.push((begin, frame));
            }
            Err(Broken::Newer(format)) => {
                return Err(StoreError::Newer { segment: name.to_owned(), format });
            }
            Err(Broken::Damaged) => match frame::next_whole_frame(bytes, at) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    Ok(found)
}

fn read(disk: &FolderDisk, name: &str) -> Result<Vec<u8>, StoreError> {
    disk.read(name).map_err(|error| StoreError::disk("read", name, &error))
}

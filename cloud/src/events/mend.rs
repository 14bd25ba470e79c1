//! Mending a log that is damaged or lacks a segment.
//!
//! Every event keeps its number: what cannot be read any more becomes the stub of an erased event, and whatever names events by
//! their numbers (counters, the training log, dead letters) goes on as if nothing had happened. A log that was begun anew would
//! give the old numbers to other events. What a backup of the same log holds is taken from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::acknowledged;
use super::disk::{Disk as _, FolderDisk};
use super::error::StoreError;
use super::frame::{self, Broken, Frame};
use super::ledger::id_of;
use super::log::{STUB, TORN, first_of, segment_name, segment_names};
use super::store::{lock, try_rewriting};
use crate::erasure::Tombstones;

/// Stubs that one commit holds at most.
const STUBS: u64 = 20_000;

/// What became of a damaged log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// Segments that were written anew.
    pub segments: u64,
    /// Events that came out of the backup; what was erased in it too is none.
    pub restored: u64,
    /// Events for which stubs were written, as nobody can read them any more. The stubs of an earlier mending count again where
    /// the backup held others beside them, and where they stayed they do not.
    pub lost: u64,
}

/// Makes the log of data folder `data` whole again, out of what can be read of it and of that in `backup`, a backup's folder or
/// another data folder. A segment as it was stays beside it until somebody is forgotten. The service must not be running.
///
/// What an earlier mending had to give up comes back as well where `backup` has it, and a log that is gone as a whole.
///
/// Whoever is to be forgotten is asked for again where there is a backup, which may tell of them still: the next start of the
/// service takes them out.
///
/// # Errors
/// The log is in use, cannot be read or written, or is of a newer version; the backup is one of another log. What was mended
/// by then stays so, and doing it again goes on.
pub fn mend(data: &Path, backup: Option<&Path>) -> Result<Mended, StoreError> {
    let folder = super::folder(data);
    let disk = FolderDisk::new(&folder);
    if backup.is_some() && data.is_dir() {
        // The folder of a log that is gone may be gone with it.
        let made = disk.create_folder();
        made.map_err(|error| StoreError::disk("create", &folder.display().to_string(), &error))?;
    }
    let _lock = lock(&folder)?;
    let _rewriting = try_rewriting(&folder)?;
    let backup = backup.map(|backup| FolderDisk::new(super::folder(backup)));
    if let Some(backup) = &backup {
        check_same(&disk, backup)?;
        let tombstones = Tombstones::open(data).and_then(|tombstones| tombstones.ask_all_again());
        tombstones.map_err(|error| StoreError::Tombstones(format!("{error:#}")))?;
    }
    let acknowledged = acknowledged::end(&disk)?;
    Mending { disk, backup, acknowledged, next: 1, received_ms: 0, mended: Mended::default() }.all()
}

struct Mending {
    disk: FolderDisk,
    backup: Option<FolderDisk>,
    /// All events before this one were acknowledged, whatever the log ends with.
    acknowledged: u64,
    /// The event that follows.
    next: u64,
    /// When the one before it came in.
    received_ms: i64,
    mended: Mended,
}

impl Mending {
    fn all(mut self) -> Result<Mended, StoreError> {
        let names = segment_names(&self.disk)?;
        if names.is_empty() {
            self.backed_up()?;
        }
        if let Some(first) = names.first().and_then(|name| first_of(name)).filter(|first| *first > 1) {
            let bytes = self.filled(Some(first))?;
            self.put(&segment_name(1), &[], &bytes)?;
        }
        for (index, name) in names.iter().enumerate() {
            // A segment that is missing becomes the end of the one before.
            self.segment(name, names.get(index + 1).and_then(|next| first_of(next)))?;
        }
        // Nothing of it is there.
        let name = segment_name(self.next);
        let lost = self.filled(Some(self.acknowledged))?;
        if !lost.is_empty() {
            self.put(&name, &[], &lost)?;
        }
        Ok(self.mended)
    }

    /// Puts the backup's segments where there are none.
    fn backed_up(&mut self) -> Result<(), StoreError> {
        let Some(backup) = &self.backup else { return Ok(()) };
        let names = segment_names(backup)?;
        for end in names.iter().skip(1).map(|next| first_of(next)).chain([None]) {
            let name = segment_name(self.next);
            let bytes = self.filled(end)?;
            self.put(&name, &[], &bytes)?;
        }
        Ok(())
    }

    /// Mends a segment; the one after it begins with event `end`.
    fn segment(&mut self, name: &str, end: Option<u64>) -> Result<(), StoreError> {
        let bytes = read(&self.disk, name)?;
        let commits = whole(name, &bytes)?;
        let refilled = self.refilled(&commits)?;
        let (mut mended, mut at, mut given_up) = (Vec::with_capacity(bytes.len()), 0, 0);
        for (begin, frame) in commits {
            at = frame.end;
            let commit = Commit::of(&frame, &bytes[begin..frame.end]);
            if commit.first < self.next || end.is_some_and(|end| commit.after > end) {
                continue;
            }
            if refilled.contains(&commit.first) {
                given_up = commit.after;
                continue;
            }
            mended.extend(self.filled(Some(commit.first))?);
            self.mended.lost += commit.lost;
            mended.extend(commit.bytes);
            (self.next, self.received_ms) = (commit.after, commit.received_ms);
        }
        if end.is_none() {
            given_up = given_up.max(self.acknowledged);
        }
        // Their numbers were given, and are so still where the log ends with them.
        let given_up = self.filled(Some(given_up))?;
        let rest = self.filled(end)?;
        // Behind the last commit may be half a one, which nobody was told of: the next start cuts it off.
        let is_torn = end.is_none() && given_up.is_empty() && rest.is_empty();
        mended.extend(given_up);
        mended.extend_from_slice(if is_torn { &bytes[at..] } else { &rest });
        self.put(name, &bytes, &mended)
    }

    /// The commits, by their first events, that hold nothing but stubs of an earlier mending in the place of what the backup has.
    /// An erasure's stubs stay: their commit has the backup's events and date, and what a mending writes is never of that date.
    /// So do gaps, in which is what was let go of as it was old.
    fn refilled(&self, commits: &[(usize, Frame<'_>)]) -> Result<BTreeSet<u64>, StoreError> {
        let stubs = commits.iter().filter(|(_, frame)| is_stubs(frame) && !frame.is_gap());
        let stubs: BTreeMap<u64, (u64, i64)> =
            stubs.map(|(_, frame)| (frame.first, (frame.first + frame.events, frame.received_ms))).collect();
        let mut refilled = BTreeSet::new();
        let (Some((from, _)), Some((_, (until, _)))) = (stubs.first_key_value(), stubs.last_key_value())
        else {
            return Ok(refilled);
        };
        let theirs = self.of_backup(*from, Some(*until))?;
        for commit in theirs.iter().filter(|commit| commit.told > 0) {
            let it = (commit.first, (commit.after, commit.received_ms));
            let ours = stubs.range(..commit.after).rev().take_while(|(_, (after, _))| *after > commit.first);
            refilled.extend(ours.filter(|(first, of)| (**first, **of) != it).map(|(first, _)| *first));
        }
        Ok(refilled)
    }

    /// Commits from the next event on, up to event `until`: those of the backup, and stubs for what it lacks; without `until`
    /// what the backup has.
    fn filled(&mut self, until: Option<u64>) -> Result<Vec<u8>, StoreError> {
        let mut filled = Vec::new();
        if until.is_some_and(|until| until <= self.next) {
            return Ok(filled);
        }
        for commit in self.of_backup(self.next, until)? {
            self.stubs(commit.first, &mut filled);
            filled.extend(commit.bytes);
            self.mended.restored += commit.told;
            self.mended.lost += commit.lost;
            (self.next, self.received_ms) = (commit.after, commit.received_ms);
        }
        if let Some(until) = until {
            self.stubs(until, &mut filled);
        }
        Ok(filled)
    }

    /// The backup's commits from event `next` on and before event `until`. Of one that lies across either its part: of what is
    /// old here a part may be gone.
    fn of_backup(&self, mut next: u64, until: Option<u64>) -> Result<Vec<Commit>, StoreError> {
        let mut found = Vec::new();
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
                let (first, after) = (frame.first.max(next), frame.first + frame.events);
                let after = until.map_or(after, |until| after.min(until));
                if first < after {
                    found.push(Commit::part(&frame, &bytes[begin..frame.end], first, after));
                    next = after;
                }
            }
        }
        Ok(found)
    }

    /// Stubs for every event before `until`, of a millisecond before the event in front of them: what was there came later, so
    /// that a backup's commit of one date with ours is never one that was given up.
    fn stubs(&mut self, until: u64, to: &mut Vec<u8>) {
        let received_ms = self.received_ms.saturating_sub(1).max(0);
        while self.next < until {
            let events = (until - self.next).min(STUBS);
            to.extend(frame::encode(self.next, received_ms, (0..events).map(|_| STUB)));
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
            let aside = self.free_name(name)?;
            let kept = self.disk.set_aside(&aside, before);
            kept.map_err(|error| StoreError::disk("write", &aside, &error))?;
        }
        self.disk.replace(name, after).map_err(|error| StoreError::disk("replace", name, &error))?;
        self.mended.segments += 1;
        Ok(())
    }

    /// A name for what a segment was: what an earlier mending kept stays.
    fn free_name(&self, name: &str) -> Result<String, StoreError> {
        let taken =
            self.disk.names().map_err(|error| StoreError::disk("list", "the event folder", &error))?;
        let (mut aside, mut others) = (format!("{name}.damaged{TORN}"), 0);
        while taken.contains(&aside) {
            others += 1;
            aside = format!("{name}.damaged.{others}{TORN}");
        }
        Ok(aside)
    }
}

/// A commit as it may stand in a mended log.
struct Commit {
    first: u64,
    /// The number of the event after it.
    after: u64,
    received_ms: i64,
    /// Its events but for stubs.
    told: u64,
    /// Its lines that no start of the service takes; `bytes` has stubs for them.
    lost: u64,
    bytes: Vec<u8>,
}

impl Commit {
    /// Of a frame and its bytes.
    fn of(frame: &Frame<'_>, bytes: &[u8]) -> Self {
        Self::part(frame, bytes, frame.first, frame.first + frame.events)
    }

    /// As [`Self::of`], from event `first` to the one before event `after`.
    fn part(frame: &Frame<'_>, bytes: &[u8], first: u64, after: u64) -> Self {
        let is_wanted = |(number, _): &(u64, &[u8])| (first..after).contains(number);
        let lines: Vec<&[u8]> = frame.numbered().filter(is_wanted).map(|(_, line)| line).collect();
        let lost = lines.iter().filter(|line| id_of(line).is_err()).count() as u64;
        let stubs = lines.iter().filter(|line| **line == STUB).count() as u64;
        let is_whole = (first, after) == (frame.first, frame.first + frame.events);
        let received_ms = frame.received_ms;
        let bytes = if is_whole && lost == 0 {
            bytes.to_vec()
        } else if frame.is_gap() {
            frame::encode_gap(first, after - first, received_ms)
        } else {
            let kept = lines.iter().map(|line| if id_of(line).is_ok() { *line } else { STUB });
            frame::encode(first, received_ms, kept)
        };
        let told = (lines.len() as u64).saturating_sub(lost + stubs);
        Self { first, after, received_ms, told, lost, bytes }
    }
}

/// Whether nothing is left of a commit's events, after an erasure or a mending, or as they were old.
fn is_stubs(frame: &Frame<'_>) -> bool {
    frame.lines().all(|line| line == STUB)
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

/// When each whole commit came in, by its first event: erasures do not change that, nor does letting go of what is old, after
/// which a commit has fewer events. Those of stubs alone are left out, as a mending may have written them.
fn begun(name: &str, bytes: &[u8]) -> Result<BTreeMap<u64, i64>, StoreError> {
    let commits = whole(name, bytes)?.into_iter().filter(|(_, frame)| !is_stubs(frame));
    Ok(commits.map(|(_, frame)| (frame.first, frame.received_ms)).collect())
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{EventStore, Limits, check, folder};
    use super::*;

    #[test]
    fn a_line_that_tells_no_id_becomes_a_stub_and_the_others_of_its_commit_stay() {
        let data = tempfile::tempdir().unwrap();
        let segment = folder(data.path()).join(segment_name(1));
        fs::create_dir(folder(data.path())).unwrap();
        let whole = |lines: [&[u8]; 2]| frame::encode(1, 5, lines.into_iter());
        fs::write(&segment, whole([br#"{"event_id":"a"}"#, b"{}"])).unwrap();
        let opened = || EventStore::open(data.path(), Limits::default());
        assert!(matches!(check(data.path()), Err(StoreError::Damaged { .. })));
        assert!(matches!(opened(), Err(StoreError::Damaged { .. })));
        assert_eq!(mend(data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
        assert_eq!(fs::read(&segment).unwrap(), whole([br#"{"event_id":"a"}"#, STUB]));
        assert_eq!((opened().unwrap().count(), check(data.path()).unwrap().events), (2, 2));
    }
}

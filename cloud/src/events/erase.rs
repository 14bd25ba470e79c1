//! Taking people's events out of the log while events go on coming in.
//!
//! A segment that is full never changes again: it is read, and replaced, beside the writer. The one that is appended to is the
//! writer's own, and all that an erasure keeps it from its work for.

use std::collections::HashSet;

use super::disk::Disk;
use super::error::StoreError;
use super::log::{scan, segment_names, without};
use super::sign_in::is_sign_in;
use crate::catalog::Event;
use crate::dead_letters;
use crate::erasure::Erased;

/// Whose events go: those of people, and of the sessions that they signed in to.
#[derive(Debug)]
pub(crate) struct Theirs {
    erased: Erased,
    sessions: HashSet<String>,
}

impl Theirs {
    /// Looks for the sessions in the whole log.
    pub(super) fn read(disk: &dyn Disk, erased: Erased) -> Result<Self, StoreError> {
        let mut sessions = HashSet::new();
        let names = segment_names(disk)?;
        for (index, name) in names.iter().enumerate() {
            let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
            // The writer may be in the middle of a commit to the last one.
            scan(name, &bytes, index + 1 == names.len(), |frame| {
                let events = frame.lines().filter_map(|line| serde_json::from_slice::<Event>(line).ok());
                let theirs = events.filter(|event| is_sign_in(event) && erased.contains(&event.user));
                sessions.extend(theirs.map(|event| event.session));
                Ok(())
            })?;
        }
        Ok(Self { erased, sessions })
    }

    /// Whether an event of the log is theirs.
    pub(super) fn include(&self, line: &[u8]) -> bool {
        let Ok(event) = serde_json::from_slice::<Event>(line) else {
            // What cannot be read may be about somebody all the same.
            return serde_json::from_slice(line).is_ok_and(|value| dead_letters::names(&value, &self.erased));
        };
        let is_nobodys = event.user.is_empty();
        self.erased.contains(&event.user) || (is_nobodys && self.sessions.contains(&event.session))
    }
}

/// What the writer has still to do.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) theirs: Theirs,
    /// The last segment that is done; the writer's work is what comes after it.
    pub(super) after: String,
    /// How many events went so far.
    pub(super) gone: u64,
}

/// Takes the events out of every segment that is full, also of those that become so meanwhile.
///
/// # Errors
/// A part may be gone already; doing it again does no harm.
pub(super) fn erase_full(disk: &mut dyn Disk, erased: Erased) -> Result<Rest, StoreError> {
    let theirs = Theirs::read(disk, erased)?;
    let mut rest = Rest { theirs, after: String::new(), gone: 0 };
    loop {
        let mut full = segment_names(disk)?;
        full.pop();
        full.retain(|name| *name > rest.after);
        if full.is_empty() {
            return Ok(rest);
        }
        for name in full {
            let bytes = disk.read(&name).map_err(|error| StoreError::disk("read", &name, &error))?;
            let (kept, gone) = without(&name, &bytes, &|line| rest.theirs.include(line))?;
            if gone > 0 {
                disk.replace(&name, &kept).map_err(|error| StoreError::disk("replace", &name, &error))?;
            }
            rest.gone += gone;
            rest.after = name;
        }
    }
}

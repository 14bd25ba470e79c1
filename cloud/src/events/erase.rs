//! Taking people's events out of the log while events go on coming in.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::error::StoreError;
use super::sign_in::is_sign_in;
use crate::catalog::Event;
use crate::dead_letters;
use crate::erasure::Erased;
use crate::lock::FileLock;
use crate::stores::{LogEraser, LogReader};

/// Whose events go: those of people, and of the sessions that they signed in to.
#[derive(Debug)]
pub(crate) struct Theirs {
    erased: Erased,
    sessions: HashSet<String>,
}

impl Theirs {
    /// Looks for the sessions in the whole log.
    pub(super) fn read(log: &mut dyn LogReader, erased: Erased) -> Result<Self, StoreError> {
        let mut sessions = HashSet::new();
        let _all = log.read(u64::MAX, &mut |batch| {
            let events =
                batch.records.iter().filter_map(|(_, line)| serde_json::from_slice::<Event>(line).ok());
            let theirs = events.filter(|event| is_sign_in(event) && erased.contains(&event.user));
            sessions.extend(theirs.map(|event| event.session));
            Ok(ControlFlow::Continue(()))
        })?;
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
    /// The first event that was not looked at.
    pub(super) next: u64,
    /// How many events went so far.
    pub(super) gone: u64,
    /// Keeps others who rewrite segments waiting until the writer has done it.
    pub(super) lock: Option<FileLock>,
}

/// Takes the events out of all that is settled, beside the writer.
///
/// # Errors
/// A part may be gone already; doing it again does no harm.
pub(super) fn erase_settled(eraser: &mut dyn LogEraser, erased: Erased) -> Result<Rest, StoreError> {
    let theirs = Theirs::read(&mut *eraser.reader(0), erased)?;
    let settled = eraser.erase_settled(&|line| theirs.include(line))?;
    Ok(Rest { theirs, next: settled.next, gone: settled.gone, lock: None })
}

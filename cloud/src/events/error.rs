//! What can go wrong with the event store, and what to do about it.

use thiserror::Error;

/// Why events were not stored or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The disk refused; nothing was acknowledged, and a later try may succeed.
    #[error("cannot {action} {name}: {reason}; free disk space or check its permissions")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// Acknowledged events are damaged; the store is not opened over them.
    #[error(
        "{segment} is damaged at byte {offset}: {reason}; stop the service and run `segue mend-log`, \
         with --from where there is a backup"
    )]
    Damaged {
        /// The segment's file name.
        segment: String,
        /// Where the damage is.
        offset: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An acknowledged event is whole and means nothing to this version.
    #[error("event {number} of the log cannot be read: {reason}; start a newer segue")]
    Unreadable {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        reason: String,
        /// What lies in the log.
        line: String,
    },
    /// Written by a newer version of Segue.
    #[error("{segment} has event log format {format}, and this version reads format 1; start a newer segue")]
    Newer {
        /// The segment's file name.
        segment: String,
        /// The format it says it has.
        format: u32,
    },
    /// What was named as a backup of the log is one of another log.
    #[error("{0} in the backup holds other events than here; name a backup of this very log")]
    OtherLog(String),
    /// Nobody can say who is to be forgotten.
    #[error("the tombstones cannot be read: {0}; restore the file from a backup")]
    Tombstones(String),
    /// Another process has the store open.
    #[error("{0} is in use by another segue process; stop that one first")]
    Locked(String),
    /// An erasure, a mending or `segue expire-events` puts segments in the place of others.
    #[error("{0} is being rewritten by an erasure or by another command; try again when that has ended")]
    Rewriting(String),
    /// A sync failed; the store takes nothing more until it is opened again.
    #[error("a write could not be made durable ({0}); check the disk, then start segue serve again")]
    Failed(String),
    /// More events are waiting than the store may hold in memory.
    #[error("too many events are waiting to be written; send them again in a second")]
    Busy,
    /// As many ids of events are known as may be, or as may be in memory while the disk takes none.
    #[error(
        "as many event ids are known as limits.dedup_ids and the disk allow; \
         keep the events and send them again later"
    )]
    Full,
    /// Whether an event came before is not known; nothing was acknowledged.
    #[error(
        "the ids of events kept on the disk cannot be read: {0}; check the disk, then start segue serve again, \
         which makes them anew from the log"
    )]
    Ids(String),
    /// The store was closed.
    #[error("the event store is closed; the service is shutting down")]
    Closed,
}

impl StoreError {
    pub(crate) fn disk(action: &'static str, name: &str, error: &std::io::Error) -> Self {
        Self::Disk { action, name: name.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn unreadable(number: u64, reason: &serde_json::Error, line: &[u8]) -> Self {
        Self::Unreadable {
            number,
            reason: reason.to_string(),
            line: String::from_utf8_lossy(line).into_owned(),
        }
    }

    pub(crate) fn damaged(segment: &str, offset: usize, reason: &str) -> Self {
        Self::Damaged { segment: segment.to_owned(), offset, reason: reason.to_owned() }
    }
}

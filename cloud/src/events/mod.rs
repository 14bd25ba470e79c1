//! Events received by the service: validated, de-duplicated by id, and on the disk before they are acknowledged.
//!
//! The log lies in `D/received`, one file per segment, in the format of the module `frame`. Whoever wants the
//! events (the refresh, a person with a pager) reads the files at any time with [`read_since`]; only
//! one process writes. `docs/adr/0004-events-in-an-append-only-log.md` says why it is a log of files and not a database.

mod acknowledged;
mod adapt;
mod check;
mod compact;
mod conduct;
mod disk;
mod erase;
mod error;
mod frame;
mod ids;
pub(crate) mod ledger;
mod log;
mod mend;
mod reader;
mod segments;
mod sign_in;
mod store;
mod tail;
mod validate;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
pub(crate) mod power_cut;

pub(crate) use check::segments;
pub use check::{Checked, check};
pub use conduct::{Conduct, Filter, LeftOut, Rule};
pub use disk::{Disk, FolderDisk};
pub use error::StoreError;
pub use mend::{Mended, mend};
pub use reader::{last, read_likely, read_since, read_until};
pub use segue_core::session::row::clock_error_ms;
pub use sign_in::hand_over;
pub(crate) use sign_in::is_sign_in;
pub(crate) use store::try_rewriting;
pub use store::{EventStore, Limits, Outcome};
pub use tail::{Arrival, Tail};
pub use validate::{Batch, Reject, Senders, validate};

use std::path::{Path, PathBuf};

use crate::stores::LogEraser;

/// What takes events out of the log of data folder `data` beside its writer; only for who holds [`try_rewriting`].
pub(crate) fn eraser(data: &Path) -> Box<dyn LogEraser> {
    Box::new(segments::SegmentEraser::new(FolderDisk::new(folder(data))))
}

/// Where the log of a data folder lies.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("received")
}

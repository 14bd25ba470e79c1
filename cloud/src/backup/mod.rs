//! A data folder kept elsewhere, taken while the service runs, and put back.
//!
//! A backup is a folder of plain files and `backup.json`, which lists each with its SHA-256 and is written last: without it
//! the backup is not whole. Everything is taken that cannot be made again. Nothing is stopped for it:
//!
//! * files that only ever appear whole (packs, models, keys) are copied as they are;
//! * tables are copied and then looked at again: where one was replaced meanwhile, all are copied anew; what is only added
//!   to, the changes of items, may go on growing;
//! * of the event log the segments that are there at the begin are taken, each up to its last whole commit: what was
//!   acknowledged by then is in the backup;
//! * tombstones come last, so that nobody is in the backup whose tombstone is not.
//!
//! A restore needs to know who was forgotten since the backup was taken, and takes the rows of all who were forgotten out of
//! what it puts back: nobody comes back (`docs/adr/0009-erasure-by-tombstone.md`).

mod copy;
mod list;
mod restore;
mod take;

pub use list::{Contents, FILE as LIST, Held};
pub use restore::{Restored, Tombstoned, restore};
pub use take::take;

#[cfg(test)]
mod tests;

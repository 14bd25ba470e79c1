//! Events on their way to the service: none acknowledged to the app is lost, none is invented.
//!
//! The outbox decides, the host carries out. [`Queue`] is plain data without I/O: it says what has to be stored
//! ([`Change`]), what to send next ([`Next`]) and what an answer means ([`Outcome`]). A host whose storage answers at
//! once holds an [`Outbox`], which commits every change to its [`Store`] before it is acknowledged; a browser, whose
//! storage answers later, commits the changes of a [`Queue`] itself.
//!
//! - **At least once, in order.** An event leaves the queue when the service has confirmed it or refused it for good.
//!   The service knows events by their id, so what is sent twice counts once.
//! - **Bounded.** When the queue is full the oldest event of the least [`Worth`] goes: first impressions and
//!   progress, then plays and skips; likes, purchases and other lasting signs never go, the newcomer is refused
//!   (`outbox_full`) instead. What went is counted in [`Lost`].
//! - **Passing or permanent.** [`Verdict`] says which statuses heal by waiting, which by new credentials and which
//!   never; a batch refused as a whole is halved until the event at fault stands alone.
//! - **Waiting.** Exponential backoff with jitter from the host's seed and clock; `Retry-After` is honoured.
//!
//! [`LogStore`] keeps the changes in one append-only file of checksummed records ([`record`]) on a [`Disk`].

mod backoff;
mod batch;
mod disk;
mod durable;
mod ledger;
mod log;
mod queue;
mod receipt;
pub mod record;
mod row;
mod store;
mod verdict;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod power_cut;
#[cfg(any(test, feature = "test-support"))]
pub mod suite;

pub use batch::{Batch, Next};
pub use disk::Disk;
pub use durable::Outbox;
pub use log::LogStore;
pub use queue::Queue;
pub use receipt::Refusal;
pub use row::{Row, Worth};
pub use store::{Change, Lost, MemoryStore, Store, Stored};
pub use verdict::{Answer, Outcome, Verdict};

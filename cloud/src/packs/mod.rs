//! Packs at rest: immutable shard files, published by one atomic pointer.
//!
//! A refresh writes a whole generation into a temporary folder, makes it durable, renames it into place and then
//! moves the pointer. A run that is killed anywhere leaves the generation before it served; the next run clears
//! what was left. The bytes of every file are described in `docs/PACK.md`.

mod disk;
mod generation;
mod shard;
mod store;

pub use disk::write_synced;
pub(crate) use disk::{create_folder, rename_synced, sync_folder};
pub use generation::Generation;
pub use shard::{Entry, ShardReader, ShardSummary, ShardWriter, shard_of};
pub use store::{PackStore, Staging};

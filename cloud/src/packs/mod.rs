//! Packs at rest: immutable shard files, published by one atomic pointer.
//!
//! A refresh writes a whole generation into a temporary folder, makes it durable, renames it into place and then
//! moves the pointer. A run that is killed anywhere leaves the generation before it served; the next run clears
//! what was left. The bytes of every file are described in `docs/PACK.md`.

mod disk;
mod generation;
mod reader;
mod shard;
mod store;
mod writer;

#[cfg(test)]
pub(crate) use disk::fault;
pub use disk::write_synced;
pub(crate) use disk::{create_folder, remove_file, remove_folder, rename_synced, sync_folder};
pub use generation::Generation;
pub use reader::ShardReader;
pub use shard::{Entry, shard_file, shard_of, shards_named_by};
pub use store::{GENERATIONS, PackStore, Staging};
pub use writer::{ShardSummary, ShardWriter};

//! Packs at rest: immutable shard files, published by one atomic pointer.
//!
//! A refresh puts a whole generation into an [`ObjectStore`](crate::stores::ObjectStore), the object that makes it one last,
//! and then moves the pointer by compare-and-set. A run that is killed anywhere leaves the generation before it served; the
//! next run clears what was left. The bytes of every file are described in `docs/PACK.md`.

mod generation;
#[cfg(test)]
mod power_cut_tests;
mod reader;
mod shard;
mod store;
mod writer;

pub use generation::Generation;
pub use reader::ShardReader;
pub use shard::{Entry, shard_file, shard_of, shards_named_by};
pub use store::{GENERATIONS, PackStore, Staging};
pub use writer::{ShardSummary, ShardWriter};

//! What can be recommended, to whom, and what happened: the data folder.
//!
//! Four tables of JSON Lines (`items`, `users`, `events`, `collections`), their
//! description (`dataset.json`) and the split into training and held-out
//! events (`split.json`), with what [`changes`] since brought. [`Catalogue::load`] reads all of it into memory;
//! [`writer::Tables`] replaces it as a whole. The columns are in `docs/EVENTS.md`.

pub mod changes;
pub mod dataset;
mod folded;
pub mod generate;
pub mod import;
pub mod jsonl;
pub mod sessions;
pub mod split;
pub mod store;
pub mod tables;
pub mod writer;

#[cfg(test)]
mod power_cut_tests;

pub use dataset::{Attribute, AttributeKind, Counts, Dataset};
pub use folded::Folded;
pub use segue_core::session::event::{Event, EventKind};
pub use split::{Rule, Split};
pub use store::{Catalogue, SessionLog};
pub use tables::{AttributeValue, Collection, Item, User};

//! What the service keeps things in, each behind a trait named after what its distributed form can do as well.
//!
//! | trait | what it is | here | elsewhere |
//! |---|---|---|---|
//! | [`Log`] | records at the end of what is never rewritten but to forget people and what is old | segments, in [`events`](crate::events) | Kafka |
//! | [`KeyValue`] | small values, replaced as a whole, one of them by compare-and-set | [`FolderValues`] | Valkey |
//! | [`ObjectStore`] | immutable objects, each written once, read whole or in parts | [`FolderObjects`] | S3 |
//! | [`TaskRunner`] | commands that run beside the service, each once for its name | [`Processes`] | Ray |
//!
//! What each method becomes elsewhere, and what was left out, is written down in
//! `docs/adr/0012-stores-behind-traits.md`; what an implementation must do is said by `suite` (feature `test-support`), which every one has
//! to pass.

pub(crate) mod disk;
mod folder_objects;
mod folder_values;
mod key_value;
mod log;
mod objects;
#[cfg(test)]
pub(crate) mod power_cut;
mod processes;
pub(crate) mod state_file;
#[cfg(any(test, feature = "test-support"))]
pub mod suite;
mod tasks;
#[cfg(test)]
mod tests;

pub use folder_objects::FolderObjects;
pub use folder_values::FolderValues;
pub use key_value::KeyValue;
pub use log::{Batch, Log, LogEraser, LogReader, Settled};
pub use objects::{Object, ObjectStore, Put};
pub use processes::Processes;
pub use tasks::{Outcome, Task, TaskRunner};

use std::io;
use std::path::{Path, PathBuf};

/// The place of a key in a folder: each part of it is a name that nobody uses for files in the making.
fn place_of(root: &Path, key: &str) -> io::Result<PathBuf> {
    let is_name = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    match key.split('/').all(is_name) {
        true => Ok(root.join(key)),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{key}` is no key of a store"))),
    }
}

/// What is there, or nothing.
fn if_found<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

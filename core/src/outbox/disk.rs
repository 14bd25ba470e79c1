//! What the log asks of the file it lies in.

use crate::error::Result;

/// One file. Few methods, each one that a disk can really do, so that tests can put a disk in its place that loses
/// whatever was not synced.
pub trait Disk {
    /// The whole content; empty when the file does not exist yet.
    ///
    /// # Errors
    /// `storage_failed`.
    fn read(&mut self) -> Result<Vec<u8>>;

    /// Adds bytes at the end of what [`Disk::replace`] put there before; nothing is promised until [`Disk::sync`].
    ///
    /// # Errors
    /// `storage_failed`: the bytes were not written, or only some of them.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Returns when everything appended survives a power cut.
    ///
    /// # Errors
    /// `storage_failed`: nothing is known about the bytes appended since the last sync.
    fn sync(&mut self) -> Result<()>;

    /// Puts `bytes` in place of the whole content; after a power cut at any moment the file holds the old content or
    /// the new one. On a file system: write a file beside it, sync that, rename it over this one, sync the folder.
    ///
    /// # Errors
    /// `storage_failed`: the file holds the old content or the new one.
    fn replace(&mut self, bytes: &[u8]) -> Result<()>;
}

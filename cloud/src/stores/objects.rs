//! Immutable objects by key.

use std::fmt::Debug;
use std::io;
use std::path::Path;

/// What became of an object that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    New,
    /// One was there under its key, and is as it was.
    Exists,
}

/// Immutable objects by key: each is written once, as a whole, read whole or in parts, and taken away.
///
/// Keys are parts divided by `/`, none of which is empty or begins with a dot. What was put or deleted shows at once to
/// everybody who asks, also in lists.
pub trait ObjectStore: Debug + Send + Sync {
    /// Puts an object where none is; it survives a power cut when this returns, also one that was there already.
    ///
    /// # Errors
    /// The object is there as a whole or not at all.
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> io::Result<Put>;

    /// As [`ObjectStore::put_if_absent`], with the content of a file of this machine that nobody changes any more.
    ///
    /// # Errors
    /// As there.
    fn put_file_if_absent(&self, key: &str, file: &Path) -> io::Result<Put>;

    /// The whole content of an object, if it is there.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>>;

    /// An object to be read in parts, if it is there.
    ///
    /// # Errors
    /// The store cannot be read.
    fn open(&self, key: &str) -> io::Result<Option<Box<dyn Object>>>;

    /// The keys that begin with `prefix`, ascending.
    ///
    /// # Errors
    /// The store cannot be read.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Takes an object away, durably; nothing happens where there is none.
    ///
    /// # Errors
    /// The object may be there still.
    fn delete(&self, key: &str) -> io::Result<()>;

    /// Takes several away, in whatever order; all of it is durable when this returns.
    ///
    /// # Errors
    /// Any of them may be there still.
    fn delete_all(&self, keys: &[String]) -> io::Result<()> {
        keys.iter().try_for_each(|key| self.delete(key))
    }

    /// Takes away what was begun to be put and never became an object. To be asked by whoever knows that nobody is
    /// putting anything.
    ///
    /// # Errors
    /// Some of it may be there still.
    fn clear_unfinished(&self) -> io::Result<()>;

    /// What to call the place of a key towards a person who has to look at it.
    fn place(&self, key: &str) -> String;
}

/// An object that is read in parts.
pub trait Object: Debug + Send + Sync {
    /// Its bytes.
    fn length(&self) -> u64;

    /// Reads from `offset` on as many bytes as `part` has.
    ///
    /// # Errors
    /// It has fewer bytes, or was taken away where the store does not keep what is still being read.
    fn get_range(&self, offset: u64, part: &mut [u8]) -> io::Result<()>;
}

//! A file lock that is given back the moment it is dropped.

use std::fs::{File, TryLockError};
use std::path::Path;

/// An exclusive lock on a file, held until dropped.
///
/// Closing the file alone would not do: a process being started at that moment shares the open file until it runs
/// its own program, and the lock would outlive its holder by that long.
#[derive(Debug)]
pub(crate) struct FileLock(File);

impl FileLock {
    /// Locks the file at `path`, which is made if it is missing; `None` when somebody else holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(crate) fn try_take(path: &Path) -> std::io::Result<Option<Self>> {
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Locks the file at `path`, which is made if it is missing; waits while somebody else holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(crate) fn take(path: &Path) -> std::io::Result<Self> {
        let file = File::create(path)?;
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file releases it too, only later; there is nothing to do about an error here.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_free_again_after_its_drop_though_the_file_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::try_take(&path).unwrap().unwrap();
        let shared = lock.0.try_clone().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        drop(lock);
        assert!(FileLock::try_take(&path).unwrap().is_some());
        drop(shared);
    }
}

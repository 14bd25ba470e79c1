//! The few disk operations that publishing is made of, each durable when it returns.
//!
//! They are in one file so that a test can make every single one of them fail.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` to `path` so that a reader sees either the old content or the new, also after a power cut.
///
/// # Errors
/// Whatever the file system answers.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("writing");
    fault::point()?;
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    fault::point()?;
    file.sync_all()?;
    rename_synced(&temporary, path)
}

/// Renames and makes the renaming durable.
pub(crate) fn rename_synced(from: &Path, to: &Path) -> io::Result<()> {
    fault::point()?;
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Gives a durable file a second name, or copies it where the file system has no second names.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    fault::point()?;
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Makes the folder's list of names durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fault::point()?;
    File::open(folder)?.sync_all()
}

/// Creates a folder and those above it, and makes the name of each durable; a folder that is there is left alone.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = parent(folder) {
        create_folder(parent)?;
    }
    fault::point()?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_parent(folder),
    }
}

/// Removes a folder and everything in it.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    fault::point()?;
    fs::remove_dir_all(folder)
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    fault::point()?;
    fs::remove_file(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    sync_folder(parent(path).unwrap_or(Path::new(".")))
}

/// The folder above, when the path names one.
fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

/// Where tests interrupt; nothing in a normal build.
#[cfg(not(test))]
pub(crate) mod fault {
    pub(crate) fn point() -> std::io::Result<()> {
        Ok(())
    }
}

/// Where tests interrupt: the operation with the chosen number fails, as a killed process would stop there.
#[cfg(test)]
pub(crate) mod fault {
    use std::cell::Cell;

    thread_local!(static LEFT: Cell<Option<usize>> = const { Cell::new(None) });

    /// Lets `operations` more operations of this thread succeed; `None` lets all of them.
    pub(crate) fn after(operations: Option<usize>) {
        LEFT.set(operations);
    }

    pub(crate) fn point() -> std::io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(std::io::Error::other("interrupted by the test")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_that_is_made_is_synced_into_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("served/generations");
        // Two folders, each made and its name synced: four operations, none of which may fail unnoticed.
        for operations in 0..4 {
            let _ = fs::remove_dir_all(folder.path().join("served"));
            fault::after(Some(operations));
            assert!(create_folder(&deep).is_err(), "{operations}");
            fault::after(None);
        }
        let _ = fs::remove_dir_all(folder.path().join("served"));
        fault::after(Some(4));
        create_folder(&deep).unwrap();
        fault::after(None);
        create_folder(&deep).unwrap();
    }

    #[test]
    fn an_interrupted_write_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current");
        write_synced(&path, b"old").unwrap();
        for operations in 0..3 {
            fault::after(Some(operations));
            assert!(write_synced(&path, b"new").is_err());
            fault::after(None);
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
        write_synced(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}

//! Values as files of a folder.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{create_folder, rename_synced, write_new};
use super::{KeyValue, if_found, place_of};
use crate::lock::FileLock;

/// Values as files of a folder, each replaced by a rename.
#[derive(Debug, Clone)]
pub struct FolderValues {
    root: PathBuf,
}

impl FolderValues {
    /// Those below `root`, which need not be there.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The value of a key, to be written by nobody else for as long as this is held; its folder is made where it is missing.
    fn to_write(&self, key: &str) -> io::Result<Held> {
        let path = place_of(&self.root, key)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        create_folder(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // No key begins with a dot.
        let lock = FileLock::take(&folder.join(format!(".{name}.lock")))?;
        let temporary = folder.join(format!(".{name}.writing"));
        Ok(Held { path, temporary, _lock: lock })
    }
}

/// A value that one may write.
struct Held {
    path: PathBuf,
    /// Only who holds the lock writes it.
    temporary: PathBuf,
    _lock: FileLock,
}

impl Held {
    fn write(&self, value: &[u8]) -> io::Result<()> {
        write_new(&self.temporary, value)?;
        rename_synced(&self.temporary, &self.path)
    }
}

impl KeyValue for FolderValues {
    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        if_found(std::fs::read(place_of(&self.root, key)?))
    }

    fn put(&self, key: &str, value: &[u8]) -> io::Result<()> {
        self.to_write(key)?.write(value)
    }

    fn compare_and_set(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> io::Result<bool> {
        let held = self.to_write(key)?;
        let is_expected = self.get(key)?.as_deref() == expected;
        if is_expected {
            held.write(value)?;
        }
        Ok(is_expected)
    }

    fn place(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }
}

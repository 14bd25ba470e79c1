//! Values as files of a folder.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{create_folder, write_synced};
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

    /// The value's file and the folder that it lies in, which is made where it is missing.
    fn to_write(&self, key: &str) -> io::Result<(PathBuf, PathBuf)> {
        let path = place_of(&self.root, key)?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        create_folder(&folder)?;
        Ok((path, folder))
    }
}

impl KeyValue for FolderValues {
    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        if_found(std::fs::read(place_of(&self.root, key)?))
    }

    fn put(&self, key: &str, value: &[u8]) -> io::Result<()> {
        write_synced(&self.to_write(key)?.0, value)
    }

    fn compare_and_set(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> io::Result<bool> {
        let (path, folder) = self.to_write(key)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let _lock = FileLock::take(&folder.join(format!(".{name}.lock")))?;
        let is_expected = self.get(key)?.as_deref() == expected;
        if is_expected {
            write_synced(&path, value)?;
        }
        Ok(is_expected)
    }

    fn place(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }
}

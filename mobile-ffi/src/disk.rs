//! The outbox's file on a device.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use segue_core::outbox::Disk;
use segue_core::{Code, Error, Result, limits};

/// One file. On Apple's systems the standard library's syncs reach the medium (`F_FULLFSYNC`), on the others `fsync` does.
pub(crate) struct FileDisk {
    path: PathBuf,
    /// Open for as long as nothing went wrong.
    appended: Option<File>,
    /// Held for as long as the disk: two writers would overwrite each other.
    _only: File,
}

impl FileDisk {
    /// The file at `path`, which is made when something is written; its folder has to exist.
    ///
    /// # Errors
    /// `storage_failed`, also while another outbox is open on it.
    pub(crate) fn open(path: &str) -> Result<Self> {
        let path = PathBuf::from(path);
        let lock = beside(&path, "lock");
        let only = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&lock)
            .map_err(|error| failed(&lock, &error))?;
        match only.try_lock() {
            Ok(()) => Ok(Self { path, appended: None, _only: only }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(Code::StorageFailed, format!("{} is open already.", path.display())))
            }
            Err(TryLockError::Error(error)) => Err(failed(&lock, &error)),
        }
    }

    fn written(&mut self) -> io::Result<&mut File> {
        let file = match self.appended.take() {
            Some(file) => file,
            None => OpenOptions::new().create(true).append(true).open(&self.path)?,
        };
        Ok(self.appended.insert(file))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.appended = None;
        let fresh = beside(&self.path, "new");
        let mut file = File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        sync_folder(&self.path)
    }
}

impl Disk for FileDisk {
    fn read(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path)
            .and_then(|file| file.take(limits::OUTBOX_FILE_BYTES as u64).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&self.path, &error)),
            _ => Ok(bytes),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.written().and_then(|file| file.write_all(bytes));
        written.map_err(|error| failed(&self.path, &error))
    }

    fn sync(&mut self) -> Result<()> {
        let synced = self.written().and_then(|file| file.sync_data());
        synced.map_err(|error| failed(&self.path, &error))
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(bytes).map_err(|error| failed(&self.path, &error))
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The new name survives a power cut once its folder is synced.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Folders cannot be synced here; the rename is journaled.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::StorageFailed, format!("{}: {error}.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_core::outbox::suite::{self, Place};
    use segue_core::outbox::{LogStore, Store};

    struct Folder(tempfile::TempDir);

    impl Place for Folder {
        fn empty() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn open(&mut self) -> impl Store + '_ {
            LogStore::new(FileDisk::open(self.0.path().join("outbox").to_str().unwrap()).unwrap())
        }
    }

    #[test]
    fn a_file_keeps_the_outbox_s_contract() {
        suite::check::<Folder>();
    }

    #[test]
    fn a_second_outbox_on_the_same_file_is_refused_until_the_first_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let first = FileDisk::open(path.to_str().unwrap()).unwrap();
        let error = FileDisk::open(path.to_str().unwrap()).err().unwrap();
        assert_eq!(error.code(), Code::StorageFailed);
        assert!(error.detail().contains("open already"), "{error}");
        drop(first);
        FileDisk::open(path.to_str().unwrap()).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = FileDisk::open("/nowhere/at/all/outbox").err().unwrap();
        assert!(error.detail().contains("/nowhere/at/all/outbox"), "{error}");
    }
}

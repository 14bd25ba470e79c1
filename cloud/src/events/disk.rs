//! What the event log asks of the disk it lies on.
//!
//! Few methods, each one that a disk can really do, so that the tests can put
//! a disk in its place that loses whatever was not synced.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crate::stores::disk::{DiskFile, create_folder, remove_file, rename_synced, sync_folder, write_new};

/// A folder of segment files that only grow.
pub trait Disk: Send + std::fmt::Debug {
    /// Names of all segments, in no particular order.
    ///
    /// # Errors
    /// The folder cannot be listed.
    fn names(&self) -> io::Result<Vec<String>>;

    /// The whole content of one segment.
    ///
    /// # Errors
    /// The segment is absent or cannot be read.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// How many bytes a segment holds.
    ///
    /// # Errors
    /// As [`Disk::read`].
    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(self.read(name)?.len() as u64)
    }

    /// What a segment holds from `offset` on; nothing where it is shorter.
    ///
    /// # Errors
    /// As [`Disk::read`].
    fn read_from(&self, name: &str, offset: usize) -> io::Result<Vec<u8>> {
        Ok(self.read(name)?.get(offset..).unwrap_or_default().to_vec())
    }

    /// Makes an empty segment whose name survives a power cut; an empty one that an earlier try left is taken.
    ///
    /// # Errors
    /// The segment holds something or cannot be made durable; it may be there all the same.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Adds bytes at the end of a segment; nothing is promised until [`Disk::sync`].
    ///
    /// # Errors
    /// The bytes were not written, or only some of them.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything appended to the segment survives a power cut.
    ///
    /// # Errors
    /// Nothing is known about the bytes appended since the last sync.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Cuts a segment to `length` bytes, durably.
    ///
    /// # Errors
    /// The segment could not be cut.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;

    /// Puts `bytes` in the place of a segment, durably and as a whole.
    ///
    /// # Errors
    /// The segment is as it was, or what is in its place may not survive a power cut.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Takes a file away, durably.
    ///
    /// # Errors
    /// The file may still be there.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Keeps bytes that were cut off a segment, for a person to look at.
    ///
    /// # Errors
    /// The bytes could not be kept.
    fn set_aside(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// A folder for files without a name that nobody needs after the process.
    fn scratch(&self) -> PathBuf {
        std::env::temp_dir()
    }
}

/// Segments as files of one folder.
#[derive(Debug)]
pub struct FolderDisk {
    folder: PathBuf,
    open: Option<(String, DiskFile)>,
}

impl FolderDisk {
    /// Uses `folder` as it is; a missing folder reads as one without segments.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), open: None }
    }

    /// Makes the folder where it is missing, and whatever names it holds durable: a process may have been killed before it
    /// could.
    ///
    /// # Errors
    /// The folder cannot be made or synced.
    pub fn create_folder(&self) -> io::Result<()> {
        create_folder(&self.folder)?;
        sync_folder(&self.folder)
    }

    /// The segment, to be written behind its last byte; it stays open for the next time.
    fn file(&mut self, name: &str) -> io::Result<&mut DiskFile> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let file = DiskFile::open(&self.folder.join(name))?.ok_or(io::ErrorKind::NotFound)?;
            self.open = Some((name.to_owned(), file));
        }
        match &mut self.open {
            Some((_, file)) => Ok(file),
            None => Err(io::Error::other("no segment is open")),
        }
    }
}

/// Another one on the same folder.
impl Clone for FolderDisk {
    fn clone(&self) -> Self {
        Self::new(&self.folder)
    }
}

impl Disk for FolderDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(name))
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.folder.join(name))?.len())
    }

    fn read_from(&self, name: &str, offset: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(name))?;
        file.seek(SeekFrom::Start(offset as u64))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let path = self.folder.join(name);
        let file = match DiskFile::open(&path)? {
            Some(file) if file.metadata()?.len() > 0 => return Err(io::ErrorKind::AlreadyExists.into()),
            Some(file) => file,
            None => DiskFile::create_new(&path)?,
        };
        file.sync()?;
        self.open = Some((name.to_owned(), file));
        sync_folder(&self.folder)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let file = self.file(name)?;
        file.cut(length)?;
        file.sync()
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let written = self.folder.join(format!("{name}.replacing"));
        // A full disk: what was written of it only takes room.
        write_new(&written, bytes).inspect_err(|_| drop(remove_file(&written)))?;
        // What is open is the file that goes.
        self.open = None;
        rename_synced(&written, &self.folder.join(name))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        remove_file(&self.folder.join(name))?;
        sync_folder(&self.folder)
    }

    fn set_aside(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_new(&self.folder.join(name), bytes)?;
        sync_folder(&self.folder)
    }

    /// Where the log lies, since there is the room that was meant for it.
    fn scratch(&self) -> PathBuf {
        self.folder.clone()
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;

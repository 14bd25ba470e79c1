//! The few operations on files that everything durable is made of.
//!
//! They are in one file so that a test can make every single one of them fail, and cut the power after any.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::if_found;
#[cfg(test)]
use super::power_cut::record;

/// A file that is written behind its first `end` bytes. What was written is durable after [`DiskFile::sync`], and the
/// name of a file that was made after [`sync_folder`].
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    path: PathBuf,
    end: u64,
}

impl DiskFile {
    /// A new file, or the one that is there without what it holds.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        fault::point()?;
        let file = File::create(path)?;
        record::made_file(path);
        Ok(Self { file, path: path.to_owned(), end: 0 })
    }

    /// A new file.
    ///
    /// # Errors
    /// Also where one is there.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        fault::point()?;
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(path)?;
        record::made_file(path);
        Ok(Self { file, path: path.to_owned(), end: 0 })
    }

    /// The file that is there, if one is, to be written behind its last byte.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => {
                let end = file.metadata()?.len();
                Ok(Some(Self { file, path: path.to_owned(), end }))
            }
        }
    }

    /// Takes away what lies behind the first `end` bytes; nothing happens where that is nothing.
    pub(crate) fn cut(&mut self, end: u64) -> io::Result<()> {
        if self.file.metadata()?.len() != end {
            fault::point()?;
            self.file.set_len(end)?;
            record::cut(&self.path, end);
        }
        self.end = end;
        Ok(())
    }

    /// Returns when everything that was written survives a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        fault::point()?;
        self.file.sync_all()?;
        record::synced_file(&self.path);
        Ok(())
    }

    /// As [`DiskFile::sync`], without what the system knows of the file beside its bytes and their number.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        fault::point()?;
        self.file.sync_data()?;
        record::synced_file(&self.path);
        Ok(())
    }

    /// What the system knows of the file.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.end)?;
        record::wrote(&self.path, self.end, &bytes[..written]);
        self.end += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `bytes` to `path` so that a reader sees either the old content or the new, also after a power cut.
///
/// # Errors
/// Whatever the file system answers.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("writing");
    write_new(&temporary, bytes)?;
    rename_synced(&temporary, path)
}

/// Writes a file whose bytes are durable when this returns; its name is not yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = DiskFile::create(path)?;
    file.write_all(bytes)?;
    file.sync()
}

/// Renames and makes the renaming durable.
pub(crate) fn rename_synced(from: &Path, to: &Path) -> io::Result<()> {
    fault::point()?;
    fs::rename(from, to)?;
    record::renamed(from, to);
    sync_parent(to)
}

/// Makes the bytes of a file durable that somebody else wrote.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    fault::point()?;
    File::open(path)?.sync_all()?;
    record::synced_file(path);
    Ok(())
}

/// Gives a file a second name, durable when this returns, or copies it where the file system has no second names, to a new
/// file that `aside` names at first; false where the name is taken already.
pub(crate) fn link_synced(
    from: &Path,
    to: &Path,
    aside: impl FnOnce() -> io::Result<PathBuf>,
) -> io::Result<bool> {
    fault::point()?;
    let is_new = match fs::hard_link(from, to) {
        Ok(()) => {
            record::linked(from, to);
            true
        }
        Err(_) if to.exists() => false,
        Err(_) => {
            copy_synced(from, to, &aside()?)?;
            true
        }
    };
    // Also of a name that was there: whoever gave it may have been killed before it was durable.
    sync_parent(to)?;
    Ok(is_new)
}

/// Copies a file to the new file `temporary`, which then gets its place.
fn copy_synced(from: &Path, to: &Path, temporary: &Path) -> io::Result<()> {
    let mut file = DiskFile::create_new(temporary)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync()?;
    rename_synced(temporary, to)
}

/// Makes the folder's list of names durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fault::point()?;
    File::open(folder)?.sync_all()?;
    record::synced_folder(folder);
    Ok(())
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
        _ => {
            record::made_folder(folder);
            sync_parent(folder)
        }
    }
}

/// Removes a folder and everything in it, one after the other: some of it may be left after an error or a power cut.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Of a link to a folder the link goes.
        let is_folder = entry.file_type()?.is_dir();
        let removed = if is_folder { remove_folder(&entry.path()) } else { remove_file(&entry.path()) };
        // Another process may be removing the same.
        if_found(removed)?;
    }
    fault::point()?;
    fs::remove_dir(folder)?;
    record::removed(folder);
    Ok(())
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    fault::point()?;
    fs::remove_file(path)?;
    record::removed(path);
    Ok(())
}

/// Removes a folder if nothing is in it; tells whether it is gone.
pub(crate) fn remove_empty_folder(folder: &Path) -> bool {
    let is_gone = fs::remove_dir(folder).is_ok();
    if is_gone {
        record::removed(folder);
    }
    is_gone
}

fn sync_parent(path: &Path) -> io::Result<()> {
    sync_folder(parent(path).unwrap_or(Path::new(".")))
}

/// The folder above, when the path names one.
fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

/// Where tests look on; nothing in a normal build.
#[cfg(not(test))]
mod record {
    use std::path::Path;

    pub(super) fn made_folder(_: &Path) {}
    pub(super) fn made_file(_: &Path) {}
    pub(super) fn wrote(_: &Path, _: u64, _: &[u8]) {}
    pub(super) fn cut(_: &Path, _: u64) {}
    pub(super) fn synced_file(_: &Path) {}
    pub(super) fn synced_folder(_: &Path) {}
    pub(super) fn renamed(_: &Path, _: &Path) {}
    pub(super) fn linked(_: &Path, _: &Path) {}
    pub(super) fn removed(_: &Path) {}
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
#[path = "disk_tests.rs"]
mod tests;

//! Objects as files of a folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::disk::{DiskFile, create_folder, link_synced, remove_empty_folder, remove_file};
use super::disk::{remove_folder, sync_file, sync_folder};
use super::{Object, ObjectStore, Put, if_found, place_of};

/// What is being written, in the store's folder; no key begins with a dot.
const WRITING: &str = ".writing";

/// Objects as files of a folder: each is written elsewhere and gets its name when it is whole and synced.
#[derive(Debug, Clone)]
pub struct FolderObjects {
    root: PathBuf,
}

impl FolderObjects {
    /// Those below `root`, which need not be there.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Gives a file whose bytes are durable the name of an object.
    fn name(&self, file: &Path, key: &str) -> io::Result<Put> {
        let path = place_of(&self.root, key)?;
        create_folder(path.parent().unwrap_or(Path::new(".")))?;
        Ok(if link_synced(file, &path, || self.aside())? { Put::New } else { Put::Exists })
    }

    /// A name for a new file in the making. What a killed process left may have the name of an object besides, so none is
    /// used again.
    fn aside(&self) -> io::Result<PathBuf> {
        let writing = self.root.join(WRITING);
        create_folder(&writing)?;
        let chance = getrandom::u64();
        let chance = chance.map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
        Ok(writing.join(format!("{chance:016x}")))
    }

    /// Takes the name of an object away, which is not durable yet; the folder that it lay in, if it was there.
    fn unlink(&self, key: &str) -> io::Result<Option<PathBuf>> {
        let path = place_of(&self.root, key)?;
        if if_found(fs::symlink_metadata(&path))?.is_none() {
            return Ok(None);
        }
        remove_file(&path)?;
        Ok(Some(path.parent().unwrap_or(Path::new(".")).to_owned()))
    }

    /// Removes a folder, and those above it, where nothing is left in them.
    fn clear_up(&self, folder: &Path) {
        let above = folder.ancestors().take_while(|folder| *folder != self.root);
        above.take_while(|folder| remove_empty_folder(folder)).for_each(drop);
    }

    /// Every file below `folder`, which need not be there, with its key.
    fn gather(&self, folder: &Path, keys: &mut Vec<String>) -> io::Result<()> {
        for entry in if_found(fs::read_dir(folder))?.into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let (path, kind) = (entry.path(), entry.file_type()?);
            // Only of a link it has to be looked up.
            if kind.is_dir() || kind.is_symlink() && path.is_dir() {
                self.gather(&path, keys)?;
            } else if let Some(key) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
                keys.push(key.to_owned());
            }
        }
        Ok(())
    }
}

impl ObjectStore for FolderObjects {
    fn put_if_absent(&self, key: &str, bytes: &[u8]) -> io::Result<Put> {
        let path = place_of(&self.root, key)?;
        if path.exists() {
            // Whoever put it may have been killed before its name was durable.
            sync_folder(path.parent().unwrap_or(Path::new(".")))?;
            return Ok(Put::Exists);
        }
        let aside = self.aside()?;
        let mut file = DiskFile::create_new(&aside)?;
        file.write_all(bytes)?;
        file.sync()?;
        let put = self.name(&aside, key)?;
        remove_file(&aside)?;
        Ok(put)
    }

    fn put_file_if_absent(&self, key: &str, file: &Path) -> io::Result<Put> {
        sync_file(file)?;
        self.name(file, key)
    }

    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        if_found(fs::read(place_of(&self.root, key)?))
    }

    fn open(&self, key: &str) -> io::Result<Option<Box<dyn Object>>> {
        let Some(file) = if_found(File::open(place_of(&self.root, key)?))? else { return Ok(None) };
        let length = file.metadata()?.len();
        Ok(Some(Box::new(FileObject { file, length })))
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        let folder = prefix.rsplit_once('/').map_or(self.root.clone(), |(above, _)| self.root.join(above));
        self.gather(&folder, &mut keys)?;
        keys.retain(|key| key.starts_with(prefix));
        keys.sort_unstable();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        self.delete_all(&[key.to_owned()])
    }

    fn delete_all(&self, keys: &[String]) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for key in keys {
            folders.extend(self.unlink(key)?);
        }
        // All of them, before one may go.
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        folders.iter().rev().for_each(|folder| self.clear_up(folder));
        Ok(())
    }

    fn clear_unfinished(&self) -> io::Result<()> {
        let writing = self.root.join(WRITING);
        if writing.is_dir() { remove_folder(&writing) } else { Ok(()) }
    }

    fn place(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }
}

/// An open file: it is read on after its name was taken away.
#[derive(Debug)]
struct FileObject {
    file: File,
    length: u64,
}

impl Object for FileObject {
    fn length(&self) -> u64 {
        self.length
    }

    fn get_range(&self, offset: u64, part: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(part, offset)
    }
}

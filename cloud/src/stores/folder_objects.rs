//! Objects as files of a folder.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{create_folder, link_synced, remove_empty_folder, remove_file, remove_folder};
use super::disk::{sync_file, sync_folder, write_new};
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
        Ok(if link_synced(file, &path)? { Put::New } else { Put::Exists })
    }

    /// Every file below `folder`, which need not be there, with its key.
    fn gather(&self, folder: &Path, keys: &mut Vec<String>) -> io::Result<()> {
        for entry in if_found(fs::read_dir(folder))?.into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
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
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = place_of(&self.root, key)?;
        if path.exists() {
            // Whoever put it may have been killed before its name was durable.
            sync_folder(path.parent().unwrap_or(Path::new(".")))?;
            return Ok(Put::Exists);
        }
        let writing = self.root.join(WRITING);
        create_folder(&writing)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = writing.join(format!("{}-{number}", std::process::id()));
        write_new(&file, bytes)?;
        let put = self.name(&file, key)?;
        remove_file(&file)?;
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
        let path = place_of(&self.root, key)?;
        if if_found(fs::symlink_metadata(&path))?.is_none() {
            return Ok(());
        }
        remove_file(&path)?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        let above = path.ancestors().skip(1).take_while(|folder| *folder != self.root);
        above.take_while(|folder| remove_empty_folder(folder)).for_each(drop);
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

//! A disk for tests that forgets what was not synced.
//!
//! Everything that the operations of [`disk`](super::disk) do on one thread is noted beside being done. Afterwards the power is cut
//! wherever a test likes: the operations up to there are carried out on a picture of the folder that knows of each file
//! which bytes, and of each folder which names were made durable, and what survives is written down as a folder of its
//! own, to be opened as after a restart.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What was done to files and folders.
#[derive(Debug, Clone)]
enum Operation {
    MakeFolder(PathBuf),
    MakeFile(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    Cut(PathBuf, u64),
    SyncFile(PathBuf),
    SyncFolder(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
}

thread_local!(static NOTED: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) });

fn note(operation: impl FnOnce() -> Operation) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            noted.push(operation());
        }
    });
}

/// What `disk` tells.
pub(super) mod record {
    use super::{Operation, Path, note};

    pub(in super::super) fn made_folder(path: &Path) {
        note(|| Operation::MakeFolder(path.to_owned()));
    }

    pub(in super::super) fn made_file(path: &Path) {
        note(|| Operation::MakeFile(path.to_owned()));
    }

    pub(in super::super) fn wrote(path: &Path, offset: u64, bytes: &[u8]) {
        note(|| Operation::Write(path.to_owned(), offset, bytes.to_owned()));
    }

    pub(in super::super) fn cut(path: &Path, end: u64) {
        note(|| Operation::Cut(path.to_owned(), end));
    }

    pub(in super::super) fn synced_file(path: &Path) {
        note(|| Operation::SyncFile(path.to_owned()));
    }

    pub(in super::super) fn synced_folder(path: &Path) {
        note(|| Operation::SyncFolder(path.to_owned()));
    }

    pub(in super::super) fn renamed(from: &Path, to: &Path) {
        note(|| Operation::Rename(from.to_owned(), to.to_owned()));
    }

    pub(in super::super) fn linked(from: &Path, to: &Path) {
        note(|| Operation::Link(from.to_owned(), to.to_owned()));
    }

    pub(in super::super) fn removed(path: &Path) {
        note(|| Operation::Remove(path.to_owned()));
    }
}

/// What this thread does to the files of one folder is being noted.
#[derive(Debug)]
pub(crate) struct Recording {
    root: PathBuf,
    before: Tree,
}

impl Recording {
    /// Begins, with everything that is in the folder durable.
    pub(crate) fn begin(root: &Path) -> Self {
        let mut before = Tree::default();
        before.read(0, root);
        NOTED.set(Some(Vec::new()));
        Self { root: root.to_owned(), before }
    }

    /// How many operations there were so far: what is acknowledged now survives a cut after as many.
    pub(crate) fn so_far(&self) -> usize {
        NOTED.with_borrow(|noted| noted.as_ref().map_or(0, Vec::len))
    }

    /// Ends.
    pub(crate) fn end(self) -> Recorded {
        let operations = NOTED.take().unwrap_or_default();
        Recorded { root: self.root, before: self.before, operations }
    }
}

/// Which syncs the disk really carried out. One that lies is the fault that tests must be able to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syncs {
    Done,
    /// Those of files were passed over.
    NotOfFiles,
    /// Those of folders were passed over.
    NotOfFolders,
}

/// Where the most that a cut may take of one file is less, every byte is tried.
const SMALL: usize = 64;

/// What survives a power cut besides what was synced.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// Names that were given or taken away: all of them or none.
    names: bool,
    /// How many bytes of each file, behind those that nobody touched since they were synced; none where each file is as it was
    /// then, also one that was cut off or written over.
    bytes: Option<usize>,
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Recorded {
    root: PathBuf,
    before: Tree,
    operations: Vec<Operation>,
}

impl Recorded {
    /// How many operations there were.
    pub(crate) fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Cuts the power after every so many operations and at the end, with and without the names that were not synced, with none of the
    /// bytes that were not, with all, and with every so many of them (each one where there are few, but for `usize::MAX`); `check`
    /// opens what is left and gets the number of operations that were done. Answers what `check` found wrong, each with its place.
    pub(crate) fn losses(
        &self,
        syncs: Syncs,
        (operations, bytes): (usize, usize),
        check: impl Fn(&Path, usize) -> Result<(), String>,
    ) -> Vec<String> {
        let mut losses = Vec::new();
        let mut tree = self.before.clone();
        for done in 0..=self.operations.len() {
            if done % operations == 0 || done == self.operations.len() {
                for left in tree.may_be_left(bytes) {
                    let after = TempDir::new().unwrap();
                    tree.write(0, after.path(), left);
                    losses.extend(
                        check(after.path(), done).err().map(|what| format!("{done}, {left:?}: {what}")),
                    );
                }
            }
            if let Some(operation) = self.operations.get(done) {
                tree.carry_out(&self.root, operation, syncs);
            }
        }
        losses
    }
}

/// A file or folder as it is shown, and as much of it as is durable. Of what a file shows, the first `sure` bytes are among
/// them and were not touched since.
#[derive(Debug, Clone)]
enum Node {
    File { shown: Vec<u8>, durable: Vec<u8>, sure: usize },
    Folder { shown: BTreeMap<OsString, usize>, durable: BTreeMap<OsString, usize> },
}

impl Node {
    fn folder() -> Self {
        Self::Folder { shown: BTreeMap::new(), durable: BTreeMap::new() }
    }
}

/// A folder and what is in it, by number; the first is the folder itself.
#[derive(Debug, Clone)]
struct Tree(Vec<Node>);

impl Default for Tree {
    fn default() -> Self {
        Self(vec![Node::folder()])
    }
}

impl Tree {
    fn read(&mut self, folder: usize, path: &Path) {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let node = if entry.path().is_dir() {
                Node::folder()
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                Node::File { sure: bytes.len(), shown: bytes.clone(), durable: bytes }
            };
            let number = self.add(node);
            self.names(folder).insert(entry.file_name(), number);
            if entry.path().is_dir() {
                self.read(number, &entry.path());
            }
        }
        self.sync_folder(folder);
    }

    fn add(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    fn names(&mut self, folder: usize) -> &mut BTreeMap<OsString, usize> {
        match &mut self.0[folder] {
            Node::Folder { shown, .. } => shown,
            Node::File { .. } => panic!("a file is no folder"),
        }
    }

    /// The bytes that a file shows, those from `begin` on to be changed.
    fn bytes(&mut self, file: usize, begin: usize) -> &mut Vec<u8> {
        match &mut self.0[file] {
            Node::File { shown, sure, .. } => {
                *sure = begin.min(*sure);
                shown
            }
            Node::Folder { .. } => panic!("a folder is no file"),
        }
    }

    fn sync_folder(&mut self, folder: usize) {
        if let Node::Folder { shown, durable } = &mut self.0[folder] {
            durable.clone_from(shown);
        }
    }

    fn sync_file(&mut self, file: usize) {
        if let Node::File { shown, durable, sure } = &mut self.0[file] {
            durable.clone_from(shown);
            *sure = shown.len();
        }
    }

    /// What lies at a place below the folder.
    fn find(&mut self, place: &Path) -> Option<usize> {
        place.iter().try_fold(0, |folder, name| self.names(folder).get(name).copied())
    }

    fn known(&mut self, place: &Path) -> usize {
        self.find(place).unwrap_or_else(|| panic!("nobody told how {} came about", place.display()))
    }

    /// The names of the folder above a place, and the last part of it.
    fn entry(&mut self, place: &Path) -> (&mut BTreeMap<OsString, usize>, OsString) {
        let above = self.known(place.parent().unwrap());
        (self.names(above), place.file_name().unwrap().to_owned())
    }

    fn put(&mut self, place: &Path, number: usize) {
        let (names, name) = self.entry(place);
        names.insert(name, number);
    }

    fn take(&mut self, place: &Path) -> Option<usize> {
        let (names, name) = self.entry(place);
        names.remove(&name)
    }

    fn carry_out(&mut self, root: &Path, operation: &Operation, syncs: Syncs) {
        // What lies elsewhere is nobody's business.
        let here = |path: &'_ Path| path.strip_prefix(root).map(Path::to_owned).ok();
        match operation {
            Operation::MakeFolder(path) => {
                let Some(place) = here(path) else { return };
                if self.find(&place).is_none() {
                    let number = self.add(Node::folder());
                    self.put(&place, number);
                }
            }
            Operation::MakeFile(path) => {
                let Some(place) = here(path) else { return };
                match self.find(&place) {
                    Some(file) => self.bytes(file, 0).clear(),
                    None => {
                        let number = self.add(Node::File { shown: Vec::new(), durable: Vec::new(), sure: 0 });
                        self.put(&place, number);
                    }
                }
            }
            Operation::Write(path, offset, written) => {
                let Some(place) = here(path) else { return };
                let file = self.known(&place);
                let offset = usize::try_from(*offset).unwrap();
                let bytes = self.bytes(file, offset);
                bytes.resize(bytes.len().max(offset + written.len()), 0);
                bytes[offset..offset + written.len()].copy_from_slice(written);
            }
            Operation::Cut(path, end) => {
                let Some(place) = here(path) else { return };
                let file = self.known(&place);
                let end = usize::try_from(*end).unwrap();
                self.bytes(file, end).resize(end, 0);
            }
            Operation::SyncFile(path) => {
                let Some(place) = here(path).filter(|_| syncs != Syncs::NotOfFiles) else { return };
                let file = self.known(&place);
                self.sync_file(file);
            }
            Operation::SyncFolder(path) => {
                let Some(place) = here(path).filter(|_| syncs != Syncs::NotOfFolders) else { return };
                let folder = self.known(&place);
                self.sync_folder(folder);
            }
            Operation::Rename(from, to) => {
                let Some((from, to)) = here(from).zip(here(to)) else { return };
                let number = self.take(&from).unwrap();
                self.put(&to, number);
            }
            Operation::Link(from, to) => {
                let Some((from, to)) = here(from).zip(here(to)) else { return };
                let number = self.known(&from);
                self.put(&to, number);
            }
            Operation::Remove(path) => {
                let Some(place) = here(path) else { return };
                self.take(&place);
            }
        }
    }

    /// What a power cut may leave, with every so many bytes.
    fn may_be_left(&self, step: usize) -> Vec<Left> {
        let files = self.0.iter().map(|node| match node {
            Node::File { shown, durable, sure } => (shown.len() - sure, durable.len() > *sure),
            Node::Folder { .. } => (0, false),
        });
        let (unsynced, is_changed): (Vec<usize>, Vec<bool>) = files.unzip();
        let most = unsynced.into_iter().max().unwrap_or(0);
        let step = if most < SMALL && step < usize::MAX { 1 } else { step };
        let before = is_changed.contains(&true).then_some(None);
        let bytes = before.into_iter().chain((0..most).step_by(step).chain([most]).map(Some));
        bytes.flat_map(|bytes| [false, true].map(|names| Left { names, bytes })).collect()
    }

    /// Writes down what is left of a folder.
    fn write(&self, folder: usize, path: &Path, left: Left) {
        let Node::Folder { shown, durable } = &self.0[folder] else { return };
        let names = if left.names { shown } else { durable };
        for (name, number) in names {
            let path = path.join(name);
            match &self.0[*number] {
                Node::Folder { .. } => {
                    fs::create_dir(&path).unwrap();
                    self.write(*number, &path, left);
                }
                Node::File { shown, durable, sure } => {
                    let kept = match left.bytes {
                        None => durable.as_slice(),
                        Some(bytes) => &shown[..shown.len().min(sure + bytes)],
                    };
                    fs::write(&path, kept).unwrap();
                    // Keys that others can read are refused.
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "power_cut_tests.rs"]
mod tests;

//! The served folder: generations, content-addressed blobs, and the pointer to the generation in force.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use segue_core::trust::Artefact;

use super::generation::{self, Generation};
use crate::hash::is_sha256;
use crate::lock::FileLock;
use crate::stores::{FolderObjects, FolderValues, KeyValue, ObjectStore, Put, disk};

/// How many generations are kept unless told otherwise: the one in force, and those that slow clients may still be
/// reading and that one may roll back to.
pub const GENERATIONS: usize = 3;
/// Where a generation's shards are written before they are put.
const UNFINISHED: &str = ".unfinished-";
/// The pointer to the generation in force.
const POINTER: &str = "current";
/// The list of a generation's blobs. It is put last: a generation without it is none.
const ARTEFACTS: &str = "artefacts";
/// What a generation's keys begin with.
const GENERATION_KEYS: &str = "generations/";
/// What the keys of content-addressed objects begin with.
const BLOB_KEYS: &str = "blobs/";

/// The folder `D/served`: everything the service may hand out. Generations and blobs are immutable objects, the pointer is a
/// value; only one process at a time puts or takes away any of them.
#[derive(Debug, Clone)]
pub struct PackStore {
    root: PathBuf,
    objects: Arc<dyn ObjectStore>,
    values: Arc<dyn KeyValue>,
    kept: usize,
}

impl PackStore {
    /// The store of data folder `data`; nothing is read or created yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let root = data.join("served");
        let (objects, values) = (Arc::new(FolderObjects::new(&root)), Arc::new(FolderValues::new(&root)));
        Self { root, objects, values, kept: GENERATIONS }
    }

    /// The same store, keeping so many generations; at least the one in force.
    #[must_use]
    pub fn keeping(self, generations: usize) -> Self {
        Self { kept: generations.max(1), ..self }
    }

    /// The number of the generation in force, if one was ever published.
    ///
    /// # Errors
    /// When the pointer cannot be read or holds no number.
    pub fn current(&self) -> anyhow::Result<Option<u64>> {
        self.pointer()?.map(|value| self.number(&value)).transpose()
    }

    /// What the pointer holds, if it was ever set.
    fn pointer(&self) -> anyhow::Result<Option<Vec<u8>>> {
        self.values.get(POINTER).with_context(|| format!("reading {}", self.values.place(POINTER)))
    }

    /// The number that a pointer holds.
    fn number(&self, pointer: &[u8]) -> anyhow::Result<u64> {
        let text = String::from_utf8_lossy(pointer);
        text.trim().parse().with_context(|| {
            let (place, found) = (self.values.place(POINTER), text.trim());
            format!("{place} holds `{found}` instead of a generation; write the number of the newest folder in generations/ that holds `artefacts` into it")
        })
    }

    /// The number of the generation that comes after `current`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn next_after(&self, current: Option<u64>) -> anyhow::Result<u64> {
        // Without a pointer nothing says which of those that are there was served, so all of them count.
        Ok(1 + current.map_or_else(|| self.numbers().map(|all| all.into_iter().max().unwrap_or(0)), Ok)?)
    }

    /// Opens generation `number`, if it is kept.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn open(&self, number: u64) -> anyhow::Result<Option<Generation>> {
        match self.keys(&generation::key(number, ""))?.is_empty() {
            true => Ok(None),
            false => Generation::open(Arc::clone(&self.objects), number).map(Some),
        }
    }

    /// What belongs to generation `number` under `name`; none where nothing does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn object(&self, number: u64, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        generation::object(&*self.objects, number, name)
    }

    /// The generations that are kept and were or are in force, ascending.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn kept(&self) -> anyhow::Result<Vec<u64>> {
        let Some(current) = self.current()? else { return Ok(Vec::new()) };
        let mut numbers = self.numbers()?;
        numbers.retain(|number| *number <= current);
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The generations of which anything is there, ascending: also what is left of one that is being removed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn present(&self) -> anyhow::Result<Vec<u64>> {
        let keys = self.keys(GENERATION_KEYS)?;
        let numbers: BTreeSet<u64> = keys.iter().filter_map(|key| Some(parts(key)?.0)).collect();
        Ok(numbers.into_iter().collect())
    }

    /// Opens the generation in force, if one was ever published.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn open_current(&self) -> anyhow::Result<Option<Generation>> {
        let Some(number) = self.current()? else { return Ok(None) };
        Generation::open(Arc::clone(&self.objects), number).map(Some)
    }

    /// The bytes of the content-addressed artefact `hash`, if there is one.
    ///
    /// # Errors
    /// When the disk refuses, or the content is not what its name says.
    pub fn blob(&self, hash: &str) -> anyhow::Result<Option<Vec<u8>>> {
        if !is_sha256(hash) {
            return Ok(None);
        }
        let key = format!("{BLOB_KEYS}{hash}");
        let place = || self.objects.place(&key);
        let Some(bytes) = self.objects.get(&key).with_context(|| format!("reading {}", place()))? else {
            return Ok(None);
        };
        ensure!(segue_core::trust::hash(&bytes) == hash, "{} is damaged; refresh again", place());
        Ok(Some(bytes))
    }

    /// Begins the next generation: takes the lock, clears what a killed run left, chooses the number.
    ///
    /// # Errors
    /// When somebody else is publishing or the disk refuses.
    pub fn begin(&self) -> anyhow::Result<Staging> {
        disk::create_folder(&self.generations())?;
        let lock = self.lock()?;
        let pointer = self.pointer()?;
        let base = pointer.as_deref().map(|pointer| self.number(pointer)).transpose()?;
        self.clear_unfinished(base)?;
        let number = self.next_after(base)?;
        let folder = self.generations().join(format!("{UNFINISHED}{number}"));
        disk::create_folder(&folder)?;
        let (store, artefacts) = (self.clone(), Vec::new());
        Ok(Staging { store, base, pointer, number, folder, artefacts, _lock: lock })
    }

    /// As [`PackStore::begin`], if `base` is still in force: who began from another generation is not let in.
    ///
    /// # Errors
    /// When another generation was published since.
    pub fn begin_after(&self, base: Option<u64>) -> anyhow::Result<Staging> {
        let staging = self.begin()?;
        ensure!(
            staging.base == base,
            "generation {} was published while this run was on its way: what it made is out of date; refresh again",
            staging.base.unwrap_or(0)
        );
        Ok(staging)
    }

    fn lock(&self) -> anyhow::Result<FileLock> {
        let path = self.root.join(".lock");
        let taken = FileLock::try_take(&path).with_context(|| format!("locking {}", path.display()))?;
        taken.with_context(|| {
            format!("another refresh is publishing to {}; wait for it or stop it", self.root.display())
        })
    }

    /// Removes temporary folders, what is no whole generation, and generations that were never pointed to. The one in force
    /// stays whatever it lacks: it is served.
    fn clear_unfinished(&self, current: Option<u64>) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.generations())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                disk::remove_folder(&entry.path())?;
            }
        }
        self.objects.clear_unfinished()?;
        let whole: BTreeSet<u64> = self.numbers()?.into_iter().collect();
        let is_left = |number: u64| !whole.contains(&number) && current != Some(number);
        let mut left = self.keys(GENERATION_KEYS)?;
        left.retain(|key| parts(key).is_some_and(|(number, _)| is_left(number)));
        self.objects.delete_all(&left)?;
        // Without a readable pointer nothing says which of them was served, so all of them stay.
        let Some(current) = current else { return Ok(()) };
        whole.range(current + 1..).try_for_each(|number| self.remove(*number))
    }

    /// Removes a generation; it is none from the first object on that goes.
    fn remove(&self, number: u64) -> anyhow::Result<()> {
        self.objects.delete(&generation::key(number, ARTEFACTS))?;
        Ok(self.objects.delete_all(&self.keys(&generation::key(number, ""))?)?)
    }

    /// Removes generations and blobs that nobody needs any more.
    fn collect(&self, current: u64) -> anyhow::Result<()> {
        let numbers: BTreeSet<u64> =
            self.numbers()?.into_iter().filter(|number| *number <= current).collect();
        let kept: BTreeSet<u64> = numbers.iter().rev().take(self.kept).copied().collect();
        for number in numbers.difference(&kept) {
            self.remove(*number)?;
        }
        let needed: Vec<String> =
            kept.iter().map(|number| self.artefacts(*number)).collect::<anyhow::Result<Vec<_>>>()?.concat();
        let mut unneeded = self.keys(BLOB_KEYS)?;
        unneeded.retain(|key| !needed.iter().any(|hash| key.strip_prefix(BLOB_KEYS) == Some(hash.as_str())));
        Ok(self.objects.delete_all(&unneeded)?)
    }

    /// Hashes of the blobs that generation `number` names.
    fn artefacts(&self, number: u64) -> anyhow::Result<Vec<String>> {
        let text = self.object(number, ARTEFACTS)?;
        let text = text.with_context(|| format!("generation {number} does not say which blobs it needs"))?;
        Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
    }

    /// The generations that are whole, in no particular order.
    fn numbers(&self) -> anyhow::Result<Vec<u64>> {
        let keys = self.keys(GENERATION_KEYS)?;
        let whole = keys.iter().filter_map(|key| parts(key)).filter(|(_, name)| *name == ARTEFACTS);
        Ok(whole.map(|(number, _)| number).collect())
    }

    fn keys(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        self.objects.list(prefix).with_context(|| format!("listing {}", self.objects.place(prefix)))
    }

    /// The folder in which shards are written before they are put.
    fn generations(&self) -> PathBuf {
        self.root.join("generations")
    }
}

/// The generation that a key belongs to, and its name there.
fn parts(key: &str) -> Option<(u64, &str)> {
    let (number, name) = key.strip_prefix(GENERATION_KEYS)?.split_once('/')?;
    Some((number.parse().ok()?, name))
}

/// A generation being written. Dropping it without [`Staging::publish`] publishes nothing.
#[derive(Debug)]
pub struct Staging {
    store: PackStore,
    base: Option<u64>,
    /// What the pointer held when it was begun.
    pointer: Option<Vec<u8>>,
    number: u64,
    folder: PathBuf,
    artefacts: Vec<String>,
    _lock: FileLock,
}

impl Staging {
    /// The number it will be published under.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where its shards are to be written.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the file `name` of another folder into this generation; it stays there too.
    ///
    /// # Errors
    /// When it is missing or the disk refuses.
    pub fn adopt(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        let (key, file) = (generation::key(self.number, name), folder.join(name));
        let put = self.store.objects.put_file_if_absent(&key, &file);
        self.is_new(name, put.with_context(|| format!("taking {}", file.display()))?)
    }

    /// Adds an object.
    fn put(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let key = generation::key(self.number, name);
        let put = self.store.objects.put_if_absent(&key, bytes);
        self.is_new(name, put.with_context(|| format!("writing {}", self.store.objects.place(&key)))?)
    }

    /// What was there before the generation was begun was cleared, so it is another publisher's.
    fn is_new(&self, name: &str, put: Put) -> anyhow::Result<()> {
        ensure!(put == Put::New, "generation {} has a {name} already; refresh again", self.number);
        Ok(())
    }

    /// Keeps the blobs that generation `number` names for this generation too.
    ///
    /// # Errors
    /// When that generation does not say which they are.
    pub fn keep_blobs_of(&mut self, number: u64) -> anyhow::Result<()> {
        self.artefacts.extend(self.store.artefacts(number)?);
        Ok(())
    }

    /// Stores `bytes` under their hash, to be kept as long as this generation is.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put_blob(&mut self, bytes: &[u8]) -> anyhow::Result<Artefact> {
        let artefact = Artefact::of(bytes);
        self.artefacts.push(artefact.hash.clone());
        let (objects, key) = (&self.store.objects, format!("{BLOB_KEYS}{}", artefact.hash));
        let written = || -> std::io::Result<Put> {
            // One that is damaged, or that the disk does not give out any more, is written anew.
            if !matches!(objects.get(&key), Ok(found) if found.as_deref().is_none_or(|found| found == bytes))
            {
                objects.delete(&key)?;
            }
            objects.put_if_absent(&key, bytes)
        };
        written().with_context(|| format!("writing {}", objects.place(&key)))?;
        Ok(artefact)
    }

    /// Adds manifest, rotations and report, checks that the whole opens, and moves the pointer to it.
    ///
    /// # Errors
    /// When the disk refuses or the written files cannot be read back; the generation before then stays in force.
    pub fn publish(self, manifest: &[u8], rotations: &[u8], report: &[u8]) -> anyhow::Result<Generation> {
        for name in self.written()? {
            self.adopt(&self.folder, &name)?;
        }
        self.put("manifest.cose", manifest)?;
        self.put("rotations", rotations)?;
        self.put("report.json", report)?;
        let (store, number) = (&self.store, self.number);
        Generation::open(Arc::clone(&store.objects), number).context("reading back what was written")?;
        let hashes: String = self.artefacts.iter().map(|hash| format!("{hash}\n")).collect();
        self.put(ARTEFACTS, hashes.as_bytes())?;
        self.move_pointer()?;
        let cleared = disk::remove_folder(&self.folder).map_err(anyhow::Error::from);
        if let Err(error) = cleared.and_then(|()| store.collect(number)) {
            // Published all the same; the next run collects again.
            tracing::warn!("old generations could not be removed: {error:#}");
        }
        Generation::open(Arc::clone(&store.objects), number)
    }

    /// The names of the shards' files that were written for this generation.
    fn written(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(&self.folder)?.collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<String> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        Ok(names)
    }

    /// Moves the pointer here, if it still stands where it stood; from here on the generation is served.
    fn move_pointer(&self) -> anyhow::Result<()> {
        let (store, value) = (&self.store, format!("{}\n", self.number));
        // The lock keeps others away; whoever writes the pointer by hand is noticed here.
        let is_moved = store.values.compare_and_set(POINTER, self.pointer.as_deref(), value.as_bytes());
        if !is_moved.context("moving the pointer")? {
            let (base, current) = (self.base, store.current()?);
            bail!("the pointer moved from {base:?} to {current:?} meanwhile; refresh again");
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

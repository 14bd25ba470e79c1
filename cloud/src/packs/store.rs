//! The served folder: generations, content-addressed blobs, and the pointer to the generation in force.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use segue_core::trust::Artefact;

use super::disk::{self, write_synced};
use super::generation::Generation;
use crate::hash::is_sha256;
use crate::lock::FileLock;

/// How many generations are kept unless told otherwise: the one in force, and those that slow clients may still be
/// reading and that one may roll back to.
pub const GENERATIONS: usize = 3;
const UNFINISHED: &str = ".unfinished-";

/// The folder `D/served`: everything the service may hand out.
#[derive(Debug, Clone)]
pub struct PackStore {
    root: PathBuf,
    kept: usize,
}

impl PackStore {
    /// The store of data folder `data`; nothing is read or created yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { root: data.join("served"), kept: GENERATIONS }
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
        let path = self.pointer();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let number = text.trim().parse();
        number.map(Some).with_context(|| {
            let (path, found) = (path.display(), text.trim());
            format!("{path} holds `{found}` instead of a generation; write the number of the newest folder in generations/ into it")
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
        let folder = self.generation(number);
        if folder.is_dir() { Generation::open(&folder, number).map(Some) } else { Ok(None) }
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

    /// Opens the generation in force, if one was ever published.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn open_current(&self) -> anyhow::Result<Option<Generation>> {
        let Some(number) = self.current()? else { return Ok(None) };
        Generation::open(&self.generation(number), number).map(Some)
    }

    /// The bytes of the content-addressed artefact `hash`, if there is one.
    ///
    /// # Errors
    /// When the disk refuses, or the content is not what its name says.
    pub fn blob(&self, hash: &str) -> anyhow::Result<Option<Vec<u8>>> {
        if !is_sha256(hash) {
            return Ok(None);
        }
        let path = self.blobs().join(hash);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        ensure!(segue_core::trust::hash(&bytes) == hash, "{} is damaged; refresh again", path.display());
        Ok(Some(bytes))
    }

    /// Begins the next generation: takes the lock, clears what a killed run left, chooses the number.
    ///
    /// # Errors
    /// When somebody else is publishing or the disk refuses.
    pub fn begin(&self) -> anyhow::Result<Staging> {
        disk::create_folder(&self.generations())?;
        let lock = self.lock()?;
        let current = self.current()?;
        self.clear_unfinished(current)?;
        let number = self.next_after(current)?;
        let folder = self.generations().join(format!("{UNFINISHED}{number}"));
        disk::create_folder(&folder)?;
        Ok(Staging { store: self.clone(), base: current, number, folder, artefacts: Vec::new(), _lock: lock })
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

    /// Removes temporary folders and generations that were never pointed to.
    fn clear_unfinished(&self, current: Option<u64>) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.generations())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                disk::remove_folder(&entry.path())?;
            }
        }
        // Without a readable pointer nothing says which of them was served, so all of them stay.
        let Some(current) = current else { return Ok(()) };
        for number in self.numbers()?.into_iter().filter(|number| *number > current) {
            disk::remove_folder(&self.generation(number))?;
        }
        Ok(())
    }

    /// Moves the pointer from `base` to `number`, if it still stands there; from here on the generation is served.
    fn point_to(&self, base: Option<u64>, number: u64) -> anyhow::Result<()> {
        // The lock keeps others away; whoever writes the pointer by hand is noticed here.
        let current = self.current()?;
        ensure!(current == base, "the pointer moved from {base:?} to {current:?} meanwhile; refresh again");
        write_synced(&self.pointer(), format!("{number}\n").as_bytes()).context("moving the pointer")
    }

    /// Removes generations and blobs that nobody needs any more.
    fn collect(&self, current: u64) -> anyhow::Result<()> {
        let numbers: BTreeSet<u64> =
            self.numbers()?.into_iter().filter(|number| *number <= current).collect();
        let kept: BTreeSet<u64> = numbers.iter().rev().take(self.kept).copied().collect();
        for number in numbers.difference(&kept) {
            disk::remove_folder(&self.generation(*number))?;
        }
        let needed: Vec<String> =
            kept.iter().map(|number| self.artefacts(*number)).collect::<anyhow::Result<Vec<_>>>()?.concat();
        if !self.blobs().is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(self.blobs())? {
            let entry = entry?;
            if !needed.iter().any(|hash| entry.file_name() == hash.as_str()) {
                disk::remove_file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Hashes of the blobs that generation `number` names.
    fn artefacts(&self, number: u64) -> anyhow::Result<Vec<String>> {
        let path = self.generation(number).join("artefacts");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn numbers(&self) -> anyhow::Result<Vec<u64>> {
        let folder = self.generations();
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    fn generations(&self) -> PathBuf {
        self.root.join("generations")
    }

    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(number.to_string())
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    fn pointer(&self) -> PathBuf {
        self.root.join("current")
    }
}

/// A generation being written. Dropping it without [`Staging::publish`] publishes nothing.
#[derive(Debug)]
pub struct Staging {
    store: PackStore,
    base: Option<u64>,
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
        disk::link_or_copy(&folder.join(name), &self.folder.join(name))
            .with_context(|| format!("taking {name} from {}", folder.display()))
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
        disk::create_folder(&self.store.blobs())?;
        let path = self.store.blobs().join(&artefact.hash);
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(artefact);
        }
        write_synced(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(artefact)
    }

    /// Adds manifest, rotations and report, checks that the whole opens, and moves the pointer to it.
    ///
    /// # Errors
    /// When the disk refuses or the written files cannot be read back; the generation before then stays in force.
    pub fn publish(self, manifest: &[u8], rotations: &[u8], report: &[u8]) -> anyhow::Result<Generation> {
        let hashes: String = self.artefacts.iter().map(|hash| format!("{hash}\n")).collect();
        write_synced(&self.folder.join("manifest.cose"), manifest)?;
        write_synced(&self.folder.join("rotations"), rotations)?;
        write_synced(&self.folder.join("report.json"), report)?;
        write_synced(&self.folder.join("artefacts"), hashes.as_bytes())?;
        disk::sync_folder(&self.folder)?;
        Generation::open(&self.folder, self.number).context("reading back what was written")?;
        let folder = self.store.generation(self.number);
        disk::rename_synced(&self.folder, &folder)?;
        self.store.point_to(self.base, self.number)?;
        if let Err(error) = self.store.collect(self.number) {
            // Published all the same; the next run collects again.
            tracing::warn!("old generations could not be removed: {error:#}");
        }
        Generation::open(&folder, self.number)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

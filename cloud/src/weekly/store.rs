//! The files of weekly playlists, a row for each person.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;

use super::{WEEKS, Week};
use crate::catalog::Collection;
use crate::erasure::Erased;
use crate::stores::disk::{create_folder, remove_file, write_synced};

/// The weekly playlists of a data folder, as the service writes them.
#[derive(Debug)]
pub struct Weekly {
    folder: PathBuf,
    weeks: Mutex<BTreeMap<Week, Rows>>,
}

/// Where the rows of a week lie.
#[derive(Debug, Default)]
struct Rows {
    /// Offset and length of each person's row.
    places: HashMap<Box<str>, (u64, usize)>,
    /// Bytes of whole lines.
    bytes: u64,
}

impl Weekly {
    /// Those of data folder `data`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let folder = folder(data);
        let weeks = files(&folder)?.into_iter().map(|(week, path)| Ok((week, Rows::read(&path)?)));
        let weeks = Mutex::new(weeks.collect::<anyhow::Result<_>>()?);
        Ok(Self { folder, weeks })
    }

    /// The person's playlists up to `week`, the newest first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of(&self, user: &str, week: Week) -> anyhow::Result<Vec<(Week, Collection)>> {
        let weeks = self.weeks();
        let found = weeks.range(..=week).rev().take(WEEKS);
        let found = found.filter_map(|(week, rows)| Some((*week, *rows.places.get(user)?)));
        found.map(|(week, place)| Ok((week, self.row(week, place)?))).collect()
    }

    /// Keeps the playlist of a week; answers the one that counts, which is the first. None where `is_erased` says so: the
    /// person was forgotten meanwhile. A power cut may lose the last ones.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep(
        &self,
        week: Week,
        row: Collection,
        is_erased: impl Fn() -> bool,
    ) -> anyhow::Result<Option<Collection>> {
        let mut weeks = self.weeks();
        if is_erased() {
            return Ok(None);
        }
        let user: Box<str> = row.user.clone().unwrap_or_default().into();
        if let Some(place) = weeks.get(&week).and_then(|rows| rows.places.get(&user)) {
            return self.row(week, *place).map(Some);
        }
        if !weeks.contains_key(&week) {
            self.begin(&mut weeks, week)?;
        }
        let rows = weeks.entry(week).or_default();
        let mut line = serde_json::to_vec(&row)?;
        line.push(b'\n');
        let path = self.path(week);
        let write = || -> std::io::Result<()> {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            // Over what a failure left there.
            file.set_len(rows.bytes)?;
            file.write_all_at(&line, rows.bytes)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        rows.places.insert(user, (rows.bytes, line.len()));
        rows.bytes += line.len() as u64;
        Ok(Some(row))
    }

    /// Makes room for another week: the oldest go.
    fn begin(&self, weeks: &mut BTreeMap<Week, Rows>, week: Week) -> anyhow::Result<()> {
        create_folder(&self.folder)?;
        while weeks.len() >= WEEKS {
            let Some(oldest) = weeks.keys().next().copied().filter(|oldest| *oldest < week) else { break };
            let path = self.path(oldest);
            remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            weeks.remove(&oldest);
        }
        Ok(())
    }

    /// Takes people's playlists out of all files, durably, with lines that nobody can read; returns how many lines went.
    ///
    /// # Errors
    /// When a file cannot be replaced; doing it again does no harm.
    pub fn erase(&self, erased: &Erased) -> anyhow::Result<u64> {
        let (mut weeks, mut gone) = (self.weeks(), 0);
        for (week, path) in files(&self.folder)? {
            let text = read_file(&path)?;
            let lines = || text.split_inclusive(|byte| *byte == b'\n');
            let kept: Vec<&[u8]> =
                lines().filter(|line| owner(line).is_some_and(|user| !erased.contains(&user))).collect();
            let fewer = lines().count() - kept.len();
            if fewer > 0 {
                write_synced(&path, &kept.concat())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                weeks.insert(week, Rows::read(&path)?);
                gone += fewer as u64;
            }
        }
        Ok(gone)
    }

    fn row(&self, week: Week, (offset, length): (u64, usize)) -> anyhow::Result<Collection> {
        let path = self.path(week);
        let mut line = vec![0; length];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut line, offset));
        read.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&line).with_context(|| format!("{} is damaged", path.display()))
    }

    fn path(&self, week: Week) -> PathBuf {
        self.folder.join(format!("{week}.jsonl"))
    }

    fn weeks(&self) -> MutexGuard<'_, BTreeMap<Week, Rows>> {
        self.weeks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// A line that a kill cut off is none, and is written over.
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = read_file(path)?;
        let mut rows = Self::default();
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            if let Some(user) = owner(line) {
                rows.places.entry(user.into()).or_insert((rows.bytes, line.len()));
            }
            rows.bytes += line.len() as u64;
        }
        Ok(rows)
    }
}

/// Where the playlists of data folder `data` lie.
fn folder(data: &Path) -> PathBuf {
    data.join("weekly")
}

/// Every file of data folder `data`, by its week.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn paths(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(files(&folder(data))?.into_values().collect())
}

fn files(folder: &Path) -> anyhow::Result<BTreeMap<Week, PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let week = name.strip_suffix(".jsonl").and_then(Week::named);
        files.extend(week.map(|week| (week, path.clone())));
    }
    Ok(files)
}

fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whose a row is.
fn owner(line: &[u8]) -> Option<String> {
    serde_json::from_slice::<Collection>(line).ok()?.user
}

//! Lists that the service made or was told of, with what the model saw, until the training log has them.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use segue_core::features::FeatureLog;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HOUR_MS, LABEL_HOURS};
use crate::erasure::{Erased, Tombstones};
use crate::stores::disk::{create_folder, remove_file, write_synced};

/// Bytes of the lists of an hour: whoever writes the training log reads those of twenty-five hours, one hour's after the
/// other's, and holds of them those that events name.
const HOUR_BYTES: u64 = 256 << 20;

/// Hours that lists wait for whoever writes the training log: where nobody does, they do not fill the disk.
const WAITING_HOURS: i64 = 7 * 24;

/// A list that the service or a device made, as a line of `D/slates/HOUR.jsonl`; `segue features --logs` reads it too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Whose list it is.
    pub user: String,
    /// Its id, which events about it carry.
    pub slate: String,
    /// The surface it was ranked for.
    pub surface: String,
    /// The time it was made for, in milliseconds since 1970.
    pub time_ms: i64,
    /// Generation of the pack.
    pub generation: u64,
    /// Hash of the policy.
    pub policy: Option<String>,
    /// Hash of the ranker.
    pub ranker: Option<String>,
    /// Circumstances.
    pub context: BTreeMap<String, String>,
    /// Its places.
    pub places: Vec<KeptPlace>,
    /// What the model saw and said of the first of them.
    pub features: FeatureLog,
    /// Whether a device told of it; the service knows what it made itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_device: bool,
}

/// A place of such a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ToldPlace)]
pub struct KeptPlace {
    /// The item.
    pub item: String,
    /// Its place, from 0.
    pub position: u32,
    /// Its utility by the policy.
    pub score: f32,
    /// Probability of this item at this place given the places above, in millionths.
    pub propensity: u32,
}

/// Lists by user and id.
pub(super) type Lists = HashMap<(String, String), Kept>;

/// The lists of a data folder, as the service writes them.
#[derive(Debug)]
pub struct Slates {
    folder: PathBuf,
    /// How many of a thousand lists are kept.
    share: u64,
    /// What lists are drawn by: a sender who knew it could choose lists that are drawn.
    salt: RandomState,
    /// Bytes that an hour has room for.
    pub(super) hour_bytes: u64,
    /// Files by their hours: what is told of late lies in another than what is made now.
    open: Mutex<BTreeMap<i64, HourFile>>,
}

/// What the lists of an hour are appended to.
#[derive(Debug)]
struct HourFile {
    file: File,
    bytes: u64,
}

impl Slates {
    /// Those of data folder `data`; so many of a thousand lists are kept.
    #[must_use]
    pub fn new(data: &Path, per_thousand: u32) -> Self {
        let share = u64::from(per_thousand);
        let salt = RandomState::new();
        Self { folder: folder(data), share, salt, hour_bytes: HOUR_BYTES, open: Mutex::default() }
    }

    /// Whether the list of `user` that `which` tells from their others is one to keep, the same as long as the service runs.
    /// Nobody's is not: no event could be told to be about it.
    #[must_use]
    pub fn wants(&self, user: &str, which: impl Hash) -> bool {
        let drawn = || self.salt.hash_one((user, which)) % 1_000;
        !user.is_empty() && self.share > 0 && drawn() < self.share
    }

    /// Keeps a list; returns whether it did, as nothing is kept of whoever is to be forgotten, or where its hour has no room.
    /// A power cut may lose the last ones: an event about a lost one has a row without features.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep(&self, kept: &Kept, tombstones: &Tombstones) -> anyhow::Result<bool> {
        let hour = kept.time_ms.div_euclid(HOUR_MS);
        let mut line = serde_json::to_vec(kept)?;
        line.push(b'\n');
        let mut open = self.open();
        // Whoever is forgotten from here on is taken out of this file by an erasure that waits for the lock.
        if tombstones.erased().contains(&kept.user) {
            return Ok(false);
        }
        let HourFile { file, bytes } = match open.entry(hour) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                remove_before(&self.folder, hour - WAITING_HOURS)?;
                new.insert(self.file(hour).context("lists cannot be kept")?)
            }
        };
        let longer = *bytes + line.len() as u64;
        if longer > self.hour_bytes {
            return Ok(false);
        }
        *bytes = longer;
        let written = file.write_all(&line);
        open.retain(|other, _| other.abs_diff(hour) <= LABEL_HOURS.unsigned_abs());
        if written.is_err() {
            // Opened again, what was cut off becomes a line of its own.
            open.remove(&hour);
        }
        written.context("a list cannot be kept")?;
        Ok(true)
    }

    /// The file of an hour, to append to; what a kill cut off becomes a line of its own.
    fn file(&self, hour: i64) -> std::io::Result<HourFile> {
        create_folder(&self.folder)?;
        let path = self.folder.join(format!("{hour}.jsonl"));
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut last = [b'\n'];
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok(HourFile { file, bytes })
    }

    /// Takes people's lists out of all files, durably; returns how many.
    ///
    /// # Errors
    /// When a file cannot be replaced; doing it again does no harm.
    pub fn erase(&self, erased: &Erased) -> anyhow::Result<u64> {
        let mut open = self.open();
        // What is open are the files that go.
        open.clear();
        let mut gone = 0;
        for (_, path) in files(&self.folder)? {
            remove_cut_off(&path)?;
            let (lists, bad) = read_file(&path, |_| true)?;
            let kept: Vec<&Kept> = lists.iter().filter(|list| !erased.contains(&list.user)).collect();
            // Nobody can tell whose a line is that was cut off.
            if kept.len() < lists.len() || bad > 0 {
                let mut text = Vec::new();
                for list in &kept {
                    serde_json::to_writer(&mut text, list)?;
                    text.push(b'\n');
                }
                write_synced(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            gone += (lists.len() - kept.len()) as u64;
        }
        Ok(gone)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<i64, HourFile>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("slates")
}

/// The lists of these hours that `is_asked` for by user and id, and how many lines were none.
pub(super) fn read(
    data: &Path,
    (from, to): (i64, i64),
    is_asked: impl Fn(&str, &str) -> bool,
) -> anyhow::Result<(Lists, usize)> {
    let (mut lists, mut bad) = (Lists::new(), 0);
    for (_, path) in files(&folder(data))?.into_iter().filter(|(hour, _)| (from..=to).contains(hour)) {
        let (more, others) = read_file(&path, |list| is_asked(&list.user, &list.slate))?;
        for list in more {
            let name = (list.user.clone(), list.slate.clone());
            // Told of again, it stays as it is in the earliest hour, and nobody tells the service what it made itself.
            if lists.get(&name).is_none_or(|known| known.from_device && !list.from_device) {
                lists.insert(name, list);
            }
        }
        bad += others;
    }
    Ok((lists, bad))
}

/// Removes the lists of hours before `first`: the training log has them, or no event told of them in time.
pub(super) fn forget(data: &Path, first: i64) -> anyhow::Result<()> {
    remove_before(&folder(data), first)
}

fn remove_before(folder: &Path, first: i64) -> anyhow::Result<()> {
    for (_, path) in files(folder)?.into_iter().filter(|(hour, _)| *hour < first) {
        remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Files by their hours.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<(i64, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        files.extend(name.strip_suffix(".jsonl").and_then(|hour| Some((hour.parse().ok()?, path.clone()))));
    }
    files.sort_unstable();
    Ok(files)
}

/// Removes what a replacement that was cut off left.
fn remove_cut_off(path: &Path) -> anyhow::Result<()> {
    let left = path.with_extension("writing");
    if left.exists() {
        remove_file(&left).with_context(|| format!("cannot remove {}", left.display()))?;
    }
    Ok(())
}

/// A file's lists that are wanted, and how many lines were cut off by a kill.
fn read_file(path: &Path, is_wanted: impl Fn(&Kept) -> bool) -> anyhow::Result<(Vec<Kept>, usize)> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let (mut lists, mut bad) = (Vec::new(), 0);
    for line in lines {
        match serde_json::from_slice::<Kept>(line) {
            Ok(list) if is_wanted(&list) => lists.push(list),
            Ok(_) => {}
            Err(_) => bad += 1,
        }
    }
    Ok((lists, bad))
}

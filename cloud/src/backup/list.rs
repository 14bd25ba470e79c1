//! `backup.json`: what a backup holds.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::hex;
use crate::stores::disk::write_synced;

/// Its name in the backup's folder.
pub const FILE: &str = "backup.json";
/// The version of the file that this program writes and reads.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Version of the file.
    pub format: u32,
    /// When the backup was begun, in milliseconds since 1970.
    pub begun_ms: i64,
    /// The generation in force; none before the first.
    pub generation: Option<u64>,
    /// Whether the private keys are in it.
    pub keys: bool,
    /// Every file, sorted by its path.
    pub files: Vec<Held>,
}

/// One file or link of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its place in the data folder.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal; empty for a link.
    pub sha256: String,
    /// Where a link leads, relative to its own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<PathBuf>,
}

impl Contents {
    /// The list of files begun at a time.
    pub(super) fn new(begun_ms: i64, generation: Option<u64>, keys: bool, mut files: Vec<Held>) -> Self {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self { format: FORMAT, begun_ms, generation, keys, files }
    }

    /// Reads the list of the backup in `folder`.
    ///
    /// # Errors
    /// When there is none, it was made by a newer version, or it names a place outside of a data folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: this is no backup, or one that was interrupted; take another",
                path.display()
            )
        })?;
        let list: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(list.format == FORMAT, "{} has format {}; start a newer segue", path.display(), list.format);
        for held in &list.files {
            let inside = held.path.components().all(|part| matches!(part, Component::Normal(_)));
            ensure!(inside, "{} names {}, which is outside of it", path.display(), held.path.display());
        }
        Ok(list)
    }

    /// Writes the list, durably: from then on the backup is whole.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_synced(&folder.join(FILE), &serde_json::to_vec_pretty(self)?).context("writing backup.json")
    }

    /// Checks every file of the backup against its hash.
    ///
    /// # Errors
    /// Names the first one that is missing or not what was written.
    pub fn check(&self, folder: &Path) -> anyhow::Result<()> {
        for held in self.files.iter().filter(|held| held.link.is_none()) {
            let path = folder.join(&held.path);
            let found = hash(&path).with_context(|| format!("reading {}", path.display()))?;
            ensure!(found == held.sha256, "{} is damaged: take another backup", path.display());
        }
        Ok(())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|held| held.bytes).sum()
    }
}

fn hash(path: &Path) -> std::io::Result<String> {
    let (mut file, mut digest, mut part) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&part[..read]),
        }
    }
}

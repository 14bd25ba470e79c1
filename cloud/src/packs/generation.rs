//! One published generation, opened for serving.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::reader::ShardReader;
use super::shard::{Entry, shard_of, shards_named_by};

/// One published generation: its signed manifest, the key rotations it goes with, and its packs.
///
/// Files stay open, so that it can be read on after a newer refresh removed it.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    folder: PathBuf,
    manifest: Vec<u8>,
    rotations: Vec<u8>,
    shards: Vec<ShardReader>,
}

impl Generation {
    /// Opens generation `number` in `folder`.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn open(folder: &Path, number: u64) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
        };
        let of = shard_count(folder)?;
        let shards =
            (0..of).map(|shard| ShardReader::open(folder, shard, of)).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            number,
            folder: folder.to_owned(),
            manifest: read("manifest.cose")?,
            rotations: read("rotations")?,
            shards,
        })
    }

    /// The generation's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The generation's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The signed manifest.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The list of key rotations that leads from the root key to the one this generation is signed with.
    #[must_use]
    pub fn rotations(&self) -> &[u8] {
        &self.rotations
    }

    /// Its shards.
    #[must_use]
    pub fn shards(&self) -> &[ShardReader] {
        &self.shards
    }

    /// How many packs there are.
    #[must_use]
    pub fn packs(&self) -> usize {
        self.shards.iter().map(ShardReader::len).sum()
    }

    /// Where the pack of `subject` lies, without reading it: enough to answer a conditional request.
    #[must_use]
    pub fn entry(&self, subject: &str) -> Option<Entry> {
        self.shards.get(shard_of(subject, self.shards.len()))?.entry(subject)
    }

    /// Reads the pack of `subject`; its checksum is verified.
    ///
    /// # Errors
    /// When the disk refuses or the bytes are damaged.
    pub fn get(&self, subject: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.shards.get(shard_of(subject, self.shards.len())).map_or(Ok(None), |shard| shard.get(subject))
    }

    /// Every subject that has a pack: shard by shard, ascending within each.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.shards.iter().flat_map(|shard| (0..shard.len()).filter_map(|position| shard.subject(position)))
    }
}

/// How many shards the generation was written in, from the name of its first one.
fn shard_count(folder: &Path) -> anyhow::Result<usize> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        if let Some(of) = entry?.file_name().to_str().and_then(|name| shards_named_by(name, "index")) {
            return Ok(of);
        }
    }
    bail!("{} holds no shard; refresh again", folder.display())
}

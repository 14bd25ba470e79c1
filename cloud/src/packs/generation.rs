//! One published generation, opened for serving.

use std::sync::Arc;

use anyhow::{Context, bail};

use super::reader::ShardReader;
use super::shard::{Entry, shard_of, shards_named_by};
use crate::stores::ObjectStore;

/// One published generation: its signed manifest, the key rotations it goes with, and its packs.
///
/// Packs are read from objects that stay open, so that it can be read on after a newer refresh removed it.
#[derive(Debug)]
pub struct Generation {
    number: u64,
    objects: Arc<dyn ObjectStore>,
    manifest: Vec<u8>,
    rotations: Vec<u8>,
    shards: Vec<ShardReader>,
}

impl Generation {
    /// Opens generation `number` of those in `objects`.
    ///
    /// # Errors
    /// When an object is missing or damaged.
    pub(super) fn open(objects: Arc<dyn ObjectStore>, number: u64) -> anyhow::Result<Self> {
        let prefix = key(number, "");
        let of = shard_count(&*objects, &prefix)?;
        let shards = (0..of).map(|shard| ShardReader::open_in(&*objects, &prefix, shard, of));
        let shards = shards.collect::<anyhow::Result<_>>()?;
        let read = |name: &str| {
            let found = object(&*objects, number, name)?;
            found.with_context(|| format!("{} is missing; refresh again", objects.place(&key(number, name))))
        };
        let (manifest, rotations) = (read("manifest.cose")?, read("rotations")?);
        Ok(Self { number, objects, manifest, rotations, shards })
    }

    /// The generation's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What else belongs to it under `name`; none where nothing does, or it was removed meanwhile.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn object(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        object(&*self.objects, self.number, name)
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

/// The key of what belongs to generation `number` under `name`.
pub(super) fn key(number: u64, name: &str) -> String {
    format!("generations/{number}/{name}")
}

/// What belongs to generation `number` under `name`, if anything does.
pub(super) fn object(objects: &dyn ObjectStore, number: u64, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let key = key(number, name);
    objects.get(&key).with_context(|| format!("reading {}", objects.place(&key)))
}

/// How many shards the generation was written in, from the name of its first one.
fn shard_count(objects: &dyn ObjectStore, prefix: &str) -> anyhow::Result<usize> {
    let keys = objects.list(prefix).with_context(|| format!("listing {}", objects.place(prefix)))?;
    let mut names = keys.iter().filter_map(|key| key.strip_prefix(prefix));
    match names.find_map(|name| shards_named_by(name, "index")) {
        Some(of) => Ok(of),
        None => bail!("{} holds no shard; refresh again", objects.place(prefix)),
    }
}

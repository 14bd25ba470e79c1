//! Finding and reading packs of one shard.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use super::shard::{CHECKSUM, Entry, FORMAT, HEADER, MAGIC, RECORD, shard_file};
use crate::hash::hex;
use crate::stores::{FolderObjects, Object, ObjectStore};

/// Finds packs in one shard.
#[derive(Debug)]
pub struct ShardReader {
    blob: Box<dyn Object>,
    blob_place: String,
    index: Vec<u8>,
    packs: usize,
}

impl ShardReader {
    /// Opens shard `shard` of `of` in `folder` and checks its index.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of another format.
    pub fn open(folder: &Path, shard: usize, of: usize) -> anyhow::Result<Self> {
        Self::open_in(&FolderObjects::new(folder), "", shard, of)
    }

    /// As [`ShardReader::open`], with objects whose keys begin with `prefix`.
    pub(super) fn open_in(
        objects: &dyn ObjectStore,
        prefix: &str,
        shard: usize,
        of: usize,
    ) -> anyhow::Result<Self> {
        let [blob, index] = ["blob", "index"].map(|file| format!("{prefix}{}", shard_file(shard, of, file)));
        let (blob_place, index_place) = (objects.place(&blob), objects.place(&index));
        let index = objects.get(&index).with_context(|| format!("reading {index_place}"))?;
        let index = index.with_context(|| format!("{index_place} is missing; refresh again"))?;
        let blob = objects.open(&blob).with_context(|| format!("opening {blob_place}"))?;
        let blob = blob.with_context(|| format!("{blob_place} is missing; refresh again"))?;
        let packs = check(&index, blob.length())
            .with_context(|| format!("{index_place} cannot be used; refresh again"))?;
        Ok(Self { blob, blob_place, index, packs })
    }

    /// How many packs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packs
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packs == 0
    }

    /// The subject at `position` in ascending order.
    #[must_use]
    pub fn subject(&self, position: usize) -> Option<&str> {
        (position < self.packs).then(|| str::from_utf8(self.subject_bytes(position)).unwrap_or_default())
    }

    /// Where the pack of `subject` lies, without reading it.
    #[must_use]
    pub fn entry(&self, subject: &str) -> Option<Entry> {
        let (mut low, mut high) = (0, self.packs);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.subject_bytes(middle).cmp(subject.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(self.entry_at(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether every pack is what was written.
    ///
    /// # Errors
    /// Names the first one that is not.
    pub fn verify(&self) -> anyhow::Result<()> {
        let subjects = (0..self.packs).filter_map(|position| self.subject(position));
        subjects.into_iter().try_for_each(|subject| self.get(subject).map(drop))
    }

    /// SHA-256 of the index.
    #[must_use]
    pub fn index_hash(&self) -> String {
        hex(&Sha256::digest(&self.index))
    }

    /// Reads the pack of `subject`; its checksum is verified.
    ///
    /// # Errors
    /// When the disk refuses or the bytes are not those that were written.
    pub fn get(&self, subject: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(subject) else { return Ok(None) };
        let mut pack = vec![0; entry.length as usize];
        self.blob
            .get_range(entry.offset, &mut pack)
            .with_context(|| format!("reading `{subject}` in {}", self.blob_place))?;
        ensure!(
            Sha256::digest(&pack)[..] == entry.hash,
            "the pack of `{subject}` in {} is damaged; refresh again",
            self.blob_place
        );
        Ok(Some(pack))
    }

    fn entry_at(&self, position: usize) -> Entry {
        let record = &self.index[HEADER + position * RECORD..];
        Entry {
            offset: u64::from_le_bytes(std::array::from_fn(|byte| record[byte])),
            length: u32_at(record, 8),
            hash: std::array::from_fn(|byte| record[16 + byte]),
        }
    }

    fn subject_bytes(&self, position: usize) -> &[u8] {
        subject_at(&self.index, self.packs, position)
    }
}

fn subject_at(index: &[u8], packs: usize, position: usize) -> &[u8] {
    let heap = &index[HEADER + packs * RECORD..index.len() - CHECKSUM];
    let start = |position: usize| u32_at(index, HEADER + position * RECORD + 12) as usize;
    let end = if position + 1 < packs { start(position + 1) } else { heap.len() };
    &heap[start(position)..end]
}

/// Checks everything later reads rely on; returns the number of packs.
fn check(index: &[u8], blob_bytes: u64) -> anyhow::Result<usize> {
    ensure!(index.len() >= HEADER + CHECKSUM && &index[..8] == MAGIC, "it is no shard index");
    let format = u32_at(index, 8);
    ensure!(format == FORMAT, "format {format} was made by a newer version, this one reads {FORMAT}");
    let (content, checksum) = index.split_at(index.len() - CHECKSUM);
    ensure!(Sha256::digest(content)[..] == *checksum, "its checksum does not fit");
    let packs = u32_at(index, 12) as usize;
    let heap = usize::try_from(u64_at(index, 24))?;
    ensure!(
        packs.checked_mul(RECORD).and_then(|size| size.checked_add(HEADER + heap)) == Some(content.len()),
        "its length does not fit"
    );
    ensure!(
        u64_at(index, 16) == blob_bytes,
        "the blob has {blob_bytes} bytes instead of {}",
        u64_at(index, 16)
    );
    check_records(index, packs, heap, blob_bytes)?;
    Ok(packs)
}

fn check_records(index: &[u8], packs: usize, heap: usize, blob_bytes: u64) -> anyhow::Result<()> {
    let mut ranges = Vec::with_capacity(packs);
    for position in 0..packs {
        let record = &index[HEADER + position * RECORD..];
        ranges.push((u64_at(record, 0), u32_at(record, 8)));
        let next = if position + 1 < packs { u32_at(record, RECORD + 12) as usize } else { heap };
        ensure!(u32_at(record, 12) as usize <= next && next <= heap, "subject {position} lies outside");
    }
    ranges.sort_unstable();
    let mut end = 0;
    for (offset, length) in ranges {
        ensure!(offset == end, "the packs do not lie end to end at byte {end}");
        end += u64::from(length);
    }
    ensure!(end == blob_bytes, "the packs end at byte {end} of {blob_bytes}");
    for position in 1..packs {
        if subject_at(index, packs, position - 1) >= subject_at(index, packs, position) {
            bail!("subject {position} is out of order");
        }
    }
    Ok(())
}

fn u32_at(bytes: &[u8], start: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|byte| bytes[start + byte]))
}

fn u64_at(bytes: &[u8], start: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|byte| bytes[start + byte]))
}

#[cfg(test)]
mod tests {
    use super::super::{ShardSummary, ShardWriter};
    use super::*;

    fn write(folder: &Path, subjects: &[&str]) -> ShardSummary {
        let mut writer = ShardWriter::create(folder, 0, 1).unwrap();
        for subject in subjects {
            writer.push(subject, format!("pack of {subject}").as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn every_pack_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let subjects: Vec<String> = (0..1000).map(|number| format!("user:{number:04}")).collect();
        let names: Vec<&str> = subjects.iter().rev().map(String::as_str).collect();
        assert_eq!(write(folder.path(), &names).packs, 1000);
        let reader = ShardReader::open(folder.path(), 0, 1).unwrap();
        for name in &names {
            assert_eq!(reader.get(name).unwrap().unwrap(), format!("pack of {name}").as_bytes());
        }
        for absent in ["", "user:", "user:00000", "user:1000", "zebra"] {
            assert!(reader.get(absent).unwrap().is_none());
        }
        assert_eq!(reader.subject(3), Some("user:0003"));
        assert_eq!(reader.subject(1000), None);
    }

    #[test]
    fn an_empty_shard_opens_and_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[]);
        assert!(ShardReader::open(folder.path(), 0, 1).unwrap().is_empty());
    }

    #[test]
    fn no_damaged_index_byte_opens_and_no_damaged_pack_is_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["region:all", "user:a", "user:b"]);
        let index_path = folder.path().join(shard_file(0, 1, "index"));
        let index = std::fs::read(&index_path).unwrap();
        for byte in 0..index.len() {
            let mut damaged = index.clone();
            damaged[byte] ^= 0x40;
            std::fs::write(&index_path, &damaged).unwrap();
            assert!(ShardReader::open(folder.path(), 0, 1).is_err(), "byte {byte}");
        }
        for length in 0..index.len() {
            std::fs::write(&index_path, &index[..length]).unwrap();
            assert!(ShardReader::open(folder.path(), 0, 1).is_err(), "length {length}");
        }
        std::fs::write(&index_path, &index).unwrap();
        let blob_path = folder.path().join(shard_file(0, 1, "blob"));
        let mut blob = std::fs::read(&blob_path).unwrap();
        blob[0] ^= 1;
        std::fs::write(&blob_path, &blob).unwrap();
        let reader = ShardReader::open(folder.path(), 0, 1).unwrap();
        assert!(reader.get("region:all").unwrap_err().to_string().contains("damaged"));
        assert!(reader.verify().is_err());
        assert!(reader.get("user:b").unwrap().is_some());
    }
}

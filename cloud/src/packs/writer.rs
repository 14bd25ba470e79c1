//! Writing one shard.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::shard::{CHECKSUM, Entry, FORMAT, HEADER, MAGIC, RECORD, shard_file};
use crate::hash::hex;
use crate::stores::disk::{DiskFile, rename_synced, write_new};

/// What a written shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSummary {
    /// How many packs.
    pub packs: usize,
    /// Bytes of all packs together.
    pub bytes: u64,
    /// SHA-256 of the index, which holds that of every pack.
    pub index: String,
}

/// Writes one shard. Its files appear under their names when they are whole, so that several writers of one shard do
/// not disturb each other: the last one's files stay.
pub struct ShardWriter {
    folder: PathBuf,
    blob: BufWriter<DiskFile>,
    temporary: PathBuf,
    names: [String; 2],
    packs: Vec<(String, Entry)>,
    offset: u64,
}

impl ShardWriter {
    /// Starts shard `shard` of `of` in `folder`.
    ///
    /// # Errors
    /// When the blob cannot be created.
    pub fn create(folder: &Path, shard: usize, of: usize) -> anyhow::Result<Self> {
        let names = ["blob", "index"].map(|extension| shard_file(shard, of, extension));
        let temporary = folder.join(temporary_name(&names[0]));
        let blob =
            DiskFile::create(&temporary).with_context(|| format!("creating {}", temporary.display()))?;
        let blob = BufWriter::with_capacity(1 << 20, blob);
        Ok(Self { folder: folder.to_owned(), blob, temporary, names, packs: Vec::new(), offset: 0 })
    }

    /// Appends the pack of `subject`; subjects may come in any order, each once.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn push(&mut self, subject: &str, pack: &[u8]) -> anyhow::Result<()> {
        let length =
            u32::try_from(pack.len()).with_context(|| format!("the pack of `{subject}` is too long"))?;
        self.blob.write_all(pack).with_context(|| format!("writing {}", self.temporary.display()))?;
        let entry = Entry { offset: self.offset, length, hash: Sha256::digest(pack).into() };
        self.packs.push((subject.to_owned(), entry));
        self.offset += u64::from(length);
        Ok(())
    }

    /// Writes the index and makes both files durable under their names.
    ///
    /// # Errors
    /// When a subject came twice or the disk refuses.
    pub fn finish(mut self) -> anyhow::Result<ShardSummary> {
        let index = self.index()?;
        let blob = self.blob.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        blob.sync()?;
        rename_synced(&self.temporary, &self.folder.join(&self.names[0]))?;
        let temporary = self.folder.join(temporary_name(&self.names[1]));
        write_new(&temporary, &index)?;
        rename_synced(&temporary, &self.folder.join(&self.names[1]))?;
        Ok(ShardSummary { packs: self.packs.len(), bytes: self.offset, index: hex(&Sha256::digest(&index)) })
    }

    fn index(&mut self) -> anyhow::Result<Vec<u8>> {
        self.packs.sort_by(|one, other| one.0.cmp(&other.0));
        let names: usize = self.packs.iter().map(|(subject, _)| subject.len()).sum();
        let mut index = Vec::with_capacity(HEADER + self.packs.len() * RECORD + names + CHECKSUM);
        index.extend_from_slice(MAGIC);
        index.extend_from_slice(&FORMAT.to_le_bytes());
        index.extend_from_slice(&u32::try_from(self.packs.len())?.to_le_bytes());
        index.extend_from_slice(&self.offset.to_le_bytes());
        index.extend_from_slice(&(names as u64).to_le_bytes());
        let mut start = 0_u32;
        for (place, (subject, entry)) in self.packs.iter().enumerate() {
            ensure!(
                place == 0 || self.packs[place - 1].0 < *subject,
                "`{subject}` has two packs in one shard"
            );
            index.extend_from_slice(&entry.offset.to_le_bytes());
            index.extend_from_slice(&entry.length.to_le_bytes());
            index.extend_from_slice(&start.to_le_bytes());
            index.extend_from_slice(&entry.hash);
            let length = u32::try_from(subject.len()).ok();
            let next = length.and_then(|length| start.checked_add(length));
            start = next.context("a shard holds at most 4 GiB of subjects")?;
        }
        self.packs.iter().for_each(|(subject, _)| index.extend_from_slice(subject.as_bytes()));
        let checksum = Sha256::digest(&index);
        index.extend_from_slice(&checksum);
        Ok(index)
    }
}

/// A name that no other writer uses, in this process or another.
fn temporary_name(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".{name}.{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::super::ShardReader;
    use super::*;

    #[test]
    fn a_subject_that_comes_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::create(folder.path(), 0, 1).unwrap();
        ["user:b", "user:a", "user:b"].iter().for_each(|subject| writer.push(subject, b"1").unwrap());
        assert!(writer.finish().unwrap_err().to_string().contains("user:b"));
        assert!(ShardReader::open(folder.path(), 0, 1).is_err());
    }

    #[test]
    fn two_writers_of_one_shard_leave_one_whole_shard() {
        let folder = tempfile::tempdir().unwrap();
        let mut writers = [1, 2].map(|_| ShardWriter::create(folder.path(), 0, 1).unwrap());
        writers.iter_mut().for_each(|writer| writer.push("user:a", b"pack").unwrap());
        let [one, other] = writers.map(|writer| writer.finish().unwrap());
        assert_eq!(one, other);
        let reader = ShardReader::open(folder.path(), 0, 1).unwrap();
        assert_eq!(reader.get("user:a").unwrap().unwrap(), b"pack");
    }
}

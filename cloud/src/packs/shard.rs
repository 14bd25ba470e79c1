//! One shard: the packs end to end in a blob, and an index to find one by its subject.
//!
//! The index is read whole and searched in place (48 bytes and the subject's name for each pack); packs stay on disk.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use super::disk::fault;
use crate::hash::hex;

const MAGIC: &[u8; 8] = b"segue-ix";
const FORMAT: u32 = 1;
const HEADER: usize = 32;
const RECORD: usize = 48;
const CHECKSUM: usize = 32;

/// The shard of `of` that holds `subject`.
#[must_use]
pub fn shard_of(subject: &str, of: usize) -> usize {
    let digest = Sha256::digest(subject.as_bytes());
    let head: [u8; 8] = std::array::from_fn(|index| digest[index]);
    usize::try_from(u64::from_le_bytes(head) % of.max(1) as u64).unwrap_or(0)
}

/// What a written shard holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSummary {
    /// How many packs.
    pub packs: usize,
    /// Bytes of all packs together.
    pub bytes: u64,
}

/// Writes one shard, subjects in ascending order.
pub struct ShardWriter {
    blob: BufWriter<File>,
    index_path: PathBuf,
    records: Vec<u8>,
    subjects: Vec<u8>,
    last: Option<String>,
    offset: u64,
    packs: usize,
}

impl ShardWriter {
    /// Starts shard `shard` of `of` in `folder`.
    ///
    /// # Errors
    /// When the blob cannot be created.
    pub fn create(folder: &Path, shard: usize, of: usize) -> anyhow::Result<Self> {
        let blob_path = folder.join(file_name(shard, of, "blob"));
        fault::point()?;
        let blob = File::create(&blob_path).with_context(|| format!("creating {}", blob_path.display()))?;
        Ok(Self {
            blob: BufWriter::with_capacity(1 << 20, blob),
            index_path: folder.join(file_name(shard, of, "index")),
            records: Vec::new(),
            subjects: Vec::new(),
            last: None,
            offset: 0,
            packs: 0,
        })
    }

    /// Appends the pack of `subject`, which must come after every subject pushed before.
    ///
    /// # Errors
    /// When subjects are out of order or the disk refuses.
    pub fn push(&mut self, subject: &str, pack: &[u8]) -> anyhow::Result<()> {
        if let Some(last) = &self.last {
            ensure!(
                last.as_str() < subject,
                "subject `{subject}` after `{last}`: packs are written in order"
            );
        }
        let length =
            u32::try_from(pack.len()).with_context(|| format!("the pack of `{subject}` is too long"))?;
        let start = u32::try_from(self.subjects.len()).context("a shard holds at most 4 GiB of subjects")?;
        self.blob.write_all(pack)?;
        self.records.extend_from_slice(&self.offset.to_le_bytes());
        self.records.extend_from_slice(&length.to_le_bytes());
        self.records.extend_from_slice(&start.to_le_bytes());
        self.records.extend_from_slice(&Sha256::digest(pack));
        self.subjects.extend_from_slice(subject.as_bytes());
        self.last = Some(subject.to_owned());
        self.offset += u64::from(length);
        self.packs += 1;
        Ok(())
    }

    /// Writes the index and makes both files durable.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self) -> anyhow::Result<ShardSummary> {
        fault::point()?;
        let blob = self.blob.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        blob.sync_all()?;
        let mut index = Vec::with_capacity(HEADER + self.records.len() + self.subjects.len() + CHECKSUM);
        index.extend_from_slice(MAGIC);
        index.extend_from_slice(&FORMAT.to_le_bytes());
        index.extend_from_slice(&u32::try_from(self.packs)?.to_le_bytes());
        index.extend_from_slice(&self.offset.to_le_bytes());
        index.extend_from_slice(&(self.subjects.len() as u64).to_le_bytes());
        index.extend_from_slice(&self.records);
        index.extend_from_slice(&self.subjects);
        let checksum = Sha256::digest(&index);
        index.extend_from_slice(&checksum);
        fault::point()?;
        let mut file = File::create(&self.index_path)?;
        file.write_all(&index)?;
        file.sync_all()?;
        Ok(ShardSummary { packs: self.packs, bytes: self.offset })
    }
}

/// Where one pack lies, and what its bytes must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// First byte in the blob.
    pub offset: u64,
    /// Length in bytes.
    pub length: u32,
    /// SHA-256 of the pack; also its ETag.
    pub hash: [u8; 32],
}

impl Entry {
    /// The hash in hexadecimal digits.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }
}

/// Finds packs in one shard.
#[derive(Debug)]
pub struct ShardReader {
    blob: File,
    blob_path: PathBuf,
    index: Vec<u8>,
    packs: usize,
}

impl ShardReader {
    /// Opens shard `shard` of `of` in `folder` and checks its index.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of another format.
    pub fn open(folder: &Path, shard: usize, of: usize) -> anyhow::Result<Self> {
        let blob_path = folder.join(file_name(shard, of, "blob"));
        let index_path = folder.join(file_name(shard, of, "index"));
        let index =
            std::fs::read(&index_path).with_context(|| format!("reading {}", index_path.display()))?;
        let blob = File::open(&blob_path).with_context(|| format!("opening {}", blob_path.display()))?;
        let packs = check(&index, blob.metadata()?.len())
            .with_context(|| format!("{} cannot be used; refresh again", index_path.display()))?;
        Ok(Self { blob, blob_path, index, packs })
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

    /// Reads the pack of `subject`; its checksum is verified.
    ///
    /// # Errors
    /// When the disk refuses or the bytes are not those that were written.
    pub fn get(&self, subject: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(subject) else { return Ok(None) };
        let mut pack = vec![0; entry.length as usize];
        self.blob
            .read_exact_at(&mut pack, entry.offset)
            .with_context(|| format!("reading `{subject}` in {}", self.blob_path.display()))?;
        ensure!(
            Sha256::digest(&pack)[..] == entry.hash,
            "the pack of `{subject}` in {} is damaged; refresh again",
            self.blob_path.display()
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
    let mut end = 0;
    for position in 0..packs {
        let record = &index[HEADER + position * RECORD..];
        ensure!(u64_at(record, 0) == end, "pack {position} does not follow the one before");
        end += u64::from(u32_at(record, 8));
        let next = if position + 1 < packs { u32_at(record, RECORD + 12) as usize } else { heap };
        ensure!(u32_at(record, 12) as usize <= next && next <= heap, "subject {position} lies outside");
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

/// `shard-00000-of-00001.blob`
pub(super) fn file_name(shard: usize, of: usize, extension: &str) -> String {
    format!("shard-{shard:05}-of-{of:05}.{extension}")
}

#[cfg(test)]
mod tests {
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
        let names: Vec<&str> = subjects.iter().map(String::as_str).collect();
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
    fn subjects_out_of_order_are_refused_while_writing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::create(folder.path(), 0, 1).unwrap();
        writer.push("user:b", b"1").unwrap();
        assert!(writer.push("user:a", b"2").is_err());
        assert!(writer.push("user:b", b"2").is_err());
    }

    #[test]
    fn no_damaged_index_byte_opens_and_no_damaged_pack_is_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &["region:all", "user:a", "user:b"]);
        let index_path = folder.path().join(file_name(0, 1, "index"));
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
        let blob_path = folder.path().join(file_name(0, 1, "blob"));
        let mut blob = std::fs::read(&blob_path).unwrap();
        blob[0] ^= 1;
        std::fs::write(&blob_path, &blob).unwrap();
        let reader = ShardReader::open(folder.path(), 0, 1).unwrap();
        assert!(reader.get("region:all").unwrap_err().to_string().contains("damaged"));
        assert!(reader.get("user:b").unwrap().is_some());
    }

    #[test]
    fn a_subject_belongs_to_one_shard() {
        assert_eq!(shard_of("user:a", 1), 0);
        let counts = (0..1000).fold([0; 4], |mut counts, number| {
            counts[shard_of(&format!("user:{number}"), 4)] += 1;
            counts
        });
        assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
    }
}

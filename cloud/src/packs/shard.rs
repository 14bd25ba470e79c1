//! One shard: the packs end to end in a blob, and an index to find one by its subject.
//!
//! The index is read whole and searched in place (48 bytes and the subject's name for each pack); packs stay on disk.
//! Which shard a subject belongs to follows from its name alone, and a shard's file names from its number.

use sha2::{Digest, Sha256};

use crate::hash::hex;

pub(super) const MAGIC: &[u8; 8] = b"segue-ix";
pub(super) const FORMAT: u32 = 1;
pub(super) const HEADER: usize = 32;
pub(super) const RECORD: usize = 48;
pub(super) const CHECKSUM: usize = 32;

/// The shard of `of` that holds `subject`.
#[must_use]
pub fn shard_of(subject: &str, of: usize) -> usize {
    let digest = Sha256::digest(subject.as_bytes());
    let head: [u8; 8] = std::array::from_fn(|index| digest[index]);
    usize::try_from(u64::from_le_bytes(head) % of.max(1) as u64).unwrap_or(0)
}

/// The name of a shard's file: `shard-00000-of-00001.blob`.
#[must_use]
pub fn shard_file(shard: usize, of: usize, extension: &str) -> String {
    format!("shard-{shard:05}-of-{of:05}.{extension}")
}

/// How many shards there are, by the name of a first one's file.
#[must_use]
pub fn shards_named_by(file: &str, extension: &str) -> Option<usize> {
    let count = file.strip_prefix("shard-00000-of-")?.strip_suffix(extension)?.strip_suffix('.')?;
    let of = count.parse().ok()?;
    (file == shard_file(0, of, extension)).then_some(of)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_belongs_to_one_shard() {
        assert_eq!(shard_of("user:a", 1), 0);
        let counts = (0..1000).fold([0; 4], |mut counts, number| {
            counts[shard_of(&format!("user:{number}"), 4)] += 1;
            counts
        });
        assert!(counts.iter().all(|count| (150..350).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_first_shards_file_says_how_many_there_are() {
        assert_eq!(shards_named_by(&shard_file(0, 7, "blob"), "blob"), Some(7));
        for other in ["shard-00001-of-00007.blob", "shard-00000-of-7.blob", "shard-00000-of-00007.index", "x"]
        {
            assert_eq!(shards_named_by(other, "blob"), None, "{other}");
        }
    }
}

//! Item vectors kept between processes and refreshes, by the towers that made them and by what went in.
//!
//! An item whose inputs are the same to the last bit has the same vector, so it need not go through the tower again:
//! the shards of a run, which each see the whole catalogue, share the work, and so does a refresh with nothing new. Age
//! and popularity are inputs too, so events make many rows others. A file that is damaged is as good as none.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::features::FeatureMatrix;
use super::onnx::Tower;
use crate::packs;

const MAGIC: &[u8; 8] = b"segue-iv";
const KEY: usize = 16;
const CHECKSUM: usize = 32;

/// What goes in, as a hash.
type Key = [u8; KEY];

/// Item vectors of one pair of towers.
#[derive(Debug)]
pub(crate) struct VectorCache {
    path: PathBuf,
    dimension: usize,
    vectors: HashMap<Key, Vec<f32>>,
}

impl VectorCache {
    /// What is kept in `folder` for the towers with this hash.
    pub(crate) fn open(folder: &Path, towers: &str) -> Self {
        let path = folder.join(format!("{towers}.vectors"));
        let (dimension, vectors) =
            std::fs::read(&path).ok().and_then(|bytes| decode(&bytes)).unwrap_or_default();
        Self { path, dimension, vectors }
    }

    /// The vectors of these rows and their dimension: kept ones, and for the others what the tower gives. Those of
    /// these rows, and no others, are kept from now on.
    ///
    /// # Errors
    /// When the tower takes other columns or the disk refuses.
    pub(crate) fn run(
        &mut self,
        tower: &mut Tower,
        rows: &FeatureMatrix,
    ) -> anyhow::Result<(usize, Vec<f32>)> {
        let keys: Vec<Key> = (0..rows.rows()).map(|row| key(rows.row(row))).collect();
        let missing: HashMap<Key, usize> = keys
            .iter()
            .enumerate()
            .filter(|(_, key)| !self.vectors.contains_key(*key))
            .map(|(row, key)| (*key, row))
            .collect();
        let mut missing: Vec<usize> = missing.into_values().collect();
        missing.sort_unstable();
        if !missing.is_empty() {
            let values = missing.iter().flat_map(|row| rows.row(*row).iter().copied()).collect();
            let (dimension, vectors) = tower.run(&FeatureMatrix { columns: rows.columns.clone(), values })?;
            self.dimension = dimension;
            for (row, vector) in missing.iter().zip(vectors.chunks_exact(dimension)) {
                self.vectors.insert(keys[*row], vector.to_vec());
            }
            let wanted: HashSet<&Key> = keys.iter().collect();
            self.vectors.retain(|key, _| wanted.contains(key));
            self.write()?;
        }
        let vectors = keys.iter().flat_map(|key| &self.vectors[key]).copied().collect();
        Ok((self.dimension, vectors))
    }

    fn write(&self) -> anyhow::Result<()> {
        let mut bytes =
            Vec::with_capacity(MAGIC.len() + 4 + self.vectors.len() * (KEY + 4 * self.dimension) + CHECKSUM);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&u32::try_from(self.dimension)?.to_le_bytes());
        for (key, vector) in &self.vectors {
            bytes.extend_from_slice(key);
            vector.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        packs::create_folder(folder)
            .and_then(|()| packs::write_synced(&self.path, &bytes))
            .with_context(|| format!("writing {}", self.path.display()))
    }
}

fn key(row: &[f32]) -> Key {
    let mut digest = Sha256::new();
    row.iter().for_each(|value| digest.update(value.to_le_bytes()));
    let digest = digest.finalize();
    std::array::from_fn(|byte| digest[byte])
}

/// The dimension and the vectors of a file; none when it is damaged.
fn decode(bytes: &[u8]) -> Option<(usize, HashMap<Key, Vec<f32>>)> {
    let (content, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if Sha256::digest(content)[..] != *checksum {
        return None;
    }
    let (dimension, rows) = content.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let dimension = usize::try_from(u32::from_le_bytes(*dimension)).ok()?;
    let row = |row: &[u8]| {
        let (key, values) = row.split_first_chunk::<KEY>()?;
        let value = |bytes: &[u8]| f32::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
        Some((*key, values.chunks_exact(4).map(value).collect()))
    };
    let vectors = rows.chunks_exact(KEY + 4 * dimension).map(row).collect::<Option<_>>()?;
    Some((dimension, vectors))
}

//! Item vectors kept between processes and refreshes, by the towers that made them and by what went in.
//!
//! An item whose inputs are the same to the last bit has the same vector, so it need not go through the tower again:
//! the shards of a run, which each see the whole catalogue, share the work, and so does the next refresh. Age and
//! popularity are inputs too, in steps ([`features`](super::features)): half an hour and its events carry few items over
//! one. What no tower reads, such as a title, is no input. A file that is damaged is as good as none.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::features::FeatureMatrix;
use crate::stores::disk;

const MAGIC: &[u8; 8] = b"segue-iv";
const KEY: usize = 16;
const CHECKSUM: usize = 32;

/// What goes in, as a hash.
type Key = [u8; KEY];

/// The vectors of some rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vectors {
    /// Entries of one vector.
    pub(crate) dimension: usize,
    /// One vector for each row.
    pub(crate) values: Vec<f32>,
    /// For how many rows the vector was kept from before.
    pub(crate) reused: usize,
}

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

    /// The vectors of these rows: kept ones, and for the others what `tower` gives, with its dimension. Those of these
    /// rows, and no others, are kept from now on.
    ///
    /// # Errors
    /// When the tower takes other columns or the disk refuses.
    pub(crate) fn run(
        &mut self,
        rows: &FeatureMatrix,
        tower: impl FnOnce(&FeatureMatrix) -> anyhow::Result<(usize, Vec<f32>)>,
    ) -> anyhow::Result<Vectors> {
        let keys: Vec<Key> = (0..rows.rows()).map(|row| key(rows.row(row))).collect();
        let reused = keys.iter().filter(|key| self.vectors.contains_key(*key)).count();
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
            let (dimension, vectors) = tower(&FeatureMatrix { columns: rows.columns.clone(), values })?;
            self.dimension = dimension;
            for (row, vector) in missing.iter().zip(vectors.chunks_exact(dimension)) {
                self.vectors.insert(keys[*row], vector.to_vec());
            }
            let wanted: HashSet<&Key> = keys.iter().collect();
            self.vectors.retain(|key, _| wanted.contains(key));
            self.write()?;
        }
        let values = keys.iter().flat_map(|key| &self.vectors[key]).copied().collect();
        Ok(Vectors { dimension: self.dimension, values, reused })
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
        disk::create_folder(folder)
            .and_then(|()| disk::write_synced(&self.path, &bytes))
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

#[cfg(test)]
mod tests {
    use super::super::features::item_matrix;
    use super::super::history::Histories;
    use super::*;
    use crate::catalog::{Catalogue, Event, EventKind, generate};

    const TRACKS: usize = 300;

    /// How many vectors are kept ones; what stands for the tower gives two numbers that tell rows apart.
    fn reused(folder: &Path, towers: &str, catalogue: &Catalogue) -> usize {
        let rows = item_matrix(catalogue, &Histories::before(catalogue, None));
        let tower = |rows: &FeatureMatrix| -> anyhow::Result<(usize, Vec<f32>)> {
            let sum =
                |row| rows.row(row).iter().zip(1_u16..).map(|(value, at)| value * f32::from(at)).sum::<f32>();
            Ok((2, (0..rows.rows()).flat_map(|row| [1.0, sum(row)]).collect()))
        };
        let vectors = VectorCache::open(folder, towers).run(&rows, tower).unwrap();
        assert_eq!((vectors.dimension, vectors.values.len()), (2, 2 * TRACKS));
        vectors.reused
    }

    /// A few people take something up half an hour after the end of the log.
    fn half_an_hour_later(catalogue: &mut Catalogue) {
        let Histories { reference_ms: last, counts, .. } = Histories::before(catalogue, None);
        let mut rare: Vec<usize> = (0..TRACKS).collect();
        rare.sort_by(|one, other| counts[*one].total_cmp(&counts[*other]));
        let event = |at: usize| {
            let item = &catalogue.items[rare[at]].item;
            let time_ms = last + 1_800_000 + at as i64;
            let mut event = Event::new(format!("late {at}"), item, EventKind::Complete, time_ms);
            event.user.clone_from(&catalogue.users[at].user);
            event
        };
        let events: Vec<_> = (0..3).map(event).collect();
        catalogue.add_events(events);
    }

    #[test]
    fn a_refresh_a_little_later_makes_few_vectors_and_a_changed_item_or_other_towers_theirs() {
        let data = tempfile::tempdir().unwrap();
        let options = generate::Options { tracks: TRACKS, users: 6, seed: 3, truth: None };
        generate::run(&options, data.path()).unwrap();
        let mut catalogue = Catalogue::load(data.path()).unwrap();
        let folder = data.path().join("vectors");
        assert_eq!(reused(&folder, "a", &catalogue), 0);
        assert_eq!(reused(&folder, "a", &catalogue), TRACKS);
        half_an_hour_later(&mut catalogue);
        let later = reused(&folder, "a", &catalogue);
        assert!((TRACKS * 9 / 10..TRACKS).contains(&later), "{later} of {TRACKS}");
        catalogue.items[5].title = "No tower reads it".into();
        assert_eq!(reused(&folder, "a", &catalogue), TRACKS);
        catalogue.items[5].duration_ms = Some(1);
        assert_eq!(reused(&folder, "a", &catalogue), TRACKS - 1);
        assert_eq!(reused(&folder, "b", &catalogue), 0, "other towers have vectors of their own");
    }
}

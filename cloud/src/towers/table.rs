//! Item vectors learned from what was taken up together: `item_vectors.bin` of a model (docs/FEATURES.md).
//!
//! The file is a line of JSON, `{"format":1,"dimension":D,"new_item":W,"items":[ids]}`, then a row of D little-endian f32 for
//! each id. An item that it does not know starts from its content neighbours: the mean of the known items that share words
//! with it, rare words counting more (Barkan and Koenigstein, "Item2Vec", 2016, leave new items open). Such a mean is near to
//! everybody and would push what people are known to like out of every list; so a new item stands back on the last axis,
//! which known items do not use, and is only `new_item` times as near to anything as the mean is.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::history::Histories;
use super::unit::{add_scaled, normalise_rows};
use super::{Embeddings, none};
use crate::catalog::{Catalogue, Item};

/// The version of `item_vectors.bin` that this program reads.
pub const FORMAT: u32 = 1;

/// The file's name in a model folder.
pub const FILE: &str = "item_vectors.bin";

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    dimension: usize,
    new_item: f32,
    items: Vec<String>,
}

/// Of each word how many items with a place have it, and the sum of their vectors.
pub(super) type Words = BTreeMap<String, (f32, Vec<f32>)>;

/// A vector for each item that was known when they were learned.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTable {
    /// Entries of one vector.
    pub dimension: usize,
    /// A new item's nearness, as a share of its neighbours' mean.
    new_item: f32,
    places: HashMap<String, usize>,
    vectors: Vec<f32>,
}

impl ItemTable {
    /// Reads `item_vectors.bin`.
    ///
    /// # Errors
    /// When the bytes are no such file, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n').context("item_vectors.bin has no header")?;
        let header: Header =
            serde_json::from_slice(&bytes[..end]).context("the header of item_vectors.bin")?;
        ensure!(
            header.format == FORMAT,
            "item_vectors.bin has format {}, this program reads {FORMAT}: train the model again",
            header.format
        );
        let value = |bytes: &[u8]| f32::from_le_bytes(std::array::from_fn(|byte| bytes[byte]));
        let vectors: Vec<f32> = bytes[end + 1..].chunks_exact(4).map(value).collect();
        let (rows, dimension) = (header.items.len(), header.dimension);
        ensure!(
            dimension > 0 && rows > 0 && vectors.len() == rows.saturating_mul(dimension),
            "item_vectors.bin names {rows} items of {dimension} entries and holds {} numbers",
            vectors.len()
        );
        ensure!(
            vectors.iter().all(|value| value.is_finite()),
            "item_vectors.bin holds values that are no numbers"
        );
        ensure!(
            header.new_item > 0.0 && header.new_item <= 1.0,
            "new_item of item_vectors.bin is {}, it must be above 0 and at most 1",
            header.new_item
        );
        let places = header.items.into_iter().zip(0..).collect();
        Ok(Self { dimension, new_item: header.new_item, places, vectors })
    }

    /// A unit vector for each item of the catalogue, in its order.
    #[must_use]
    pub fn vectors(&self, catalogue: &Catalogue) -> Vec<f32> {
        let places: Vec<Option<usize>> =
            catalogue.items.iter().map(|item| self.places.get(&item.item).copied()).collect();
        let mut vectors = vec![0.0; catalogue.items.len() * self.dimension];
        for (row, place) in vectors.chunks_exact_mut(self.dimension).zip(&places) {
            if let Some(place) = place {
                row.copy_from_slice(self.row(*place));
            }
        }
        if places.contains(&None) {
            let words = self.words(catalogue);
            let new = vectors.chunks_exact_mut(self.dimension).zip(&catalogue.items).zip(&places);
            for ((row, item), _) in new.filter(|(_, place)| place.is_none()) {
                self.introduce(row, catalogue, item, &words);
            }
        }
        normalise_rows(&mut vectors, self.dimension);
        vectors
    }

    /// The unit vector of one item, beside those whose words these are.
    pub(super) fn vector(&self, catalogue: &Catalogue, item: &Item, words: &Words) -> Vec<f32> {
        let mut vector = vec![0.0; self.dimension];
        match self.places.get(&item.item) {
            Some(place) => vector.copy_from_slice(self.row(*place)),
            None => self.introduce(&mut vector, catalogue, item, words),
        }
        normalise_rows(&mut vector, self.dimension);
        vector
    }

    fn row(&self, place: usize) -> &[f32] {
        &self.vectors[place * self.dimension..][..self.dimension]
    }

    /// The words of the catalogue's items that have a place.
    pub(super) fn words(&self, catalogue: &Catalogue) -> Words {
        let mut words = Words::new();
        for item in &catalogue.items {
            let Some(place) = self.places.get(&item.item) else { continue };
            for word in none::item_words(catalogue, item) {
                let (count, sum) = words.entry(word).or_insert_with(|| (0.0, vec![0.0; self.dimension]));
                *count += 1.0;
                add_scaled(sum, self.row(*place), 1.0);
            }
        }
        words
    }

    /// Gives an item without a place the weighted mean of what it shares words with.
    fn introduce(&self, row: &mut [f32], catalogue: &Catalogue, item: &Item, words: &Words) {
        let known = self.places.len() as f32;
        for word in none::item_words(catalogue, item) {
            if let Some((count, sum)) = words.get(&word) {
                add_scaled(row, sum, (libm::logf((1.0 + known) / (1.0 + count)) + 1.0) / count);
            }
        }
        self.stand_back(row);
    }

    /// Gives a new item's row its length and its distance from everything known.
    fn stand_back(&self, row: &mut [f32]) {
        let length = row.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|entry| *entry *= self.new_item / length);
            row[self.dimension - 1] += (1.0 - self.new_item * self.new_item).sqrt();
        }
    }
}

/// Vectors of all items by the table, of users by the mean of what they took up; `towers` names the table.
#[must_use]
pub fn embed(catalogue: &Catalogue, histories: &Histories, table: &ItemTable, towers: String) -> Embeddings {
    let items = table.vectors(catalogue);
    let users = none::user_vectors(histories, &items, table.dimension);
    Embeddings { dimension: table.dimension, items, users, towers, reused: 0, directions: None }
}

/// The file of these items' vectors.
#[cfg(test)]
pub(crate) fn file_of(rows: &[(String, Vec<f32>)], new_item: f32) -> Vec<u8> {
    let items = rows.iter().map(|(item, _)| item.clone()).collect();
    let header = Header { format: FORMAT, dimension: rows[0].1.len(), new_item, items };
    let mut bytes = serde_json::to_vec(&header).unwrap();
    bytes.push(b'\n');
    rows.iter().flat_map(|(_, row)| row).for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    /// Even items on the first axis, odd ones on the second, new ones stand back on the third; the last item is new.
    fn file() -> Vec<u8> {
        let row =
            |item: usize| if item.is_multiple_of(2) { vec![3.0, 0.0, 0.0] } else { vec![0.0, 2.0, 0.0] };
        let rows: Vec<(String, Vec<f32>)> =
            (0..samples::ITEMS - 1).map(|item| (format!("i{item}"), row(item))).collect();
        file_of(&rows, 0.6)
    }

    #[test]
    fn known_items_have_their_own_vector_and_a_new_one_that_of_its_neighbours() {
        let catalogue = samples::catalogue();
        let table = ItemTable::from_bytes(&file()).unwrap();
        let embeddings = embed(&catalogue, &Histories::before(&catalogue, None), &table, "t".into());
        assert_eq!((embeddings.item(0), embeddings.item(1)), (&[1.0, 0.0, 0.0][..], &[0.0, 1.0, 0.0][..]));
        let new = embeddings.item(samples::ITEMS - 1);
        assert!(new[1] > new[0] + 0.1 && (new[2] - 0.8).abs() < 1e-5, "an odd item among odd ones: {new:?}");
        assert_eq!((embeddings.users.len(), embeddings.towers.as_str()), (3 * samples::USERS, "t"));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let bytes = file();
        let newer = String::from_utf8_lossy(&bytes).replacen("\"format\":1", "\"format\":2", 1);
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..20], newer.as_bytes(), b""] {
            assert!(ItemTable::from_bytes(damaged).is_err());
        }
    }
}

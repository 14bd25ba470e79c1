//! The pack's payload as it is written: columns, not rows, so that 500 candidates stay small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Vectors of 8-bit integers with one scale: `value = integer * scale`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vectors {
    /// Entries of one vector.
    pub dimension: u16,
    /// What an integer step is worth.
    pub scale: f32,
    /// Row after row, one signed byte an entry.
    pub values: ByteBuf,
}

impl Vectors {
    /// Number of whole vectors.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / usize::from(self.dimension).max(1)
    }

    /// Vector `index` as floats, or `None` when there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Vec<f32>> {
        let dimension = usize::from(self.dimension);
        let row = self.values.get(index * dimension..(index + 1) * dimension)?;
        Some(row.iter().map(|&byte| f32::from(byte as i8) * self.scale).collect())
    }
}

/// One number per candidate in 8 bits: `value = minimum + (byte - 1) * step`; byte 0 where a candidate has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The value of byte 1.
    pub minimum: f32,
    /// What a step is worth.
    pub step: f32,
    /// One byte per candidate.
    pub values: ByteBuf,
}

impl Column {
    /// The value of candidate `index`, if it has one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f32> {
        let steps = self.values.get(index)?.checked_sub(1)?;
        Some(self.minimum + f32::from(steps) * self.step)
    }
}

/// A candidate pack's payload. Field order and names are those of `docs/PACK.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// Version of this record, [`Pack::FORMAT`].
    pub format: u16,
    /// The generation it belongs to.
    pub generation: u64,
    /// Whom it is for: `user:ID` or `region:NAME`.
    pub subject: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Not to be accepted from this time on, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Hash of the ranker whose order this is, if one ranked.
    pub ranker: Option<String>,
    /// Hash of the two-tower model that made the vectors, or `none`.
    pub towers: String,
    /// The user's vector, one row.
    pub user: Vectors,
    /// Item ids, best first: the order of the full ranker at refresh time.
    pub items: Vec<String>,
    /// The items' vectors, in the same order and dimension.
    pub vectors: Vectors,
    /// The full ranker's utility of each item with an empty session.
    pub scores: Vec<f32>,
    /// Names that `creator` points into.
    pub creators: Vec<String>,
    /// Each item's creator.
    pub creator: Vec<u16>,
    /// Names that `category` points into.
    pub categories: Vec<String>,
    /// Each item's categories, most important first.
    pub category: Vec<Vec<u16>>,
    /// Numbers per item by name: `popularity` (0 to 1), `age_days`, `duration_seconds`, ...
    pub columns: BTreeMap<String, Column>,
    /// Items that end before the pack does: index and time in milliseconds since 1970.
    pub ends: Vec<(u32, i64)>,
    /// What people look at, in item order: title and creator's name. Optional, not counted as ranking data.
    pub display: Option<Vec<(String, String)>>,
}

impl Pack {
    /// The version this crate writes, and the newest it reads.
    pub const FORMAT: u16 = 2;
}

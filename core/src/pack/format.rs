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

/// One number per candidate as bfloat16, the upper half of an f32: two bytes, little-endian, with the range of an f32 and
/// an error of at most 1/256 of the value, so that hours and years stand side by side. No number is a candidate without one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Column(ByteBuf);

/// Not a number, as bfloat16.
const ABSENT: u16 = 0x7fc0;
/// The largest finite bfloat16, without its sign.
const LARGEST: u16 = 0x7f7f;

impl Column {
    /// The column of these values, rounded to nearest, ties to even; values that are not finite are left out.
    #[must_use]
    pub fn of(values: &[Option<f32>]) -> Self {
        let half = |value: &Option<f32>| value.filter(|value| value.is_finite()).map_or(ABSENT, rounded);
        Self(ByteBuf::from(values.iter().flat_map(|value| half(value).to_le_bytes()).collect::<Vec<u8>>()))
    }

    /// Number of candidates it is for; `None` when the bytes do not come in pairs.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.0.len().is_multiple_of(2).then_some(self.0.len() / 2)
    }

    /// The value of candidate `index`, if it has one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f32> {
        let bytes = self.0.get(2 * index..2 * index + 2)?;
        let half = u16::from_le_bytes(bytes.try_into().ok()?);
        Some(f32::from_bits(u32::from(half) << 16)).filter(|value| value.is_finite())
    }
}

fn rounded(value: f32) -> u16 {
    let bits = value.to_bits();
    let half = (bits.saturating_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
    if half & 0x7fff > LARGEST { half & 0x8000 | LARGEST } else { half }
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
    /// Of the items that the person took up last, at most [`PROFILE_ITEMS`](crate::limits::PROFILE_ITEMS), how many have
    /// which of the categories as their first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profile: Vec<(u16, u16)>,
    /// Numbers per item by name: `popularity` (0 to 1), `age_days`, `duration_seconds`, ...
    pub columns: BTreeMap<String, Column>,
    /// Items that end before the pack does: index and time in milliseconds since 1970.
    pub ends: Vec<(u32, i64)>,
    /// Sets of regions that `limited` points into.
    pub regions: Vec<Vec<String>>,
    /// Items that may be shown in some regions only: index, and which set.
    pub limited: Vec<(u32, u16)>,
    /// What people look at, in item order: title and creator's name. Optional, not counted as ranking data.
    pub display: Option<Vec<(String, String)>>,
}

impl Pack {
    /// The version this crate writes, and the newest it reads.
    pub const FORMAT: u16 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_days_and_years_stand_side_by_side_in_a_column() {
        let ages = [0.5, 1.9, 2.1, 29.0, 31.0, 7_300.0, 0.0, -3.0, 1e38, f32::MAX, f32::MIN];
        let column = Column::of(&ages.map(Some));
        assert_eq!(column.count(), Some(ages.len()));
        for (index, age) in ages.into_iter().enumerate() {
            let read = column.get(index).unwrap();
            assert!((read - age).abs() <= age.abs() / 256.0, "{read} for {age}");
        }
        let counts: Vec<Option<f32>> = (0..=256).map(|count| Some(count as f32)).collect();
        let column = Column::of(&counts);
        assert!((0..=256).all(|count| column.get(count) == counts[count]), "small counts are exact");
    }

    #[test]
    fn what_is_no_number_is_absent() {
        let column = Column::of(&[None, Some(f32::NAN), Some(f32::INFINITY), Some(1.0)]);
        assert_eq!([0, 1, 2, 3, 4].map(|index| column.get(index)), [None, None, None, Some(1.0), None]);
        assert_eq!(Column(ByteBuf::from([1, 2, 3])).count(), None);
    }
}

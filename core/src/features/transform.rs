//! Named transforms, executed by the core so that training and every host see the same numbers.

use serde::{Deserialize, Serialize};

/// How a raw value becomes columns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// The number itself; one column.
    #[default]
    Identity,
    /// `(value - mean) / deviation`; one column.
    ZScore {
        /// Subtracted.
        mean: f32,
        /// Divided by; not 0.
        deviation: f32,
    },
    /// `ln(1 + max(value, 0)) * factor`; one column.
    Logarithm {
        /// Multiplied with the logarithm.
        factor: f32,
    },
    /// Sine and cosine of the value over `period`; two columns.
    Cycle {
        /// Length of one turn in the value's unit; not 0.
        period: f32,
    },
    /// One column per listed value, 1 where the text equals it.
    OneHot {
        /// The values.
        values: Vec<String>,
    },
    /// One column per bucket, 1 for the bucket that the text's 64-bit FNV-1a hash falls into.
    Hash {
        /// Number of buckets.
        buckets: u32,
    },
}

/// Every transform as `docs/FEATURES.md` lists it: kind, parameters, columns, value.
pub const TRANSFORMS: &[[&str; 4]] = &[
    ["identity", "-", "1", "the number itself; `vector` as it is"],
    ["z_score", "`mean`, `deviation` (not 0)", "1", "`(x - mean) / deviation`"],
    ["logarithm", "`factor`", "1", "`ln(1 + max(x, 0)) * factor`"],
    ["cycle", "`period` (not 0)", "2", "sine and cosine of `x / period` turns"],
    ["one_hot", "`values`", "one per value", "1 where the text is the value"],
    [
        "hash",
        "`buckets` (1 to 1,024)",
        "one per bucket",
        "1 for the text's 64-bit FNV-1a hash modulo `buckets`",
    ],
];

/// A raw value on its way into columns; absent ones become zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    Number(f32),
    Text(&'a str),
    Absent,
}

impl Transform {
    /// Number of columns it gives.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Identity | Self::ZScore { .. } | Self::Logarithm { .. } => 1,
            Self::Cycle { .. } => 2,
            Self::OneHot { values } => values.len(),
            Self::Hash { buckets } => *buckets as usize,
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Identity => true,
            Self::ZScore { mean, deviation } => mean.is_finite() && deviation.is_normal(),
            Self::Logarithm { factor } => factor.is_finite(),
            Self::Cycle { period } => period.is_normal(),
            Self::OneHot { values } => !values.is_empty(),
            Self::Hash { buckets } => (1..=1_024).contains(buckets),
        }
    }

    /// Writes the columns of `raw` into `columns`, which has [`Transform::width`] entries.
    pub(crate) fn write(&self, raw: Raw<'_>, columns: &mut [f32]) {
        columns.fill(0.0);
        match (self, raw) {
            (Self::OneHot { values }, Raw::Text(text)) => {
                if let Some(at) = values.iter().position(|value| value == text) {
                    columns[at] = 1.0;
                }
            }
            (Self::Hash { buckets }, Raw::Text(text)) => {
                columns[(fnv1a(text.as_bytes()) % u64::from(*buckets)) as usize] = 1.0;
            }
            (_, Raw::Number(number)) if number.is_finite() => self.write_number(number, columns),
            (Self::OneHot { .. } | Self::Hash { .. }, _) => {}
            // A host may give a number as text: contexts are text throughout.
            (_, Raw::Text(text)) => match text.parse::<f32>() {
                Ok(number) if number.is_finite() => self.write_number(number, columns),
                _ => {}
            },
            _ => {}
        }
    }

    fn write_number(&self, number: f32, columns: &mut [f32]) {
        match self {
            Self::Identity => columns[0] = number,
            Self::ZScore { mean, deviation } => columns[0] = (number - mean) / deviation,
            Self::Logarithm { factor } => columns[0] = libm::log1pf(number.max(0.0)) * factor,
            Self::Cycle { period } => {
                let angle = number / period * std::f32::consts::TAU;
                columns.copy_from_slice(&[libm::sinf(angle), libm::cosf(angle)]);
            }
            Self::OneHot { .. } | Self::Hash { .. } => {}
        }
    }
}

/// 64-bit FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(transform: &Transform, raw: Raw<'_>) -> Vec<f32> {
        let mut columns = vec![9.0; transform.width()];
        transform.write(raw, &mut columns);
        columns
    }

    #[test]
    fn each_transform_gives_its_stated_columns() {
        assert_eq!(columns(&Transform::Identity, Raw::Number(0.5)), [0.5]);
        assert_eq!(columns(&Transform::ZScore { mean: 1.0, deviation: 2.0 }, Raw::Number(5.0)), [2.0]);
        assert_eq!(columns(&Transform::Logarithm { factor: 2.0 }, Raw::Number(0.0)), [0.0]);
        let quarter = columns(&Transform::Cycle { period: 24.0 }, Raw::Text("6"));
        assert!((quarter[0] - 1.0).abs() < 1e-6 && quarter[1].abs() < 1e-6);
        let one_hot = Transform::OneHot { values: vec!["a".into(), "b".into()] };
        assert_eq!(columns(&one_hot, Raw::Text("b")), [0.0, 1.0]);
        assert_eq!(columns(&one_hot, Raw::Text("c")), [0.0, 0.0]);
        assert_eq!(columns(&Transform::Hash { buckets: 7 }, Raw::Text("x")).iter().sum::<f32>(), 1.0);
    }

    #[test]
    fn every_transform_is_listed_by_its_kind() {
        let all = [
            Transform::Identity,
            Transform::ZScore { mean: 0.0, deviation: 1.0 },
            Transform::Logarithm { factor: 1.0 },
            Transform::Cycle { period: 1.0 },
            Transform::OneHot { values: vec!["a".into()] },
            Transform::Hash { buckets: 1 },
        ];
        let kinds = all.map(|one| serde_json::to_value(one).unwrap()["kind"].as_str().unwrap().to_owned());
        assert_eq!(kinds.to_vec(), TRANSFORMS.iter().map(|row| row[0]).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_absent_or_not_finite_becomes_zero() {
        assert_eq!(columns(&Transform::Identity, Raw::Absent), [0.0]);
        assert_eq!(columns(&Transform::Identity, Raw::Number(f32::NAN)), [0.0]);
        assert_eq!(columns(&Transform::Cycle { period: 7.0 }, Raw::Text("noon")), [0.0, 0.0]);
    }
}

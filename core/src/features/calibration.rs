//! How a head's probability is corrected after the model, so that weights of a policy mean the same across models.

use serde::{Deserialize, Serialize};

/// Most points of an isotonic calibration.
const POINTS: usize = 256;

/// What is done with a head's probability `p`; `logit(p)` is `ln(p / (1 - p))`, `sigmoid` its inverse.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// Nothing.
    #[default]
    None,
    /// `sigmoid(logit(p) / temperature)` (Guo et al., On Calibration of Modern Neural Networks, 2017).
    Temperature {
        /// Above 0; above 1 makes answers less sure.
        temperature: f32,
    },
    /// `sigmoid(slope * logit(p) + intercept)` (Platt, 1999).
    Platt {
        /// Above 0, so that the order stays.
        slope: f32,
        /// Any finite number.
        intercept: f32,
    },
    /// The line through these points, flat beyond the first and the last (Zadrozny and Elkan, 2002).
    Isotonic {
        /// `[p, answer]`: at least one, at most 256, each 0 to 1, `p` rising, answers never falling.
        points: Vec<[f32; 2]>,
    },
}

impl Calibration {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }

    pub(super) fn is_valid(&self) -> bool {
        match self {
            Self::None => true,
            Self::Temperature { temperature } => temperature.is_normal() && *temperature > 0.0,
            Self::Platt { slope, intercept } => slope.is_normal() && *slope > 0.0 && intercept.is_finite(),
            Self::Isotonic { points } => {
                let inside = points.iter().flatten().all(|value| (0.0..=1.0).contains(value));
                let rising =
                    points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] <= pair[1][1]);
                (1..=POINTS).contains(&points.len()) && inside && rising
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_turn_the_order_round_is_invalid() {
        assert!(Calibration::Platt { slope: 0.5, intercept: -1.0 }.is_valid());
        assert!(!Calibration::Platt { slope: -0.5, intercept: 0.0 }.is_valid());
        assert!(!Calibration::Temperature { temperature: 0.0 }.is_valid());
        assert!(Calibration::Isotonic { points: vec![[0.0, 0.1], [1.0, 0.1]] }.is_valid());
        assert!(!Calibration::Isotonic { points: vec![[0.0, 0.4], [1.0, 0.3]] }.is_valid());
        assert!(!Calibration::Isotonic { points: vec![[0.5, 0.4], [0.5, 0.5]] }.is_valid());
        assert!(!Calibration::Isotonic { points: vec![] }.is_valid());
    }
}

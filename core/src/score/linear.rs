//! The policy's weighted sum, for catalogues without a trained ranker.

use std::collections::BTreeMap;

use super::Scorer;
use crate::budget::Budget;
use crate::error::Result;
use crate::features::{Feature, Inputs, Schema};

/// Weights in the column order of its own schema.
#[derive(Debug, Clone)]
pub(crate) struct LinearScorer {
    candidate: Vec<f32>,
    live: Vec<f32>,
}

impl LinearScorer {
    /// The scorer and the schema of its inputs.
    pub(crate) fn new(weights: &BTreeMap<String, f32>) -> Result<(Self, Schema)> {
        let schema = Schema::linear(weights.keys().map(String::as_str))?;
        let of = |features: &[Feature]| {
            features.iter().filter_map(|one| weights.get(&one.source).copied()).collect()
        };
        Ok((Self { candidate: of(&schema.candidate), live: of(&schema.live) }, schema))
    }
}

impl Scorer for LinearScorer {
    /// All candidates in one unit.
    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        if !budget.take() {
            return Ok(Vec::new());
        }
        let mut utilities = vec![0.0; inputs.count];
        for (weights, rows) in [(&self.candidate, &inputs.candidates), (&self.live, &inputs.live)] {
            for (utility, row) in utilities.iter_mut().zip(rows.chunks_exact(weights.len().max(1))) {
                *utility += row.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f32>();
            }
        }
        Ok(utilities)
    }
}

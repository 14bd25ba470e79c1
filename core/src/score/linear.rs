//! The policy's weighted sum, for catalogues without a trained ranker.

use std::collections::BTreeMap;

use super::Scorer;
use crate::error::Result;
use crate::features::{Inputs, Schema};

/// Weights in the column order of its own schema.
#[derive(Debug, Clone)]
pub(crate) struct LinearScorer {
    weights: Vec<f32>,
}

impl LinearScorer {
    /// The scorer and the schema of its inputs.
    pub(crate) fn new(weights: &BTreeMap<String, f32>) -> Result<(Self, Schema)> {
        let schema = Schema::linear(weights.keys().map(String::as_str))?;
        Ok((Self { weights: weights.values().copied().collect() }, schema))
    }
}

impl Scorer for LinearScorer {
    fn score(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        if self.weights.is_empty() {
            return Ok(vec![0.0; inputs.count]);
        }
        let dot = |row: &[f32]| row.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
        Ok(inputs.candidates.chunks_exact(self.weights.len()).map(dot).collect())
    }
}

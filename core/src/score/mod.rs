//! Scoring: numbers in, one row of heads per candidate out.

mod calibrate;
mod linear;
#[cfg(feature = "tract")]
mod operators;
#[cfg(feature = "tract")]
mod tract;

pub(crate) use calibrate::calibrate;
pub(crate) use linear::LinearScorer;
#[cfg(feature = "tract")]
pub use tract::TractScorer;

use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};

/// Something that scores candidates. The core brings a linear one and one on tract; the cloud brings one on ONNX Runtime.
pub trait Scorer {
    /// The heads of every candidate, row-major f32 `[C, H]` in the schema's order.
    ///
    /// # Errors
    /// `model_damaged` or `model_inputs_mismatch` when the model cannot run on these inputs.
    fn score(&mut self, inputs: &Inputs) -> Result<Vec<f32>>;
}

/// Names of a ranker's inputs and of its output.
pub mod names {
    /// f32 `[C, candidate width]`.
    pub const CANDIDATES: &str = "candidates";
    /// f32 `[C, live width]`.
    pub const LIVE: &str = "live";
    /// f32 `[slots, event width]`.
    pub const EVENTS: &str = "events";
    /// f32 `[slots]`.
    pub const MASK: &str = "mask";
    /// f32 `[context width]`.
    pub const CONTEXT: &str = "context";
    /// f32 `[C, H]`.
    pub const HEADS: &str = "heads";
}

/// Refuses heads that are not one finite row per candidate.
///
/// # Errors
/// `scores_invalid`.
pub fn check_heads(heads: &[f32], count: usize, schema: &Schema) -> Result<()> {
    if heads.len() != count * schema.heads.len() {
        let detail =
            format!("{} values for {count} candidates and {} heads.", heads.len(), schema.heads.len());
        return Err(Error::new(Code::ScoresInvalid, detail));
    }
    match heads.iter().position(|value| !value.is_finite()) {
        Some(at) => {
            let (row, head) = (at / schema.heads.len(), &schema.heads[at % schema.heads.len()].name);
            Err(Error::new(
                Code::ScoresInvalid,
                format!("head {head:?} of candidate {row} is {}.", heads[at]),
            ))
        }
        None => Ok(()),
    }
}

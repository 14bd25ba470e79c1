//! Scoring: numbers in, one row of heads per candidate out.

mod calibrate;
mod linear;
#[cfg(feature = "ranker")]
mod ranker;

pub(crate) use calibrate::calibrate;
pub(crate) use linear::LinearScorer;
#[cfg(feature = "ranker")]
pub use ranker::RankerScorer;

use crate::budget::Budget;
use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};

/// Something that scores candidates. The core brings a linear one and one for trained rankers; the cloud brings one on
/// ONNX Runtime.
pub trait Scorer {
    /// Does what depends on the candidates alone; called once per pack, before the first [`Scorer::score`].
    ///
    /// Of `inputs`, only `count` and `candidates` matter. A scorer that keeps nothing leaves this out.
    ///
    /// # Errors
    /// `model_damaged` or `model_inputs_mismatch` when the model cannot run on these candidates.
    fn prepare(&mut self, inputs: &Inputs) -> Result<()> {
        let _ = inputs;
        Ok(())
    }

    /// The heads of the first candidates, row-major f32 `[n, H]` in the schema's order.
    ///
    /// Takes a unit of `budget` before each fixed number of candidates; `n` is less than their number only when it ran
    /// out.
    ///
    /// # Errors
    /// `model_damaged` or `model_inputs_mismatch` when the model cannot run on these inputs, or on candidates that were
    /// not prepared.
    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>>;

    /// The heads of some of the prepared candidates, of which `inputs` has the `live` rows alone: row-major f32
    /// `[rows, H]`, the same as [`Scorer::score`] gives for them. `None` from a scorer that has to see all candidates.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    fn score_some(&mut self, rows: &[usize], inputs: &Inputs) -> Result<Option<Vec<f32>>> {
        let _ = (rows, inputs);
        Ok(None)
    }

    /// Takes up what was kept of another pack's candidates and gives up what is kept of these, so that a server goes from
    /// one pack to another and back without preparing either anew. A scorer that keeps nothing leaves this out.
    fn exchange(&mut self, kept: Option<Kept>) -> Option<Kept> {
        let _ = kept;
        None
    }
}

/// What a scorer worked out of a pack's candidates: for each chunk of them, the values that depend on nothing else.
#[derive(Debug)]
#[cfg_attr(not(feature = "ranker"), allow(dead_code, reason = "only the ranker keeps anything"))]
pub struct Kept {
    pub(crate) count: usize,
    pub(crate) chunks: Vec<Vec<Vec<f32>>>,
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

/// Refuses heads that are not finite rows of the first candidates, at most `count`.
///
/// # Errors
/// `scores_invalid`.
pub fn check_heads(heads: &[f32], count: usize, schema: &Schema) -> Result<()> {
    let width = schema.heads.len().max(1);
    if !heads.len().is_multiple_of(width) || heads.len() / width > count {
        let detail = format!("{} values for {count} candidates and {width} heads.", heads.len());
        return Err(Error::new(Code::ScoresInvalid, detail));
    }
    match heads.iter().position(|value| !value.is_finite()) {
        Some(at) => {
            let head = schema.heads.get(at % width).map_or("", |head| &head.name);
            let detail = format!("head {head:?} of candidate {} is {}.", at / width, heads[at]);
            Err(Error::new(Code::ScoresInvalid, detail))
        }
        None => Ok(()),
    }
}

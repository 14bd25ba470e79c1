//! A ranker on ONNX Runtime, behind the core's [`Scorer`].

use std::fmt::Display;

use anyhow::Context;
use ort::session::Session;
use ort::value::TensorRef;
use segue_core::features::{Inputs, Schema};
use segue_core::score::{Scorer, names};
use segue_core::{Code, Error, Result};

use crate::towers::onnx;

/// A ranker (ONNX) on ONNX Runtime, one thread. Takes any number of candidates.
pub struct OrtScorer {
    session: Session,
    widths: Widths,
    heads: usize,
}

struct Widths {
    candidate: usize,
    event: usize,
    slots: usize,
    context: usize,
}

impl OrtScorer {
    /// Loads a ranker and runs it once, so that a model that does not fit its schema is refused here.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded, or the model is no ranker of this schema.
    pub fn new(model: &[u8], schema: &Schema) -> anyhow::Result<Self> {
        let session = onnx::session(model, 1).context("the ranker cannot be used")?;
        let widths = Widths {
            candidate: schema.candidate_width(),
            event: schema.event_width(),
            slots: schema.slots,
            context: schema.context_width(),
        };
        let mut scorer = Self { session, widths, heads: schema.heads.len() };
        scorer.score(&scorer.empty(2)).context("the ranker cannot be used")?;
        Ok(scorer)
    }

    /// Inputs of `count` candidates about which nothing is known.
    fn empty(&self, count: usize) -> Inputs {
        Inputs {
            count,
            candidates: vec![0.0; count * self.widths.candidate],
            events: vec![0.0; self.widths.slots * self.widths.event],
            mask: vec![0.0; self.widths.slots],
            context: vec![0.0; self.widths.context],
        }
    }
}

impl Scorer for OrtScorer {
    fn score(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        let widths = &self.widths;
        let candidates = ([inputs.count, widths.candidate], inputs.candidates.as_slice());
        let events = ([widths.slots, widths.event], inputs.events.as_slice());
        let mask = ([widths.slots], inputs.mask.as_slice());
        let context = ([widths.context], inputs.context.as_slice());
        let values = ort::inputs![
            names::CANDIDATES => TensorRef::from_array_view(candidates).map_err(mismatch)?,
            names::EVENTS => TensorRef::from_array_view(events).map_err(mismatch)?,
            names::MASK => TensorRef::from_array_view(mask).map_err(mismatch)?,
            names::CONTEXT => TensorRef::from_array_view(context).map_err(mismatch)?,
        ];
        let outputs = self.session.run(values).map_err(mismatch)?;
        let heads = outputs.get(names::HEADS).ok_or_else(|| mismatch("it has no output `heads`"))?;
        let (shape, heads) = heads.try_extract_tensor::<f32>().map_err(mismatch)?;
        let wanted = [inputs.count, self.heads];
        if shape.len() != 2
            || !shape.iter().zip(wanted).all(|(size, wanted)| usize::try_from(*size) == Ok(wanted))
        {
            return Err(mismatch(format!("its output has the shape {shape:?}, wanted is {wanted:?}")));
        }
        Ok(heads.to_vec())
    }
}

impl std::fmt::Debug for OrtScorer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OrtScorer").field("heads", &self.heads).finish_non_exhaustive()
    }
}

fn mismatch(error: impl Display) -> Error {
    Error::new(Code::ModelInputsMismatch, format!("{error}."))
}

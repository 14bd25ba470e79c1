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
    live: usize,
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
            live: schema.live_width(),
            event: schema.event_width(),
            slots: schema.slots,
            context: schema.context_width(),
        };
        let mut scorer = Self { session, widths, heads: schema.heads.len() };
        scorer.score(&Inputs::zeros(schema, 2)).context("the ranker cannot be used")?;
        Ok(scorer)
    }
}

impl Scorer for OrtScorer {
    fn score(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        let widths = &self.widths;
        let candidates = ([inputs.count, widths.candidate], inputs.candidates.as_slice());
        let live = ([inputs.count, widths.live], inputs.live.as_slice());
        let events = ([widths.slots, widths.event], inputs.events.as_slice());
        let mask = ([widths.slots], inputs.mask.as_slice());
        let context = ([widths.context], inputs.context.as_slice());
        let values = ort::inputs![
            names::CANDIDATES => TensorRef::from_array_view(candidates).map_err(mismatch)?,
            names::LIVE => TensorRef::from_array_view(live).map_err(mismatch)?,
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

#[cfg(all(test, feature = "tract"))]
mod tests {
    use std::path::Path;

    use segue_core::score::TractScorer;

    use super::*;

    /// Inputs that differ from row to row, with half of the event slots used.
    fn inputs(schema: &Schema, count: usize) -> Inputs {
        let wave = |values: &mut Vec<f32>| {
            values.iter_mut().enumerate().for_each(|(at, value)| *value = (at as f32 * 0.7).sin());
        };
        let mut inputs = Inputs::zeros(schema, count);
        [&mut inputs.candidates, &mut inputs.live, &mut inputs.events, &mut inputs.context]
            .into_iter()
            .for_each(wave);
        let used = inputs.mask.len() / 2;
        inputs.mask[..used].fill(1.0);
        inputs
    }

    #[test]
    fn the_server_scores_as_the_browser_does() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        let (Ok(ranker), Ok(schema)) =
            (std::fs::read(model.join("ranker.onnx")), std::fs::read(model.join("schema.json")))
        else {
            return eprintln!("skipped: no model in {}", model.display());
        };
        if std::env::var_os(onnx::LIBRARY).is_none() {
            return eprintln!("skipped: {} names no library; `cargo xtask test` sets it", onnx::LIBRARY);
        }
        let schema = Schema::from_json(&schema).unwrap();
        let mut server = OrtScorer::new(&ranker, &schema).unwrap();
        let mut browser = TractScorer::new(&ranker, &schema).unwrap();
        for count in [1, 64, 500, 1_000] {
            let inputs = inputs(&schema, count);
            let (here, there) = (server.score(&inputs).unwrap(), browser.score(&inputs).unwrap());
            assert_eq!(here.len(), there.len());
            let largest = here.iter().zip(&there).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(largest < 1e-4, "{count} candidates differ by {largest}");
        }
        let mut narrower = schema.clone();
        narrower.candidate.pop();
        assert!(OrtScorer::new(&ranker, &narrower).is_err());
    }
}

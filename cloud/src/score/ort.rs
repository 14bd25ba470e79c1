//! A ranker on ONNX Runtime, behind the core's [`Scorer`].

use std::fmt::Display;

use anyhow::Context;
use ort::session::Session;
use ort::value::TensorRef;
use segue_core::features::{Inputs, Schema};
use segue_core::score::{Scorer, names};
use segue_core::{Budget, Code, Error, Result};

use crate::onnx::{Device, session_on};

/// A ranker (ONNX) on ONNX Runtime. Takes any number of candidates.
pub struct OrtScorer {
    session: Session,
    slots: usize,
    heads: usize,
}

impl OrtScorer {
    /// Loads a ranker, for one thread of the processor, and runs it once, so that a model that does not fit its schema is
    /// refused here.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded, or the model is no ranker of this schema.
    pub fn new(model: &[u8], schema: &Schema) -> anyhow::Result<Self> {
        Self::on(model, schema, Device::PROCESSOR, 1)
    }

    /// As [`OrtScorer::new`] on `device`; `threads` 0 leaves the number to ONNX Runtime.
    ///
    /// # Errors
    /// As [`OrtScorer::new`], and when the card does not work or has no room.
    pub(super) fn on(model: &[u8], schema: &Schema, device: Device, threads: usize) -> anyhow::Result<Self> {
        let session = session_on(model, threads, device).context("the ranker cannot be used")?;
        let mut scorer = Self { session, slots: schema.slots, heads: schema.heads.len() };
        let inputs = Inputs::zeros(schema, 2);
        scorer.score(&inputs, &mut Budget::unlimited()).context("the ranker cannot be used")?;
        Ok(scorer)
    }
}

impl Scorer for OrtScorer {
    /// All candidates in one piece, one unit: servers rank each pack once, so nothing is worth keeping.
    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        if inputs.count == 0 || !budget.take() {
            return Ok(Vec::new());
        }
        let tables = [
            (names::CANDIDATES, Some(inputs.count), &inputs.candidates),
            (names::LIVE, Some(inputs.count), &inputs.live),
            (names::EVENTS, Some(self.slots), &inputs.events),
            (names::MASK, None, &inputs.mask),
            (names::CONTEXT, None, &inputs.context),
        ];
        let mut values = Vec::with_capacity(tables.len());
        // A table without columns is no input.
        for (name, rows, numbers) in tables.into_iter().filter(|(_, _, numbers)| !numbers.is_empty()) {
            let shape = match rows {
                Some(rows) => vec![rows, numbers.len() / rows.max(1)],
                None => vec![numbers.len()],
            };
            let table = TensorRef::from_array_view((shape, numbers.as_slice())).map_err(mismatch)?;
            values.push((name, table));
        }
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

#[cfg(all(test, feature = "ranker"))]
mod tests {
    use segue_core::score::RankerScorer;

    use super::super::tests_support::{ROUNDING, demo, difference, drawn};
    use super::*;

    /// Inputs that differ from row to row, with half of the event slots used. Rows are about as long as real ones: vectors
    /// are of unit length, and products of longer ones saturate every head.
    fn inputs(schema: &Schema, count: usize) -> Inputs {
        let wave = |values: &mut Vec<f32>| {
            values.iter_mut().enumerate().for_each(|(at, value)| *value = 0.2 * (at as f32 * 0.7).sin());
        };
        let mut inputs = Inputs::zeros(schema, count);
        [&mut inputs.candidates, &mut inputs.live, &mut inputs.events, &mut inputs.context]
            .into_iter()
            .for_each(wave);
        let used = inputs.mask.len() / 2;
        inputs.mask[..used].fill(1.0);
        inputs
    }

    /// How far 255 levels for each row or column may move an answer; 0.013 was measured over such inputs.
    const LEVELS: f32 = 0.03;

    /// The demo's ranker in 8 bits, as `segue train --weights int8` writes it (`samples/README.md`).
    const INT8: &[u8] = include_bytes!("samples/ranker_int8.onnx");

    /// Ten thousand candidates, in sessions of every length; the training's tests compare PyTorch with ONNX Runtime.
    fn ten_thousand(schema: &Schema) -> impl Iterator<Item = Inputs> {
        (0..20).map(move |session| drawn(schema, 500, session * schema.slots / 19))
    }

    #[test]
    fn the_server_scores_as_the_browser_does() {
        let Some((ranker, schema)) = demo() else { return };
        for file in [ranker.as_slice(), INT8] {
            let mut server = OrtScorer::new(file, &schema).unwrap();
            let mut browser = RankerScorer::new(file, &schema).unwrap();
            for count in [1, 64, 500, 1_000] {
                let largest = difference(&mut server, &mut browser, &inputs(&schema, count));
                assert!(largest < ROUNDING, "{} bytes, {count} candidates: differ by {largest}", file.len());
            }
            for (session, inputs) in ten_thousand(&schema).enumerate() {
                let largest = difference(&mut server, &mut browser, &inputs);
                assert!(largest < ROUNDING, "{} bytes, session {session}: differ by {largest}", file.len());
            }
        }
        let mut narrower = schema.clone();
        narrower.candidate.pop();
        assert!(OrtScorer::new(&ranker, &narrower).is_err());
    }

    #[test]
    fn eight_bits_move_the_answers_a_little() {
        let Some((ranker, schema)) = demo() else { return };
        let mut whole = RankerScorer::new(&ranker, &schema).unwrap();
        let mut small = RankerScorer::new(INT8, &schema).unwrap();
        assert!(2 * INT8.len() < ranker.len());
        let moved = ten_thousand(&schema).map(|inputs| difference(&mut whole, &mut small, &inputs));
        let largest = moved.fold(0.0, f32::max);
        assert!(largest > ROUNDING && largest < LEVELS, "the answers moved by {largest}");
    }
}

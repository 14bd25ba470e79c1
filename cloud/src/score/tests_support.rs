//! What tests of scorers share.

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use segue_core::Budget;
use segue_core::features::{Inputs, Schema};
use segue_core::score::Scorer;

use crate::onnx::LIBRARY;

/// How far rounding may lie between the two scorers.
pub(super) const ROUNDING: f32 = 1e-5;

/// Inputs drawn at random, with `used` event slots: values of the size that entries of unit vectors have.
pub(super) fn drawn(schema: &Schema, count: usize, used: usize) -> Inputs {
    let mut random = ChaCha8Rng::seed_from_u64(used as u64);
    let draw = |values: &mut Vec<f32>| {
        values.iter_mut().for_each(|value| *value = (random.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.4);
    };
    let mut inputs = Inputs::zeros(schema, count);
    [&mut inputs.candidates, &mut inputs.live, &mut inputs.events, &mut inputs.context]
        .into_iter()
        .for_each(draw);
    inputs.mask[..used].fill(1.0);
    inputs
}

/// The largest difference between the answers of both about the same inputs.
pub(super) fn difference(one: &mut impl Scorer, other: &mut impl Scorer, inputs: &Inputs) -> f32 {
    let (here, there) = (scored(one, inputs), scored(other, inputs));
    assert_eq!(here.len(), there.len());
    here.iter().zip(&there).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

pub(super) fn scored(scorer: &mut impl Scorer, inputs: &Inputs) -> Vec<f32> {
    scorer.prepare(inputs).unwrap();
    scorer.score(inputs, &mut Budget::unlimited()).unwrap()
}

/// The demo's ranker and its schema; none where they, or ONNX Runtime, are missing.
pub(super) fn demo() -> Option<(Vec<u8>, Schema)> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let (Ok(ranker), Ok(schema)) =
        (std::fs::read(model.join("ranker.onnx")), std::fs::read(model.join("schema.json")))
    else {
        crate::skipped::note("the demo's model is missing", "cargo xtask train");
        return None;
    };
    if std::env::var_os(LIBRARY).is_none() {
        crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        return None;
    }
    Some((ranker, Schema::from_json(&schema).unwrap()))
}

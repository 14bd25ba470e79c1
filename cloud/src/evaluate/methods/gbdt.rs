//! Boosted trees (LightGBM, `gbdt.onnx` of a model) over everything that the ranker sees: the same engine with another head.

use segue_core::engine::Engine;
use segue_core::features::{Inputs, Schema};
use segue_core::policy::{Function, Term};
use segue_core::score::Scorer;
use segue_core::{Budget, Code, Error, Result};

use anyhow::Context;
use ort::session::Session;
use ort::value::Tensor;

use super::Stage;
use crate::onnx;

/// The head that the trees answer: that the item is the next to do well.
const HEAD: &str = "next";

/// The trees in ONNX Runtime: the core reads no trees, so they run nowhere else.
struct Trees(Session);

impl Scorer for Trees {
    /// All candidates in one unit.
    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        if inputs.count == 0 || !budget.take() {
            return Ok(Vec::new());
        }
        let rows = rows(inputs);
        let shape = vec![inputs.count, rows.len() / inputs.count];
        let rows = Tensor::from_array((shape, rows)).map_err(refused)?;
        let outputs = self.0.run(ort::inputs!["rows" => rows]).map_err(refused)?;
        let (_, scores) = outputs[0].try_extract_tensor::<f32>().map_err(refused)?;
        Ok(scores.to_vec())
    }
}

/// The columns of each candidate, then what the session says of it, then the context: as the training lays them out.
fn rows(inputs: &Inputs) -> Vec<f32> {
    let (width, live) = (inputs.candidates.len() / inputs.count, inputs.live.len() / inputs.count);
    let row = |at: usize| {
        let fixed = &inputs.candidates[at * width..][..width];
        fixed.iter().chain(&inputs.live[at * live..][..live]).chain(&inputs.context).copied()
    };
    (0..inputs.count).flat_map(row).collect()
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::new(Code::ModelInputsMismatch, format!("{error}."))
}

/// The engine of a stage with the trees in place of the ranker.
///
/// # Errors
/// When ONNX Runtime cannot be loaded, or the model has no ranker or no trees.
pub(super) fn engine(stage: &Stage<'_>) -> anyhow::Result<Engine> {
    let ranking = &stage.prepared.ranking;
    let trees = stage.model.and_then(|model| model.trees.as_deref()).context("the model has no trees")?;
    let (_, schema) = ranking.ranker.as_ref().context("there is no ranker")?;
    let mut policy = ranking.policy.clone();
    policy.utility = vec![Term { head: HEAD.into(), weight: 1.0, function: Function::Logit }];
    let heads = schema.heads.iter().filter(|head| head.name == HEAD).cloned().collect();
    let schema = Schema { heads, ..schema.clone() };
    let scorer = Trees(onnx::session(trees, 1).context("gbdt.onnx cannot be used")?);
    Ok(Engine::of_server(policy, Some((schema, Box::new(scorer))))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_candidate_with_the_session_and_the_context() {
        let inputs = Inputs {
            count: 2,
            candidates: vec![1.0, 2.0, 3.0, 4.0],
            live: vec![5.0, 6.0],
            events: Vec::new(),
            mask: Vec::new(),
            context: vec![7.0],
        };
        assert_eq!(rows(&inputs), [1.0, 2.0, 5.0, 7.0, 3.0, 4.0, 6.0, 7.0]);
    }
}

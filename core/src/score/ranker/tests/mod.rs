//! Rankers made by hand: scored by parts and in one piece, and files that are none.

mod hostile;
mod quantised;
mod sketch;

use self::sketch::{Sketch, target_attention};
use super::cut::Cut;
use super::graph::Graph;
use super::parts::Parts;
use super::plan::Scratch;
use super::widths::Widths;
use super::{CHUNK, RankerScorer};
use crate::budget::Budget;
use crate::error::Code;
use crate::features::Inputs;
use crate::score::Scorer;

/// What [`sketch`] makes rankers for.
const WIDTHS: Widths = Widths { candidate: 6, live: 2, event: 5, slots: 4, context: 3, heads: 2 };

/// Inputs that differ from row to row, with half of the event slots used.
fn inputs(widths: Widths, count: usize) -> Inputs {
    let wave = |length: usize, step: f32| (0..length).map(|at| libm::sinf(at as f32 * step)).collect();
    Inputs {
        count,
        candidates: wave(count * widths.candidate, 0.7),
        live: wave(count * widths.live, 0.3),
        events: wave(widths.slots * widths.event, 1.1),
        mask: (0..widths.slots).map(|slot| if slot * 2 < widths.slots { 1.0 } else { 0.0 }).collect(),
        context: wave(widths.context, 0.9),
    }
}

fn score(scorer: &mut RankerScorer, inputs: &Inputs) -> Vec<f32> {
    scorer.prepare(inputs).unwrap();
    scorer.score(inputs, &mut Budget::unlimited()).unwrap()
}

/// The same model without a cut, all candidates at once.
fn in_one_piece(bytes: &[u8], widths: Widths) -> RankerScorer {
    let graph = Graph::read(bytes, &widths.inputs()).unwrap();
    let names: Vec<String> = widths.inputs().iter().map(|(name, _)| (*name).to_owned()).collect();
    let cut = Cut::whole(&names);
    let parts = Parts::new(&graph, &cut, widths, 1).unwrap();
    RankerScorer { graph: graph.into(), widths, cut, parts, pack: None, scratch: Scratch::default() }
}

fn assert_close(one: &[f32], other: &[f32]) {
    assert_eq!(one.len(), other.len());
    let largest = one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-5, "they differ by {largest}");
}

#[test]
fn scoring_by_parts_gives_what_the_whole_graph_gives() {
    let bytes = target_attention().bytes();
    let mut parts = RankerScorer::of(&bytes, WIDTHS).unwrap();
    let mut whole = in_one_piece(&bytes, WIDTHS);
    assert!(parts.cut.by_chunks);
    for count in [1, CHUNK - 1, CHUNK, 2 * CHUNK + 3] {
        let inputs = inputs(WIDTHS, count);
        assert_close(&score(&mut parts, &inputs), &score(&mut whole, &inputs));
    }
}

#[test]
fn each_part_holds_what_depends_on_its_inputs_alone() {
    let scorer = RankerScorer::of(&target_attention().bytes(), WIDTHS).unwrap();
    assert_eq!(scorer.cut.pack, ["query", "encoded"]);
    assert_eq!(scorer.cut.session, ["keys", "hidden", "values", "around"]);
}

#[test]
fn a_second_event_is_scored_with_what_was_kept_of_the_candidates() {
    let mut scorer = RankerScorer::of(&target_attention().bytes(), WIDTHS).unwrap();
    let mut inputs = inputs(WIDTHS, 10);
    let before = score(&mut scorer, &inputs);
    inputs.events.iter_mut().for_each(|value| *value = -*value);
    let after = scorer.score(&inputs, &mut Budget::unlimited()).unwrap();
    assert_ne!(before, after);
    assert_close(&after, &score(&mut scorer, &inputs));
}

#[test]
fn some_candidates_are_scored_as_they_are_among_all() {
    let mut scorer = RankerScorer::of(&target_attention().bytes(), WIDTHS).unwrap();
    let inputs = inputs(WIDTHS, 2 * CHUNK + 3);
    let all = score(&mut scorer, &inputs);
    let rows = [2 * CHUNK + 2, 0, CHUNK, 5];
    let of = |table: &[f32], width: usize| -> Vec<f32> {
        rows.iter().flat_map(|row| table[row * width..(row + 1) * width].to_vec()).collect()
    };
    let some = Inputs {
        count: rows.len(),
        candidates: Vec::new(),
        live: of(&inputs.live, WIDTHS.live),
        ..inputs.clone()
    };
    assert_eq!(scorer.score_some(&rows, &some).unwrap().unwrap(), of(&all, WIDTHS.heads));
    assert!(scorer.score_some(&[3 * CHUNK], &some).is_err());
}

#[test]
fn a_budget_that_ends_leaves_the_first_chunks() {
    let mut scorer = RankerScorer::of(&target_attention().bytes(), WIDTHS).unwrap();
    let inputs = inputs(WIDTHS, 3 * CHUNK);
    let all = score(&mut scorer, &inputs);
    let mut budget = Budget::of_units(2);
    let some = scorer.score(&inputs, &mut budget).unwrap();
    assert_eq!(some, all[..2 * CHUNK * WIDTHS.heads]);
    assert!(budget.is_exhausted() && budget.taken() == 2);
}

#[test]
fn a_model_that_compares_candidates_runs_in_one_piece() {
    let mut sketch = Sketch::new(WIDTHS);
    sketch.weight("weights", &[WIDTHS.candidate, WIDTHS.heads]);
    sketch.node("MatMul", &["candidates", "weights"], "scores");
    sketch.node("Softmax", &["scores"], "heads").integer("axis", 0);
    let mut scorer = RankerScorer::of(&sketch.bytes(), WIDTHS).unwrap();
    assert!(!scorer.cut.by_chunks);
    for count in [3, CHUNK + 1] {
        let heads = score(&mut scorer, &inputs(WIDTHS, count));
        let sum: f32 = heads.chunks(WIDTHS.heads).map(|row| row[0]).sum();
        assert!((sum - 1.0).abs() < 1e-4, "the shares of {count} candidates sum to {sum}");
    }
}

#[test]
fn a_product_of_candidates_with_each_other_runs_in_one_piece() {
    let mut sketch = Sketch::new(WIDTHS);
    sketch.weight("weights", &[WIDTHS.candidate, WIDTHS.heads]);
    sketch.node("Transpose", &["candidates"], "turned");
    sketch.node("MatMul", &["turned", "candidates"], "covariance");
    sketch.node("MatMul", &["candidates", "covariance"], "mixed");
    sketch.node("MatMul", &["mixed", "weights"], "heads");
    assert!(!RankerScorer::of(&sketch.bytes(), WIDTHS).unwrap().cut.by_chunks);
}

#[test]
fn a_model_that_reads_only_what_the_session_changes_scores_every_candidate() {
    let widths = Widths { candidate: 0, ..WIDTHS };
    let mut sketch = Sketch::new(widths);
    sketch.weight("weights", &[widths.live, widths.heads]);
    sketch.node("MatMul", &["live", "weights"], "heads");
    let mut scorer = RankerScorer::of(&sketch.bytes(), widths).unwrap();
    assert_eq!(score(&mut scorer, &inputs(widths, CHUNK + 1)).len(), (CHUNK + 1) * widths.heads);
}

#[test]
fn candidates_that_were_not_prepared_are_refused() {
    let mut scorer = RankerScorer::of(&target_attention().bytes(), WIDTHS).unwrap();
    let error = scorer.score(&inputs(WIDTHS, 3), &mut Budget::unlimited()).unwrap_err();
    assert_eq!(error.code(), Code::ModelInputsMismatch);
    scorer.prepare(&inputs(WIDTHS, 3)).unwrap();
    assert!(scorer.score(&inputs(WIDTHS, 4), &mut Budget::unlimited()).is_err());
    let narrow = Inputs { context: vec![], ..inputs(WIDTHS, 3) };
    assert!(scorer.score(&narrow, &mut Budget::unlimited()).is_err());
}

#[test]
fn the_demo_ranker_is_scored_by_parts() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloud/models/demo");
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    let schema = crate::features::Schema::from_json(&read("schema.json")).unwrap();
    let widths = Widths::of(&schema);
    let mut parts = RankerScorer::new(&read("ranker.onnx"), &schema).unwrap();
    let mut whole = in_one_piece(&read("ranker.onnx"), widths);
    assert!(parts.cut.by_chunks && !parts.cut.pack.contains(&"candidates".to_owned()));
    for count in [1, 500] {
        let inputs = inputs(widths, count);
        assert_close(&score(&mut parts, &inputs), &score(&mut whole, &inputs));
    }
}

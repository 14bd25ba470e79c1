//! A small ranker with its schema: attention over the session's events, then two layers, for the world's packs.

use segue_core::features::Schema;
use serde_json::{Value, json};

use crate::draws::Draws;
use crate::onnx::{Attribute, Graph};
use crate::world::DIMENSION;

/// Event rows.
const SLOTS: u64 = 4;
/// Columns of `candidates`: the vector, popularity and the refresh's score.
const CANDIDATE: u64 = DIMENSION as u64 + 2;
/// Columns of `live`.
const LIVE: u64 = 2;
/// Columns of `events`: the vector and the strength.
const EVENT: u64 = DIMENSION as u64 + 1;
/// Columns that a candidate and an event are compared in.
const COMMON: u64 = 6;
/// Columns of the hidden layer.
const HIDDEN: u64 = 8;
/// What it predicts: the heads that the radio's policy weighs.
const HEADS: [&str; 4] = ["next", "complete", "like", "skip"];

/// The schema, as JSON.
#[must_use]
pub fn schema() -> Vec<u8> {
    let feature = |source: &str| json!({ "name": source, "source": source });
    let features =
        |sources: &[&str]| -> Vec<Value> { sources.iter().map(|source| feature(source)).collect() };
    let schema = json!({
        "format": Schema::FORMAT,
        "version": "conformance-1",
        "dataset": "conformance",
        "dimension": DIMENSION,
        "slots": SLOTS,
        "candidate": features(&["vector", "column:popularity", "refresh_score"]),
        "live": features(&["interest_similarity", "impressions"]),
        "event": features(&["vector", "strength"]),
        "context": features(&["session_events"]),
        "heads": HEADS.map(|name| json!({ "name": name, "kind": "probability" })),
    });
    serde_json::to_vec(&schema).unwrap_or_default()
}

/// The ONNX file.
#[must_use]
pub fn model() -> Vec<u8> {
    finished(logits(), "Sigmoid")
}

/// The graph from its inputs to the tensor `logits`, f32 `[C, heads]`.
#[must_use]
pub fn logits() -> Graph {
    let mut graph = Graph::default();
    graph.input("candidates", &[0, CANDIDATE]);
    graph.input("live", &[0, LIVE]);
    graph.input("events", &[SLOTS, EVENT]);
    graph.input("mask", &[SLOTS]);
    graph.input("context", &[1]);
    weights(&mut graph);
    attention(&mut graph);
    let columns = [Attribute::Integer("axis", 1)];
    graph.node("Concat", &["candidates", "live", "attended"], "known", &columns);
    graph.node("Gemm", &["known", "w_known", "b_known"], "said", &[]);
    graph.node("Mul", &["context", "w_context"], "mood", &[]);
    graph.node("Add", &["said", "mood"], "sum", &[]);
    graph.node("Relu", &["sum"], "hidden", &[]);
    graph.node("Gemm", &["hidden", "w_heads", "b_heads"], "logits", &[]);
    graph
}

/// The file whose `heads` are what `operator` makes of the logits.
#[must_use]
pub fn finished(mut graph: Graph, operator: &str) -> Vec<u8> {
    graph.node(operator, &["logits"], "heads", &[]);
    graph.output("heads", &[0, HEADS.len() as u64]);
    graph.bytes()
}

/// The file with one more layer, whose weights are in 8 bits.
#[must_use]
pub fn in_8_bits() -> Vec<u8> {
    let (mut graph, heads) = (logits(), HEADS.len() as u64);
    let levels: Vec<i8> = (0..16).map(|at: i8| at.wrapping_mul(29)).collect();
    graph.signed("levels", &[heads, heads], &levels);
    graph.constant("scales", &[heads], &[0.01, 0.02, 0.005, 0.015]);
    graph.signed("zeros", &[heads], &[-128, 127, 0, -1]);
    graph.node("DequantizeLinear", &["levels", "scales", "zeros"], "w_mixed", &[]);
    graph.node("MatMul", &["logits", "w_mixed"], "mixed", &[]);
    graph.node("Sigmoid", &["mixed"], "heads", &[]);
    graph.output("heads", &[0, heads]);
    graph.bytes()
}

fn weights(graph: &mut Graph) {
    let mut draws = Draws::new(7);
    let heads = HEADS.len() as u64;
    for (name, shape) in [
        ("w_query", vec![CANDIDATE, COMMON]),
        ("w_key", vec![EVENT, COMMON]),
        ("w_known", vec![CANDIDATE + LIVE + COMMON, HIDDEN]),
        ("b_known", vec![HIDDEN]),
        ("w_context", vec![HIDDEN]),
        ("w_heads", vec![HIDDEN, heads]),
        ("b_heads", vec![heads]),
    ] {
        let count = shape.iter().product::<u64>();
        let values: Vec<f32> = (0..count).map(|_| draws.symmetric()).collect();
        graph.constant(name, &shape, &values);
    }
    graph.constant("one", &[1], &[1.0]);
    graph.constant("far", &[1], &[30.0]);
}

/// Each candidate looks at the events like it; slots without an event are far away.
fn attention(graph: &mut Graph) {
    graph.node("MatMul", &["candidates", "w_query"], "queries", &[]);
    graph.node("MatMul", &["events", "w_key"], "keys", &[]);
    graph.node("Transpose", &["keys"], "turned", &[Attribute::Integers("perm", &[1, 0])]);
    graph.node("MatMul", &["queries", "turned"], "likeness", &[]);
    graph.node("Sub", &["mask", "one"], "unused", &[]);
    graph.node("Mul", &["unused", "far"], "distance", &[]);
    graph.node("Add", &["likeness", "distance"], "near", &[]);
    graph.node("Softmax", &["near"], "attention", &[Attribute::Integer("axis", 1)]);
    graph.node("MatMul", &["attention", "keys"], "attended", &[]);
}

//! Each operator a ranker may use gives what ONNX Runtime gives, alone and among others, for few candidates and many.

#[path = "../../cloud/tests/support/skipped.rs"]
mod skipped;

use segue_cloud::score::OrtScorer;
use segue_conformance::draws::Draws;
use segue_conformance::onnx::{Attribute, Graph};
use segue_conformance::ranker;
use segue_core::Budget;
use segue_core::features::{Inputs, Schema};
use segue_core::score::{RankerScorer, Scorer};

/// Candidates at a time: one, some, just a chunk, more than one chunk.
const COUNTS: [usize; 4] = [1, 7, 128, 131];

/// Nodes in their order: operator, inputs, output, attributes.
type Nodes<'a> = &'a [(&'a str, &'a [&'a str], &'a str, &'a [Attribute])];

use Attribute::{Float, Integer, Integers};

/// The largest difference from ONNX Runtime of a graph from `logits` f32 `[C, 4]`, `queries` `[C, 6]`, `keys` `[4, 6]`,
/// `mask` `[4]` and `context` `[1]` to `heads` `[C, 4]`, relative to the largest head. Weights and inputs are drawn.
fn difference(nodes: Nodes<'_>) -> f32 {
    let schema = Schema::from_json(&ranker::schema()).unwrap();
    let mut draws = Draws::new(11);
    let model = model(nodes, &mut draws);
    let mut own = RankerScorer::new(&model, &schema).unwrap();
    let mut runtime = OrtScorer::new(&model, &schema).unwrap();
    let mut largest = 0.0_f32;
    for count in COUNTS {
        let inputs = inputs(&schema, count, &mut draws);
        own.prepare(&inputs).unwrap();
        let found = own.score(&inputs, &mut Budget::unlimited()).unwrap();
        let wanted = runtime.score(&inputs, &mut Budget::unlimited()).unwrap();
        assert_eq!(found.len(), wanted.len());
        assert!(wanted.iter().all(|head| head.is_finite()), "the case has to stay within numbers");
        let scale = wanted.iter().fold(1.0_f32, |most, head| most.max(head.abs()));
        let apart = found.iter().zip(&wanted).map(|(found, wanted)| (found - wanted).abs() / scale);
        largest = apart.fold(largest, f32::max);
    }
    largest
}

fn model(nodes: Nodes<'_>, draws: &mut Draws) -> Vec<u8> {
    let mut graph = ranker::logits();
    for (name, shape) in [
        ("row", vec![4]),
        ("scale", vec![2]),
        ("narrow", vec![4, 2]),
        ("turned_row", vec![1, 4]),
        ("pair", vec![2, 2]),
        ("pairs", vec![2, 2, 2]),
        ("six", vec![6, 4]),
        ("column", vec![6]),
    ] {
        let count = shape.iter().product::<u64>();
        graph.constant(name, &shape, &(0..count).map(|_| draws.symmetric()).collect::<Vec<_>>());
    }
    graph.constant("half", &[], &[0.5]);
    graph.constant("least", &[], &[-0.25]);
    graph.constant("power", &[1], &[1.7]);
    integers(&mut graph);
    levels(&mut graph);
    for (operator, inputs, output, attributes) in nodes {
        graph.node(operator, inputs, output, attributes);
    }
    graph.output("heads", &[0, 4]);
    graph.bytes()
}

/// Shapes, axes and indices.
fn integers(graph: &mut Graph) {
    for (name, integers) in [
        ("zero", &[0_i64][..]),
        ("first", &[1]),
        ("second", &[2]),
        ("last", &[-1]),
        ("both", &[1, 2]),
        ("two_by_two", &[0, 2, 2]),
        ("flat", &[-1, 4]),
        ("one_to_three", &[1, 3]),
        ("places", &[3, 0, 0, -1]),
        ("spread", &[1, 4]),
        ("end", &[i64::MAX]),
    ] {
        graph.integers(name, integers);
    }
}

/// Weights in 8 bits with their scales and zero points.
fn levels(graph: &mut Graph) {
    let signed: Vec<i8> = (0..24).map(|at: i8| at.wrapping_mul(11)).collect();
    let unsigned: Vec<u8> = (0..16).map(|at: u8| at * 17).collect();
    graph.signed("signed", &[6, 4], &signed);
    graph.unsigned("unsigned", &[4, 4], &unsigned);
    graph.signed("ends", &[4], &[-128, 127, 0, -1]);
    graph.constant("fine", &[], &[0.003]);
    graph.constant("by_column", &[4], &[0.01, 0.02, 0.005, 0.015]);
    graph.constant("by_row", &[4], &[0.02, 0.01, 0.004, 0.03]);
    graph.unsigned("middles", &[4], &[128, 0, 255, 3]);
    graph.signed("off", &[], &[-7]);
}

fn inputs(schema: &Schema, count: usize, draws: &mut Draws) -> Inputs {
    let mut inputs = Inputs::zeros(schema, count);
    for table in [&mut inputs.candidates, &mut inputs.live, &mut inputs.events, &mut inputs.context] {
        table.iter_mut().for_each(|number| *number = draws.symmetric());
    }
    inputs.mask.iter_mut().enumerate().for_each(|(slot, used)| *used = f32::from(slot < 3));
    inputs
}

const GRAPHS: &[(&str, Nodes<'_>)] = &[
    (
        "functions of one number",
        &[
            ("Tanh", &["logits"], "bent", &[]),
            ("Sigmoid", &["bent"], "open", &[]),
            ("Exp", &["open"], "grown", &[]),
            ("Log", &["grown"], "back", &[]),
            ("Sqrt", &["back"], "root", &[]),
            ("Neg", &["root"], "turned_over", &[]),
            ("Relu", &["logits"], "kept", &[]),
            ("Add", &["turned_over", "kept"], "heads", &[]),
        ],
    ),
    (
        "rows, columns and single numbers that broadcast",
        &[
            ("ReduceMax", &["logits", "last"], "most", &[Integer("keepdims", 1)]),
            ("Sub", &["logits", "most"], "below", &[]),
            ("Mul", &["row", "below"], "weighed", &[]),
            ("Div", &["weighed", "half"], "doubled", &[]),
            ("Sub", &["half", "doubled"], "around", &[]),
            ("Add", &["around", "context"], "moved", &[]),
            ("Max", &["moved", "turned_row"], "raised", &[]),
            ("Min", &["raised", "most"], "heads", &[]),
        ],
    ),
    (
        "powers and limits",
        &[
            ("Mul", &["logits", "logits"], "squared", &[]),
            ("Pow", &["squared", "power"], "raised", &[]),
            ("Clip", &["logits", "least", "half"], "between", &[]),
            ("Clip", &["logits", "", "half"], "below", &[]),
            ("Add", &["between", "below"], "total", &[]),
            ("Add", &["total", "raised"], "heads", &[]),
        ],
    ),
    (
        "conditions",
        &[
            ("Greater", &["logits", "half"], "high", &[]),
            ("Less", &["logits", "row"], "low", &[]),
            ("Not", &["high"], "not_high", &[]),
            ("Cast", &["not_high"], "counted", &[Integer("to", 1)]),
            ("Equal", &["counted", "mask"], "same", &[]),
            ("Where", &["low", "logits", "row"], "chosen", &[]),
            ("Where", &["same", "chosen", "context"], "again", &[]),
            ("Cast", &["logits"], "whether", &[Integer("to", 9)]),
            ("Where", &["whether", "again", "half"], "heads", &[]),
        ],
    ),
    (
        "shares along each axis",
        &[
            ("Softmax", &["logits"], "across", &[Integer("axis", 1)]),
            ("Reshape", &["logits", "two_by_two"], "table", &[]),
            ("Softmax", &["table"], "middle", &[Integer("axis", 1)]),
            ("Softmax", &["middle"], "inner", &[Integer("axis", u64::MAX)]),
            ("Reshape", &["inner", "flat"], "row_again", &[]),
            ("Add", &["across", "row_again"], "heads", &[]),
        ],
    ),
    (
        "normalised rows",
        &[
            ("LayerNormalization", &["logits", "row", "turned_row"], "normal", &[]),
            ("Reshape", &["normal", "two_by_two"], "table", &[]),
            (
                "LayerNormalization",
                &["table", "scale"],
                "inner",
                &[Integer("axis", 2), Float("epsilon", 0.01)],
            ),
            ("LayerNormalization", &["inner", "pair", "pair"], "both_axes", &[Integer("axis", 1)]),
            ("Reshape", &["both_axes", "flat"], "heads", &[]),
        ],
    ),
    (
        "sums, means and maxima",
        &[
            ("Reshape", &["logits", "two_by_two"], "table", &[]),
            ("ReduceSum", &["table", "first"], "over_middle", &[Integer("keepdims", 1)]),
            ("ReduceMean", &["table", "both"], "over_both", &[Integer("keepdims", 1)]),
            ("ReduceMax", &["table", "last"], "over_last", &[Integer("keepdims", 0)]),
            ("Unsqueeze", &["over_last", "first"], "wide", &[]),
            ("Add", &["over_middle", "over_both"], "some", &[]),
            ("Add", &["some", "wide"], "more", &[]),
            ("Mul", &["table", "more"], "weighed", &[]),
            ("ReduceSum", &["keys", "zero"], "of_events", &[Integer("keepdims", 0)]),
            ("ReduceMean", &["of_events"], "of_all", &[Integer("keepdims", 0)]),
            ("Add", &["weighed", "of_all"], "moved", &[]),
            ("Reshape", &["moved", "flat"], "heads", &[]),
        ],
    ),
    (
        "numbers that only move",
        &[
            ("Slice", &["queries", "first", "end", "last"], "five", &[]),
            ("Slice", &["five", "zero", "last", "first"], "four", &[]),
            ("Gather", &["logits", "places"], "picked", &[Integer("axis", 1)]),
            ("Reshape", &["picked", "two_by_two"], "table", &[]),
            ("Transpose", &["table"], "turned_table", &[Integers("perm", &[0, 2, 1])]),
            ("Reshape", &["turned_table", "flat"], "shuffled", &[]),
            ("Slice", &["logits", "zero", "second", "first"], "front", &[]),
            ("Slice", &["four", "second", "end", "first"], "back", &[]),
            ("Concat", &["front", "back"], "mixed", &[Integer("axis", u64::MAX)]),
            ("Expand", &["context", "spread"], "repeated", &[]),
            ("Squeeze", &["repeated", "zero"], "list", &[]),
            ("Add", &["shuffled", "mixed"], "total", &[]),
            ("Add", &["total", "list"], "heads", &[]),
        ],
    ),
    (
        "products of tables, with batches, of vectors",
        &[
            ("Reshape", &["logits", "two_by_two"], "table", &[]),
            ("MatMul", &["table", "pair"], "by_one", &[]),
            ("MatMul", &["table", "by_one"], "by_each", &[]),
            ("Transpose", &["by_each"], "turned_each", &[Integers("perm", &[0, 2, 1])]),
            ("MatMul", &["turned_each", "pair"], "by_turned", &[]),
            ("Reshape", &["by_turned", "flat"], "flat_again", &[]),
            ("MatMul", &["keys", "column"], "of_events", &[]),
            ("MatMul", &["column", "six"], "of_row", &[]),
            ("MatMul", &["queries", "column"], "of_candidates", &[]),
            ("Unsqueeze", &["of_candidates", "last"], "as_column", &[]),
            ("Add", &["flat_again", "of_events"], "with_events", &[]),
            ("Add", &["with_events", "of_row"], "with_row", &[]),
            ("Mul", &["with_row", "as_column"], "heads", &[]),
        ],
    ),
    (
        "products of many known and many read matrices",
        &[
            ("Unsqueeze", &["logits", "both"], "columns_apart", &[]),
            ("Reshape", &["columns_apart", "two_by_two"], "table", &[]),
            ("Unsqueeze", &["table", "first"], "one_more", &[]),
            ("MatMul", &["one_more", "pairs"], "by_both", &[]),
            ("ReduceSum", &["by_both", "first"], "summed", &[Integer("keepdims", 0)]),
            ("Reshape", &["summed", "flat"], "heads", &[]),
        ],
    ),
    (
        "products with turned sides, factors and a bias",
        &[
            ("Gemm", &["queries", "keys"], "plain", &[Integer("transB", 1)]),
            ("Gemm", &["queries", "six", "row"], "biased", &[Float("alpha", 0.5), Float("beta", -2.0)]),
            ("Gemm", &["queries", "six", "turned_row"], "fused", &[]),
            ("Gemm", &["keys", "narrow"], "turned_keys", &[Integer("transA", 1)]),
            ("Gemm", &["queries", "turned_keys", "half"], "through", &[]),
            ("Gemm", &["through", "narrow", "logits"], "heads_before", &[Integer("transB", 1)]),
            ("Add", &["plain", "biased"], "total", &[]),
            ("Add", &["total", "fused"], "more", &[]),
            ("Add", &["more", "heads_before"], "heads", &[]),
        ],
    ),
    (
        "weights in 8 bits",
        &[
            ("DequantizeLinear", &["signed", "by_column"], "columns", &[]),
            (
                "DequantizeLinear",
                &["unsigned", "by_row", "middles"],
                "rows",
                &[Integer("axis", u64::MAX - 1)],
            ),
            ("DequantizeLinear", &["ends", "fine", "off"], "shift", &[]),
            ("MatMul", &["queries", "columns"], "by_columns", &[]),
            ("Gemm", &["by_columns", "rows", "shift"], "heads", &[Integer("transB", 1)]),
        ],
    ),
    (
        "candidates compared with each other",
        &[
            ("Softmax", &["logits"], "shares", &[Integer("axis", 0)]),
            ("Transpose", &["shares"], "turned_shares", &[]),
            ("MatMul", &["turned_shares", "logits"], "alike", &[]),
            ("MatMul", &["logits", "alike"], "mixed", &[]),
            ("ReduceMean", &["mixed", "zero"], "centre", &[Integer("keepdims", 1)]),
            ("Sub", &["mixed", "centre"], "heads", &[]),
        ],
    ),
];

#[test]
fn every_graph_gives_what_onnx_runtime_gives() {
    if std::env::var_os(segue_cloud::onnx::LIBRARY).is_none() {
        return skipped::note("no ONNX Runtime is named", "cargo xtask test");
    }
    let apart = GRAPHS.iter().map(|(name, nodes)| (name, difference(nodes)));
    let wrong: Vec<_> = apart.filter(|(_, largest)| *largest > 2e-6).collect();
    assert!(wrong.is_empty(), "heads differ: {wrong:?}");
}

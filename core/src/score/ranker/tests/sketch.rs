//! Rankers written down node by node, as the bytes of an ONNX file.

use super::super::constant::types;
use super::super::widths::Widths;
use super::WIDTHS;

/// A file in the making.
pub(super) struct Sketch {
    /// The version of ONNX's operators.
    pub(super) version: u64,
    /// The graph's fields so far.
    pub(super) graph: Vec<u8>,
    nodes: Vec<Vec<u8>>,
}

/// A tensor in the making.
pub(super) struct Values<'a> {
    pub(super) name: &'a str,
    pub(super) shape: &'a [i64],
    pub(super) kind: u64,
    pub(super) packed: Vec<u8>,
}

impl Sketch {
    /// Inputs of these widths, the output `heads`, nothing between them.
    pub(super) fn new(widths: Widths) -> Self {
        let mut graph = Vec::new();
        for (name, shape) in widths.inputs() {
            message(&mut graph, 11, &value(name, &shape));
        }
        message(&mut graph, 12, &value("heads", &[]));
        Self { version: 20, graph, nodes: Vec::new() }
    }

    /// A constant of this shape whose numbers depend on its name.
    pub(super) fn weight(&mut self, name: &str, shape: &[usize]) {
        let seed: usize = name.bytes().map(usize::from).sum();
        let count: usize = shape.iter().product();
        let numbers = (0..count).map(|at| libm::sinf((at * 7 + seed) as f32) * 0.5);
        let shape: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
        self.numbers(name, &shape, &numbers.collect::<Vec<_>>());
    }

    /// A constant of these numbers.
    pub(super) fn numbers(&mut self, name: &str, shape: &[i64], numbers: &[f32]) {
        let packed = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(&Values { name, shape, kind: types::FLOAT, packed });
    }

    /// A constant of integers.
    pub(super) fn integers(&mut self, name: &str, integers: &[i64]) {
        let packed = integers.iter().flat_map(|integer| integer.to_le_bytes()).collect();
        self.constant(&Values { name, shape: &[integers.len() as i64], kind: types::INT64, packed });
    }

    pub(super) fn constant(&mut self, values: &Values<'_>) {
        let mut tensor = Vec::new();
        message(&mut tensor, 1, &packed(values.shape));
        number(&mut tensor, 2, values.kind);
        message(&mut tensor, 8, values.name.as_bytes());
        message(&mut tensor, 9, &values.packed);
        message(&mut self.graph, 5, &tensor);
    }

    /// A constant of integers that are listed, where others are packed.
    pub(super) fn listed(&mut self, name: &str, kind: u64, integers: &[i64]) {
        let mut tensor = Vec::new();
        message(&mut tensor, 1, &packed(&[integers.len() as i64]));
        number(&mut tensor, 2, kind);
        message(&mut tensor, 5, &packed(integers));
        message(&mut tensor, 8, name.as_bytes());
        message(&mut self.graph, 5, &tensor);
    }

    /// An operator; its attributes follow on what this returns.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], output: &str) -> Attributes<'_> {
        let mut node = Vec::new();
        inputs.iter().for_each(|name| message(&mut node, 1, name.as_bytes()));
        message(&mut node, 2, output.as_bytes());
        message(&mut node, 4, operator.as_bytes());
        self.nodes.push(node);
        Attributes(self.nodes.last_mut().unwrap())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let (mut file, mut operators, mut graph) = (Vec::new(), Vec::new(), self.graph.clone());
        self.nodes.iter().for_each(|node| message(&mut graph, 1, node));
        number(&mut operators, 2, self.version);
        message(&mut file, 8, &operators);
        message(&mut file, 7, &graph);
        file
    }
}

/// The fields of the last node.
pub(super) struct Attributes<'a>(&'a mut Vec<u8>);

impl Attributes<'_> {
    pub(super) fn integer(self, name: &str, integer: i64) -> Self {
        let mut attribute = Vec::new();
        message(&mut attribute, 1, name.as_bytes());
        number(&mut attribute, 3, integer as u64);
        message(self.0, 5, &attribute);
        self
    }

    pub(super) fn integers(self, name: &str, integers: &[i64]) -> Self {
        let mut attribute = Vec::new();
        message(&mut attribute, 1, name.as_bytes());
        message(&mut attribute, 8, &packed(integers));
        message(self.0, 5, &attribute);
        self
    }

    pub(super) fn domain(self, name: &str) -> Self {
        message(self.0, 7, name.as_bytes());
        self
    }
}

/// An input or output: f32, its axes stated or left open.
fn value(name: &str, shape: &[Option<usize>]) -> Vec<u8> {
    let (mut axes, mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for size in shape {
        let mut axis = Vec::new();
        size.iter().for_each(|size| number(&mut axis, 1, *size as u64));
        message(&mut axes, 1, &axis);
    }
    number(&mut tensor, 1, types::FLOAT);
    if !shape.is_empty() {
        message(&mut tensor, 2, &axes);
    }
    message(&mut kind, 1, &tensor);
    message(&mut value, 1, name.as_bytes());
    message(&mut value, 2, &kind);
    value
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn packed(integers: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    integers.iter().for_each(|integer| varint(&mut bytes, *integer as u64));
    bytes
}

fn number(bytes: &mut Vec<u8>, field: u64, value: u64) {
    varint(bytes, field << 3);
    varint(bytes, value);
}

/// A field with a length.
pub(super) fn message(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(bytes, field << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

/// Candidates attend to events, experts with gates answer; in small what trained rankers are.
pub(super) fn target_attention() -> Sketch {
    let mut sketch = Sketch::new(WIDTHS);
    for (name, shape) in [
        ("by_query", [WIDTHS.candidate, 4]),
        ("by_key", [WIDTHS.event, 4]),
        ("by_value", [WIDTHS.event, 8]),
        ("by_encoding", [WIDTHS.candidate, 8]),
        ("by_context", [WIDTHS.context, 8]),
        ("by_live", [WIDTHS.live, 8]),
        ("by_gate", [8, 6]),
        ("by_expert", [8, 6]),
    ] {
        sketch.weight(name, &shape);
    }
    sketch.weight("scale", &[8]);
    sketch.weight("bias", &[8]);
    sketch.integers("last", &[-1]);
    sketch.integers("first", &[0]);
    sketch.integers("three_by_two", &[-1, 3, 2]);
    sketch.integers("middle", &[1]);
    attend(&mut sketch);
    answer(&mut sketch);
    sketch
}

fn attend(sketch: &mut Sketch) {
    sketch.node("MatMul", &["candidates", "by_query"], "query");
    sketch.node("MatMul", &["candidates", "by_encoding"], "encoded");
    sketch.node("Gemm", &["events", "by_key"], "key");
    sketch.node("Transpose", &["key"], "keys").integers("perm", &[1, 0]);
    sketch.node("MatMul", &["query", "keys"], "matches");
    sketch.node("Log", &["mask_floor"], "unused_but_sound");
    sketch.node("Unsqueeze", &["mask", "first"], "mask_row");
    sketch.node("Sub", &["mask_row", "one"], "barred");
    sketch.node("Mul", &["barred", "much"], "hidden");
    sketch.node("Add", &["matches", "hidden"], "visible");
    sketch.node("Softmax", &["visible"], "shares").integer("axis", -1);
    sketch.node("MatMul", &["events", "by_value"], "values");
    sketch.node("MatMul", &["shares", "values"], "attended");
    sketch.numbers("one", &[], &[1.0]);
    sketch.numbers("much", &[], &[1e9]);
    sketch.numbers("mask_floor", &[], &[0.5]);
}

fn answer(sketch: &mut Sketch) {
    sketch.node("MatMul", &["context", "by_context"], "surroundings");
    sketch.node("Tanh", &["surroundings"], "around");
    sketch.node("MatMul", &["live", "by_live"], "lively");
    sketch.node("Add", &["encoded", "around"], "placed");
    sketch.node("Add", &["placed", "attended"], "told");
    sketch.node("Add", &["told", "lively"], "row");
    sketch.node("LayerNormalization", &["row", "scale", "bias"], "normal");
    sketch.node("Relu", &["normal"], "active");
    sketch.node("MatMul", &["active", "by_gate"], "gate_row");
    sketch.node("Reshape", &["gate_row", "three_by_two"], "gate_table");
    sketch.node("Softmax", &["gate_table"], "gates").integer("axis", 1);
    sketch.node("MatMul", &["active", "by_expert"], "expert_row");
    sketch.node("Reshape", &["expert_row", "three_by_two"], "experts");
    sketch.node("Mul", &["gates", "experts"], "chosen");
    sketch.node("ReduceSum", &["chosen", "middle"], "sums").integer("keepdims", 0);
    sketch.node("Sigmoid", &["sums"], "heads");
}

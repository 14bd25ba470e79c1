//! Writes small ONNX files: the few fields of the format that a ranker needs, by their numbers in `onnx.proto`.

/// The operator set that rankers are written for.
const OPERATORS: u64 = 20;
/// The version of the file format that goes with it.
const FORMAT: u64 = 9;
/// What ONNX calls f32.
const F32: u64 = 1;
/// What ONNX calls an 8-bit integer without a sign, and one with.
const U8: u64 = 2;
const I8: u64 = 3;
/// What ONNX calls a 64-bit integer.
const I64: u64 = 7;
/// What ONNX calls an attribute that is an f32.
const FLOAT: u64 = 1;
/// What ONNX calls an attribute that is an integer.
const INTEGER: u64 = 2;
/// What ONNX calls an attribute that is a list of integers.
const INTEGERS: u64 = 7;

/// An attribute of an operator.
#[derive(Debug, Clone, Copy)]
pub enum Attribute {
    /// An f32 by its name.
    Float(&'static str, f32),
    /// An integer by its name.
    Integer(&'static str, u64),
    /// A list of integers by its name.
    Integers(&'static str, &'static [u64]),
}

/// A file in the making.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<u8>,
    constants: Vec<u8>,
    ends: Vec<u8>,
}

impl Graph {
    /// Declares an input; an axis of 0 is one whose size is not known yet.
    pub fn input(&mut self, name: &str, shape: &[u64]) {
        self.ends.extend(field(11, &value(name, shape)));
    }

    /// Declares the output.
    pub fn output(&mut self, name: &str, shape: &[u64]) {
        self.ends.extend(field(12, &value(name, shape)));
    }

    /// A constant list of integers: a shape, axes, indices.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.extend(tensor(name, &[values.len() as u64], I64, &raw));
    }

    /// A constant of this shape.
    pub fn constant(&mut self, name: &str, shape: &[u64], values: &[f32]) {
        self.constants.extend(constant(name, shape, values));
    }

    /// Weights in 8 bits, with a sign.
    pub fn signed(&mut self, name: &str, shape: &[u64], levels: &[i8]) {
        let raw: Vec<u8> = levels.iter().map(|level| level.cast_unsigned()).collect();
        self.constants.extend(tensor(name, shape, I8, &raw));
    }

    /// Weights in 8 bits, without a sign.
    pub fn unsigned(&mut self, name: &str, shape: &[u64], levels: &[u8]) {
        self.constants.extend(tensor(name, shape, U8, levels));
    }

    /// An operator that reads `inputs` and writes `output`.
    pub fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) {
        let mut node: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
        node.extend(field(2, output.as_bytes()));
        node.extend(field(3, output.as_bytes()));
        node.extend(field(4, operator.as_bytes()));
        attributes.iter().for_each(|attribute| node.extend(field(5, &attribute.bytes())));
        self.nodes.extend(field(1, &node));
    }

    /// The whole file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let graph = [&self.nodes, field(2, b"ranker").as_slice(), &self.constants, &self.ends].concat();
        let operators = [field(1, b""), number(2, OPERATORS)].concat();
        [number(1, FORMAT), field(7, &graph), field(8, &operators)].concat()
    }
}

impl Attribute {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Float(name, value) => {
                let value = [varint(2 << 3 | 5), value.to_le_bytes().to_vec()].concat();
                [field(1, name.as_bytes()), value, number(20, FLOAT)].concat()
            }
            Self::Integer(name, value) => {
                [field(1, name.as_bytes()), number(3, value), number(20, INTEGER)].concat()
            }
            Self::Integers(name, values) => {
                let values = values.iter().flat_map(|&value| number(8, value));
                field(1, name.as_bytes()).into_iter().chain(values).chain(number(20, INTEGERS)).collect()
            }
        }
    }
}

/// A name with the type "f32 tensor of this shape".
fn value(name: &str, shape: &[u64]) -> Vec<u8> {
    let axis = |&size: &u64| field(1, &if size == 0 { field(2, b"C") } else { number(1, size) });
    let shape: Vec<u8> = shape.iter().flat_map(axis).collect();
    let tensor = [number(1, F32), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A graph's constant of this shape, a field of the graph.
#[must_use]
pub fn constant(name: &str, shape: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, shape, F32, &raw)
}

/// A constant of this element type, packed.
fn tensor(name: &str, shape: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = shape.iter().flat_map(|&size| number(1, size)).collect();
    field(5, &[sizes, number(2, kind), field(8, name.as_bytes()), field(9, raw)].concat())
}

/// A field that holds bytes or another message.
#[must_use]
pub fn field(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_documentation_of_protobuf_shows_them() {
        assert_eq!(number(1, 150), [0x08, 0x96, 0x01]);
        assert_eq!(field(2, b"testing"), [&[0x12, 0x07], b"testing".as_slice()].concat());
    }
}

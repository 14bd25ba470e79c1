//! Parts of graphs of ONNX.

use super::message::Message;

/// `TensorProto.DataType`.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const INTEGER: u64 = 7;
pub(crate) const HALF: u64 = 10;
/// `AttributeProto.AttributeType.INT`.
const NUMBER: u64 = 2;

/// A `ModelProto` with this graph, of opset 13.
pub(crate) fn model(graph: Message) -> Vec<u8> {
    let opset = Message::new().text(1, "").number(2, 13);
    Message::new().number(1, 8).message(7, graph).message(8, opset).into_bytes()
}

/// A `NodeProto`.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Message {
    let message = inputs.iter().fold(Message::new(), |message, input| message.text(1, input));
    outputs.iter().fold(message, |message, output| message.text(2, output)).text(4, operator)
}

/// `output = Cast(input)` to values of this kind.
pub(crate) fn cast(input: &str, output: &str, kind: u64) -> Message {
    let to = Message::new().text(1, "to").number(3, kind).number(20, NUMBER);
    node("Cast", &[input], &[output]).message(5, to)
}

/// A `TensorProto` of numbers of this kind, one after the other in `bytes`.
pub(crate) fn tensor(name: &str, kind: u64, shape: &[usize], bytes: &[u8]) -> Message {
    let shaped = shape.iter().fold(Message::new(), |message, size| message.number(1, *size as u64));
    shaped.number(2, kind).text(8, name).bytes(9, bytes)
}

/// A `ValueInfoProto`; a size that is not known is none.
pub(crate) fn value(name: &str, kind: u64, shape: &[Option<usize>]) -> Message {
    let size = |message: Message, size: &Option<usize>| {
        let size = match size {
            Some(size) => Message::new().number(1, *size as u64),
            None => Message::new(),
        };
        message.message(1, size)
    };
    let shape = shape.iter().fold(Message::new(), size);
    let tensor = Message::new().number(1, kind).message(2, shape);
    Message::new().text(1, name).message(2, Message::new().message(1, tensor))
}

/// The nearest number of 16 bits (IEEE 754) to one that is at most 1 in size; of two as near the even one.
pub(crate) fn half(value: f32) -> u16 {
    /// The smallest that is not written with zeros in front, and what the exponents differ by.
    const SMALLEST: u32 = 0x3880_0000;
    const BIAS: u32 = 0x3800_0000;
    let bits = value.to_bits();
    let (sign, size) = ((bits >> 16) as u16 & 0x8000, bits & 0x7fff_ffff);
    if size < SMALLEST {
        return sign | (value.abs() * 16_777_216.0).round_ties_even() as u16;
    }
    let size = size - BIAS;
    sign | ((size + 0x0fff + (size >> 13 & 1)) >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_nearest_and_of_two_the_even_one() {
        for (value, wanted) in [
            (0.0, 0),
            (1.0, 0x3c00),
            (-1.0, 0xbc00),
            (0.5, 0x3800),
            (1.0 / 3.0, 0x3555),
            // Between two: 1 - 2^-12 and 1 - 3 * 2^-12.
            (0.999_755_86, 0x3c00),
            (0.999_267_6, 0x3bfe),
            // The smallest of full length, and half of it.
            (6.103_515_6e-5, 0x0400),
            (-3.051_757_8e-5, 0x8200),
            (5.960_464_5e-8, 0x0001),
            (1e-9, 0),
        ] {
            assert_eq!(half(value), wanted, "{value}");
        }
    }
}

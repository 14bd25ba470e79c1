//! A model whose products of matrices are made of numbers of 16 bits.
//!
//! Only the products are (`Gemm`, with what it adds, and `MatMul`): what they take and give goes through casts. Everything else
//! stays in 32 bits, roots and quotients above all, as in training with mixed precision (Micikevicius et al., Mixed Precision
//! Training, 2018). Weights become small once, as ONNX Runtime works out beforehand whatever is constant.
//!
//! Products of other numbers than floats are not told apart here: a graph with such is refused when it is opened, or its
//! answers are found to be others than the processor's.

use std::collections::HashSet;

use super::message::{Field, Message, fields};
use super::parts::{FLOAT, HALF, cast};

/// `ModelProto.graph`, `GraphProto.node`.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
/// Of `NodeProto`.
const INPUT: u64 = 1;
const OUTPUT: u64 = 2;
const OPERATOR: u64 = 4;
const DOMAIN: u64 = 7;
/// What is multiplied on a card's matrix units.
const PRODUCTS: [&[u8]; 2] = [b"Gemm", b"MatMul"];

/// `model` (a `ModelProto`) with products of 16 bits, and all else as it was.
///
/// # Errors
/// When the bytes are no message of Protocol Buffers.
pub(crate) fn with_half_products(model: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut written = Message::new();
    for field in fields(model)? {
        written = match field.number {
            GRAPH => written.message(GRAPH, graph(field.content)?),
            _ => written.field(&field),
        };
    }
    Ok(written.into_bytes())
}

fn graph(bytes: &[u8]) -> anyhow::Result<Message> {
    let mut small = HashSet::new();
    let mut written = Message::new();
    for field in fields(bytes)? {
        let node = if field.number == NODE { fields(field.content)? } else { Vec::new() };
        written = if is_product(&node) { product(written, &node, &mut small) } else { written.field(&field) };
    }
    Ok(written)
}

/// Whether a node multiplies matrices as ONNX itself means it.
fn is_product(node: &[Field<'_>]) -> bool {
    let of = |number: u64| node.iter().find(|field| field.number == number).map(|field| field.content);
    of(OPERATOR).is_some_and(|operator| PRODUCTS.contains(&operator))
        && of(DOMAIN).is_none_or(<[u8]>::is_empty)
}

/// Writes a product with casts around it; `small` are the values that were made small for one before.
fn product<'a>(mut graph: Message, node: &[Field<'a>], small: &mut HashSet<&'a [u8]>) -> Message {
    let mut changed = Message::new();
    let mut results = Vec::new();
    for field in node {
        let name = String::from_utf8_lossy(field.content);
        changed = match field.number {
            // One that is left out has no name.
            INPUT if !name.is_empty() => {
                let half = format!("{name} in 16 bits");
                if small.insert(field.content) {
                    graph = graph.message(NODE, cast(&name, &half, HALF));
                }
                changed.text(INPUT, &half)
            }
            OUTPUT => {
                let half = format!("{name} from 16 bits");
                results.push(cast(&half, &name, FLOAT));
                changed.text(OUTPUT, &half)
            }
            _ => changed.field(field),
        };
    }
    graph = graph.message(NODE, changed);
    results.into_iter().fold(graph, |graph, result| graph.message(NODE, result))
}

#[cfg(test)]
mod tests {
    use ort::session::Session;
    use ort::value::Tensor;

    use super::super::parts::{INTEGER, model, node, tensor, value};
    use super::super::{Device, LIBRARY, Precision, Provider, session_on};
    use super::*;

    const HALVES: Device = Device { provider: Provider::Cpu, precision: Precision::Half };

    /// `y = x . w + x . w`, with the weights `[scale, third]`.
    fn twice(scale: f32) -> Vec<u8> {
        let weights: Vec<u8> = [scale, 1.0 / 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let graph = Message::new()
            .message(1, node("MatMul", &["x", "w"], &["one"]))
            .message(1, node("Gemm", &["x", "w", ""], &["other"]))
            .message(1, node("Add", &["one", "other"], &["y"]))
            .text(2, "twice")
            .message(5, tensor("w", FLOAT, &[2, 1], &weights))
            .message(11, value("x", FLOAT, &[None, Some(2)]))
            .message(12, value("y", FLOAT, &[None, Some(1)]));
        model(graph)
    }

    fn answer(session: &mut Session, row: [f32; 2]) -> f32 {
        let row = Tensor::from_array(([1_usize, 2], row.to_vec())).unwrap();
        let outputs = session.run(ort::inputs!["x" => row]).unwrap();
        outputs["y"].try_extract_tensor::<f32>().unwrap().1[0]
    }

    /// On the processor ONNX Runtime leaves out two casts that follow each other, so what is rounded there are weights.
    #[test]
    fn products_are_of_16_bits_and_sums_of_32() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let graph = twice(1.0);
        let mut whole = session_on(&graph, 1, Device::PROCESSOR).unwrap();
        let mut halves = session_on(&graph, 1, HALVES).unwrap();
        // The nearest of 16 bits to a third is 0.333251953125.
        assert_eq!(answer(&mut whole, [0.0, 1.0]), 2.0 / 3.0);
        assert_eq!(answer(&mut halves, [0.0, 1.0]), 2.0 * 0.333_251_95);
        // Each product is the largest number of 16 bits, their sum is larger.
        let mut largest = session_on(&twice(65_504.0), 1, HALVES).unwrap();
        assert_eq!(answer(&mut largest, [1.0, 0.0]), 131_008.0);
        let mut larger = session_on(&twice(70_000.0), 1, HALVES).unwrap();
        assert!(answer(&mut larger, [1.0, 0.0]).is_infinite());
    }

    #[test]
    fn what_is_no_product_stays_as_it_is_and_what_16_bits_cannot_do_is_refused() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let plain = |operator: &str, kind: u64| {
            let graph = Message::new()
                .message(1, node(operator, &["x", "x"], &["y"]))
                .text(2, "plain")
                .message(11, value("x", kind, &[Some(1), Some(1)]))
                .message(12, value("y", kind, &[Some(1), Some(1)]));
            model(graph)
        };
        let sum = plain("Add", FLOAT);
        assert_eq!(with_half_products(&sum).unwrap(), sum);
        let whole_numbers = plain("MatMul", INTEGER);
        session_on(&whole_numbers, 1, Device::PROCESSOR).unwrap();
        assert!(session_on(&whole_numbers, 1, HALVES).is_err());
        assert!(with_half_products(&sum[..sum.len() - 1]).is_err());
    }
}

//! How fast matrices are multiplied where retrieval would be: what its rate is compared with.

use std::time::Instant;

use anyhow::Context as _;
use ort::value::Tensor;

use crate::onnx::message::Message;
use crate::onnx::parts::{FLOAT, HALF, cast, half, model, node, tensor, value};
use crate::onnx::{Device, Precision, plain};

/// Products in one run, one after the other, so that starting it costs little beside them.
const PRODUCTS: usize = 16;
/// Runs, of which the fastest counts; one more goes before.
const RUNS: usize = 5;

/// Multiply-adds a second of plain products of square matrices with `size` rows.
///
/// # Errors
/// When ONNX Runtime cannot be loaded, or `device` does not work or has no room.
pub fn multiply_rate(device: Device, size: usize) -> anyhow::Result<f64> {
    let mut session = plain(&graph(device.precision, size), 0, device.provider)?;
    let mut fastest = f64::INFINITY;
    for run in 0..=RUNS {
        let factor = Tensor::from_array(([1_usize], vec![1.0_f32]))?;
        let started = Instant::now();
        let outputs = session.run(ort::inputs!["factor" => factor]).context("a product of matrices")?;
        // Reading it waits for the card.
        let (_, largest) = outputs["largest"].try_extract_tensor::<f32>()?;
        anyhow::ensure!(
            largest.first().is_some_and(|value| value.is_finite() && *value > 0.0),
            "a product of matrices gives {largest:?}"
        );
        if run > 0 {
            fastest = fastest.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(PRODUCTS as f64 * (size as f64).powi(3) / fastest)
}

/// `largest = ReduceMax(matrix * factor . matrix . matrix ...)`: `factor` is an input, so that nothing can be multiplied before
/// a run.
fn graph(precision: Precision, size: usize) -> Vec<u8> {
    // Half of one in the diagonal's places and half in the next's: products stay as large as their factors.
    let at = |row: usize, column: usize| {
        if column == row || column == (row + 1) % size { 0.5 } else { 0.0 }
    };
    let values = (0..size).flat_map(|row| (0..size).map(move |column| at(row, column)));
    let (kind, bytes): (u64, Vec<u8>) = match precision {
        Precision::Single => (FLOAT, values.flat_map(f32::to_le_bytes).collect()),
        Precision::Half => (HALF, values.flat_map(|value| half(value).to_le_bytes()).collect()),
    };
    let begin = Message::new()
        .message(1, cast("factor", "whole", kind))
        .message(1, node("Mul", &["matrix", "whole"], &["product0"]));
    let graph = (0..PRODUCTS).fold(begin, |graph, at| {
        let (from, to) = (format!("product{at}"), format!("product{}", at + 1));
        graph.message(1, node("MatMul", &[from.as_str(), "matrix"], &[to.as_str()]))
    });
    let last = format!("product{PRODUCTS}");
    let graph = graph
        .message(1, cast(&last, "last", FLOAT))
        .message(1, node("ReduceMax", &["last"], &["largest"]))
        .text(2, "multiply")
        .message(5, tensor("matrix", kind, &[size, size], &bytes))
        .message(11, value("factor", FLOAT, &[Some(1)]))
        .message(12, value("largest", FLOAT, &[None, None]));
    model(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{LIBRARY, Provider};

    #[test]
    fn matrices_of_both_precisions_are_multiplied() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        for precision in [Precision::Single, Precision::Half] {
            let rate = multiply_rate(Device { provider: Provider::Cpu, precision }, 64).unwrap();
            assert!(rate.is_finite() && rate > 0.0, "{precision:?} {rate}");
        }
    }
}

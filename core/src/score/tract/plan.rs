//! One part of a graph, optimised by tract and ready to run.

use std::sync::Arc;

use tract_core::internal::*;

use super::graph::Graph;
use super::wiring::{Bounds, mismatch, wire};
use crate::error::{Code, Error, Result};

/// A value that parts hand to each other.
pub(super) type Value = Arc<Tensor>;

/// A part of a graph for fixed shapes. A copy shares what was built.
#[derive(Clone)]
pub(super) struct Plan {
    runnable: Arc<TypedRunnableModel>,
    /// The shapes of its outputs.
    pub(super) shapes: Vec<Vec<usize>>,
}

impl Plan {
    /// Builds the part within `bounds`.
    ///
    /// # Errors
    /// `model_inputs_mismatch`, `model_damaged`, `too_large`.
    pub(super) fn new(graph: &Graph, bounds: &Bounds) -> Result<Self> {
        let model = wire(graph, bounds)?.model;
        let shapes = (0..bounds.outputs.len()).map(|output| {
            let fact = model.output_fact(output).map_err(mismatch)?;
            let shape = fact.shape.as_concrete().filter(|_| fact.datum_type == f32::datum_type());
            shape.map(<[usize]>::to_vec).ok_or_else(|| damaged("a value between parts is not f32"))
        });
        let shapes = shapes.collect::<Result<Vec<_>>>()?;
        let runnable = model.into_optimized().and_then(TypedModel::into_runnable).map_err(failed)?;
        Ok(Self { runnable, shapes })
    }

    /// Computes the outputs, in the order of the bounds.
    ///
    /// # Errors
    /// `model_damaged`.
    pub(super) fn run(&self, inputs: impl Iterator<Item = Value>) -> Result<Vec<Value>> {
        let outputs = self.runnable.run(inputs.map(IntoTValue::into_tvalue).collect()).map_err(failed)?;
        Ok(outputs.into_iter().map(IntoArcTensor::into_arc_tensor).collect())
    }
}

/// A tensor of `shape`: first these values, then zeros.
pub(super) fn padded(shape: &[usize], values: &[f32]) -> Result<Value> {
    let mut tensor = Tensor::zero::<f32>(shape).map_err(failed)?;
    let mut plain = tensor.try_as_plain_ram_mut().map_err(failed)?;
    let all = plain.as_slice_mut::<f32>().map_err(failed)?;
    let first = all.get_mut(..values.len()).ok_or_else(|| damaged("more rows than planned"))?;
    first.copy_from_slice(values);
    Ok(tensor.into_arc_tensor())
}

/// The numbers of a tensor, row-major.
pub(super) fn numbers(tensor: &Tensor) -> Result<&[f32]> {
    tensor
        .as_plain_ram()
        .and_then(|plain| plain.as_slice::<f32>().ok())
        .ok_or_else(|| damaged("heads are not f32"))
}

fn failed(error: TractError) -> Error {
    damaged(&format!("{error:#}"))
}

fn damaged(detail: &str) -> Error {
    Error::new(Code::ModelDamaged, format!("{detail}."))
}

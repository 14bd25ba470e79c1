//! The ONNX operators a ranker may use, in terms of tract's.
//!
//! The linker keeps what this list refers to and drops the rest of tract, so the list is what keeps the browser
//! download small. It is at the same time the statement of what a model from outside may contain.

use tract_core::internal::*;
use tract_core::ops::array::{MultiBroadcastTo, Slice, TypedConcat};
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::cast::cast;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::logic::{self, Iff};
use tract_core::ops::{math, nn};

use super::axes;
use super::constant::types;
use super::product::{gemm, matmul};
use super::reduce;
use super::wiring::{Call, Wiring, refused};
use crate::error::Result;

/// Adds an operator to the graph and returns its output.
pub(super) type Wire = fn(&mut Wiring, &Call<'_>) -> Result<OutletId>;

/// How an operator is added, if it is supported.
pub(super) fn find(name: &str) -> Option<Wire> {
    let wire: Wire = match name {
        "Add" => |wiring, call| binary(wiring, call, math::add()),
        "Sub" => |wiring, call| binary(wiring, call, math::sub()),
        "Mul" => |wiring, call| binary(wiring, call, math::mul()),
        "Div" => |wiring, call| binary(wiring, call, math::div()),
        "Pow" => |wiring, call| binary(wiring, call, math::pow()),
        "Min" => |wiring, call| binary(wiring, call, math::min()),
        "Max" => |wiring, call| binary(wiring, call, math::max()),
        "Equal" => |wiring, call| binary(wiring, call, comparison(logic::comp_eq())),
        "Greater" => |wiring, call| binary(wiring, call, comparison(logic::comp_gt())),
        "Less" => |wiring, call| binary(wiring, call, comparison(logic::comp_lt())),
        "Neg" => |wiring, call| unary(wiring, call, math::neg()),
        "Exp" => |wiring, call| unary(wiring, call, math::exp()),
        "Log" => |wiring, call| unary(wiring, call, math::ln()),
        "Sqrt" => |wiring, call| unary(wiring, call, math::sqrt()),
        "Tanh" => |wiring, call| unary(wiring, call, math::tanh()),
        "Sigmoid" => |wiring, call| unary(wiring, call, nn::sigmoid()),
        "Relu" => relu,
        "Clip" => clip,
        "Not" => not,
        "Where" => choose,
        "Cast" => convert,
        "Identity" => |_, call| call.input(0),
        "MatMul" => |wiring, call| matmul(wiring, call.input(0)?, call.input(1)?, [false; 2]),
        "Gemm" => gemm,
        "Softmax" => reduce::softmax,
        "LayerNormalization" => reduce::normalise,
        "ReduceSum" => |wiring, call| reduce::reduce(wiring, call, reduce::sum),
        "ReduceMean" => |wiring, call| reduce::reduce(wiring, call, reduce::mean),
        "ReduceMax" => |wiring, call| reduce::reduce(wiring, call, reduce::maximum),
        "Concat" => concat,
        "Expand" => expand,
        "Transpose" => axes::transpose,
        "Reshape" => axes::reshape,
        "Unsqueeze" => axes::unsqueeze,
        "Squeeze" => axes::squeeze,
        "Slice" => axes::slice,
        "Gather" => axes::gather,
        _ => return None,
    };
    Some(wire)
}

fn comparison(operator: Box<dyn BinMiniOp>) -> TypedBinOp {
    TypedBinOp(operator, None)
}

fn unary(wiring: &mut Wiring, call: &Call<'_>, operator: ElementWiseOp) -> Result<OutletId> {
    let input = call.input(0)?;
    wiring.expect(input, f32::datum_type())?;
    wiring.add(operator, &[input])
}

fn binary(wiring: &mut Wiring, call: &Call<'_>, operator: TypedBinOp) -> Result<OutletId> {
    pair(wiring, operator, call.input(0)?, call.input(1)?)
}

/// A binary operator on two f32 values whose shapes broadcast.
pub(super) fn pair(
    wiring: &mut Wiring,
    operator: TypedBinOp,
    one: OutletId,
    other: OutletId,
) -> Result<OutletId> {
    wiring.expect(one, f32::datum_type())?;
    wiring.expect(other, f32::datum_type())?;
    broadcast(wiring, &[one, other])?;
    let inputs = wiring.align(&[one, other])?;
    wiring.add(operator, &inputs)
}

/// The shape that all of these broadcast to.
fn broadcast(wiring: &Wiring, inputs: &[OutletId]) -> Result<Vec<usize>> {
    let shapes = inputs.iter().map(|input| wiring.shape(*input)).collect::<Result<Vec<_>>>()?;
    axes::broadcast(&shapes)
}

fn relu(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let zero = wiring.scalar(0.0, call.input(0)?)?;
    pair(wiring, math::max(), call.input(0)?, zero)
}

fn clip(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let mut value = call.input(0)?;
    if let Some(least) = call.optional(1) {
        value = pair(wiring, math::max(), value, least)?;
    }
    match call.optional(2) {
        Some(most) => pair(wiring, math::min(), value, most),
        None => Ok(value),
    }
}

fn not(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    wiring.expect(call.input(0)?, bool::datum_type())?;
    wiring.add(logic::not(), &[call.input(0)?])
}

fn choose(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let inputs = [call.input(0)?, call.input(1)?, call.input(2)?];
    for (input, wanted) in inputs.iter().zip([bool::datum_type(), f32::datum_type(), f32::datum_type()]) {
        wiring.expect(*input, wanted)?;
    }
    broadcast(wiring, &inputs)?;
    let inputs = wiring.align(&inputs)?;
    wiring.add(Iff, &inputs)
}

/// To f32, or to a condition; there is no other arithmetic.
fn convert(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let input = call.input(0)?;
    let wanted = match u64::try_from(call.node.integer("to", 0)) {
        Ok(types::FLOAT) => f32::datum_type(),
        Ok(types::BOOL) => bool::datum_type(),
        _ => return Err(refused("Cast is to f32 or bool".into())),
    };
    match wiring.datum(input)? == wanted {
        true => Ok(input),
        false => wiring.add(cast(wanted), &[input]),
    }
}

fn concat(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let inputs = call.inputs()?;
    let first = wiring.shape(call.input(0)?)?;
    let axis = axes::resolve(call.node.integer("axis", 0), first.len())?;
    for input in &inputs {
        wiring.expect(*input, wiring.datum(inputs[0])?)?;
        let shape = wiring.shape(*input)?;
        let same = |(at, (one, other)): (usize, (&usize, &usize))| at == axis || one == other;
        if shape.len() != first.len() || !shape.iter().zip(&first).enumerate().all(same) {
            return Err(refused(format!("Concat of {first:?} and {shape:?} along axis {axis}")));
        }
    }
    wiring.add(TypedConcat::new(axis), &inputs)
}

fn expand(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let input = call.input(0)?;
    let wanted = axes::sizes(&wiring.integers(call.input(1)?)?)?;
    let shape = axes::broadcast(&[wiring.shape(input)?, wanted])?;
    let mut value = input;
    for _ in wiring.shape(input)?.len()..shape.len() {
        value = wiring.add(AxisOp::Add(0), &[value])?;
    }
    let shape: TVec<TDim> = shape.iter().map(|size| size.to_dim()).collect();
    wiring.add(MultiBroadcastTo::new(ShapeFact::from_dims(shape)), &[value])
}

/// The rows `start..end` of an axis.
pub(super) fn part(wiring: &mut Wiring, input: OutletId, axis: usize, rows: [usize; 2]) -> Result<OutletId> {
    wiring.add(Slice::new(axis, rows[0], rows[1]), &[input])
}

//! The ONNX operators a ranker may use, as steps.
//!
//! The list is at the same time the statement of what a model from outside may contain.

use super::axes;
use super::constant::{types, volume};
use super::kernels::Function;
use super::product::{gemm, matmul};
use super::reduce;
use super::rows::{Rows, aligned};
use super::steps::{Place, Work};
use super::view::{View, Walk};
use super::wiring::{Call, Kind, Value, Wiring, refused};
use crate::error::Result;

/// Adds an operator to the steps and returns its output.
pub(super) type Wire = fn(&mut Wiring, &Call<'_>) -> Result<Value>;

/// How an operator is added, if it is supported.
pub(super) fn find(name: &str) -> Option<Wire> {
    let wire: Wire = match name {
        "Add" => |wiring, call| binary(wiring, call, Function::Add),
        "Sub" => |wiring, call| binary(wiring, call, Function::Subtract),
        "Mul" => |wiring, call| binary(wiring, call, Function::Multiply),
        "Div" => |wiring, call| binary(wiring, call, Function::Divide),
        "Pow" => |wiring, call| binary(wiring, call, Function::Power),
        "Min" => |wiring, call| binary(wiring, call, Function::Least),
        "Max" => |wiring, call| binary(wiring, call, Function::Greatest),
        "Equal" => |wiring, call| comparison(wiring, call, Function::Equal),
        "Greater" => |wiring, call| comparison(wiring, call, Function::Greater),
        "Less" => |wiring, call| comparison(wiring, call, Function::Less),
        "Neg" => |wiring, call| unary(wiring, call.input(0)?, Function::Negate),
        "Exp" => |wiring, call| unary(wiring, call.input(0)?, Function::Exponential),
        "Log" => |wiring, call| unary(wiring, call.input(0)?, Function::Logarithm),
        "Sqrt" => |wiring, call| unary(wiring, call.input(0)?, Function::Root),
        "Tanh" => |wiring, call| unary(wiring, call.input(0)?, Function::Tangent),
        "Sigmoid" => |wiring, call| unary(wiring, call.input(0)?, Function::Sigmoid),
        "Relu" => relu,
        "Clip" => clip,
        "Not" => not,
        "Where" => choose,
        "Cast" => convert,
        "Identity" => |_, call| call.input(0).cloned(),
        "MatMul" => |wiring, call| matmul(wiring, call.input(0)?, call.input(1)?, None),
        "Gemm" => gemm,
        "Softmax" => reduce::softmax,
        "LayerNormalization" => reduce::normalise,
        "ReduceSum" => |wiring, call| reduce::reduce(wiring, call, reduce::sum),
        "ReduceMean" => |wiring, call| reduce::reduce(wiring, call, reduce::mean),
        "ReduceMax" => |wiring, call| reduce::reduce(wiring, call, reduce::maximum),
        "Concat" => axes::concat,
        "Expand" => axes::expand,
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

/// A function of one f32 value.
pub(super) fn unary(wiring: &mut Wiring, input: &Value, function: Function) -> Result<Value> {
    input.expect(Kind::Float)?;
    each(wiring, function, &[input], Kind::Float)
}

fn binary(wiring: &mut Wiring, call: &Call<'_>, function: Function) -> Result<Value> {
    pair(wiring, function, call.input(0)?, call.input(1)?)
}

/// A function of two f32 values whose shapes broadcast.
pub(super) fn pair(wiring: &mut Wiring, function: Function, one: &Value, other: &Value) -> Result<Value> {
    one.expect(Kind::Float)?;
    other.expect(Kind::Float)?;
    each(wiring, function, &[one, other], Kind::Float)
}

fn comparison(wiring: &mut Wiring, call: &Call<'_>, function: Function) -> Result<Value> {
    Ok(Value { kind: Kind::Condition, ..binary(wiring, call, function)? })
}

/// A function number by number, after the inputs are brought to one shape.
fn each(wiring: &mut Wiring, function: Function, inputs: &[&Value], kind: Kind) -> Result<Value> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
    let shape = axes::broadcast(&shapes)?;
    volume(&shape)?;
    let read = inputs.iter().map(|input| input.input(aligned(input.shape().len(), shape.len())));
    let rows = Rows::after(&read.collect::<Vec<_>>());
    let mut inputs: Vec<Value> = inputs.iter().map(|input| (*input).clone()).collect();
    for at in 0..inputs.len() {
        if !walk(&inputs, &shape).is_even(at + 1) {
            inputs[at] = wiring.dense(&inputs[at])?;
        }
    }
    let work = Work::Each(function, walk(&inputs, &shape));
    let places = inputs.iter().map(|input| input.place).collect();
    wiring.add(work, places, Value::new(Place::Computed(0), &shape, kind, rows))
}

/// Through an output of this shape and inputs that broadcast to it.
fn walk(inputs: &[Value], shape: &[usize]) -> Walk {
    let mut views = vec![View::dense(shape)];
    views.extend(inputs.iter().map(|input| input.view.stretched(shape)));
    Walk::new(&views.iter().collect::<Vec<_>>())
}

fn relu(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let zero = wiring.scalar(0.0);
    pair(wiring, Function::Greatest, call.input(0)?, &zero)
}

fn clip(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let mut value = call.input(0)?.clone();
    if let Some(least) = call.optional(1) {
        value = pair(wiring, Function::Greatest, &value, least)?;
    }
    match call.optional(2) {
        Some(most) => pair(wiring, Function::Least, &value, most),
        None => Ok(value),
    }
}

fn not(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    call.input(0)?.expect(Kind::Condition)?;
    each(wiring, Function::Not, &[call.input(0)?], Kind::Condition)
}

fn choose(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let inputs = [call.input(0)?, call.input(1)?, call.input(2)?];
    for (input, wanted) in inputs.iter().zip([Kind::Condition, Kind::Float, Kind::Float]) {
        input.expect(wanted)?;
    }
    each(wiring, Function::Choose, &inputs, Kind::Float)
}

/// To f32, or to a condition; there is no other arithmetic.
fn convert(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let input = call.input(0)?;
    match (u64::try_from(call.node.integer("to", 0)), input.kind) {
        (Ok(types::FLOAT), _) => Ok(Value { kind: Kind::Float, integers: None, ..input.clone() }),
        (Ok(types::BOOL), Kind::Condition) => Ok(input.clone()),
        (Ok(types::BOOL), _) => each(wiring, Function::IsNotZero, &[input], Kind::Condition),
        _ => Err(refused("Cast is to f32 or bool".into())),
    }
}

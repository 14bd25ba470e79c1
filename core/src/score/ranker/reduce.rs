//! Operators that bring many numbers together: sums, means, maxima, softmax, normalisation.

use super::axes;
use super::kernels::{Function, Reduction};
use super::operators::{pair, unary};
use super::rows::Rows;
use super::steps::{Place, Work};
use super::view::{View, Walk};
use super::wiring::{Call, Kind, Value, Wiring};
use crate::error::Result;

/// Reduces axes to 1, kept in place.
type Reduce = fn(&mut Wiring, &Value, &[usize]) -> Result<Value>;

/// `ReduceSum` and the like: over the named axes, or over every axis where none is named.
pub(super) fn reduce(wiring: &mut Wiring, call: &Call<'_>, reduction: Reduce) -> Result<Value> {
    let input = call.input(0)?;
    let rank = input.shape().len();
    let every: Vec<i64> = (0..rank as i64).collect();
    let over = axes::resolve_all(call.integers("axes", 1)?.unwrap_or(&every), rank)?;
    let kept = reduction(wiring, input, &over)?;
    match call.node.integer("keepdims", 1) {
        0 => axes::remove(wiring, &kept, &over),
        _ => Ok(kept),
    }
}

pub(super) fn sum(wiring: &mut Wiring, input: &Value, over: &[usize]) -> Result<Value> {
    reduced(wiring, input, over, Reduction::Sum)
}

pub(super) fn maximum(wiring: &mut Wiring, input: &Value, over: &[usize]) -> Result<Value> {
    reduced(wiring, input, over, Reduction::Maximum)
}

pub(super) fn mean(wiring: &mut Wiring, input: &Value, over: &[usize]) -> Result<Value> {
    let count: usize = over.iter().filter_map(|axis| input.shape().get(*axis)).product();
    let sum = sum(wiring, input, over)?;
    let count = wiring.scalar(count as f32);
    pair(wiring, Function::Divide, &sum, &count)
}

fn reduced(wiring: &mut Wiring, input: &Value, over: &[usize], reduction: Reduction) -> Result<Value> {
    input.expect(Kind::Float)?;
    let goes = |axis: &usize| over.contains(axis);
    let every = 0..input.shape().len();
    let places = every.clone().map(|axis| (!goes(&axis)).then_some(axis)).collect();
    let rows = Rows::after(&[input.input(places)]);
    let shape: Vec<usize> = every.map(|axis| if goes(&axis) { 1 } else { input.shape()[axis] }).collect();
    let repeated = View::dense(&shape).stretched(input.shape());
    let mut input = input.clone();
    if !Walk::new(&[&repeated, &input.view]).is_even(1) {
        input = wiring.dense(&input)?;
    }
    let work = Work::Reduce(reduction, Walk::new(&[&repeated, &input.view]));
    wiring.add(work, vec![input.place], Value::new(Place::Computed(0), &shape, Kind::Float, rows))
}

pub(super) fn softmax(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let input = call.input(0)?;
    input.expect(Kind::Float)?;
    let over = [axes::resolve(call.node.integer("axis", -1), input.shape().len())?];
    let largest = maximum(wiring, input, &over)?;
    let below = pair(wiring, Function::Subtract, input, &largest)?;
    let powers = unary(wiring, &below, Function::Exponential)?;
    let total = sum(wiring, &powers, &over)?;
    pair(wiring, Function::Divide, &powers, &total)
}

/// Mean 0 and variance 1 over the last axes, then scale and bias.
pub(super) fn normalise(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let input = call.input(0)?;
    let rank = input.shape().len();
    let over: Vec<usize> = (axes::resolve(call.node.integer("axis", -1), rank)?..rank).collect();
    let centre = mean(wiring, input, &over)?;
    let centred = pair(wiring, Function::Subtract, input, &centre)?;
    let squares = pair(wiring, Function::Multiply, &centred, &centred)?;
    let variance = mean(wiring, &squares, &over)?;
    let least = wiring.scalar(call.node.float("epsilon", 1e-5));
    let variance = pair(wiring, Function::Add, &variance, &least)?;
    let deviation = unary(wiring, &variance, Function::Root)?;
    let unit = pair(wiring, Function::Divide, &centred, &deviation)?;
    let scaled = pair(wiring, Function::Multiply, &unit, call.input(1)?)?;
    match call.optional(2) {
        Some(bias) => pair(wiring, Function::Add, &scaled, bias),
        None => Ok(scaled),
    }
}

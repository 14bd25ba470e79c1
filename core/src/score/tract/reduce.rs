//! Operators that bring many numbers together: sums, means, maxima, softmax, normalisation.
//!
//! tract visits the rows of an axis that is not the last one by one, which costs more than the arithmetic where the
//! axis is short, as in the gates of a mixture of experts. Such an axis is taken apart: one value for each of its
//! places, joined by ordinary operators on whole tables.

use tract_core::internal::*;
use tract_core::ops::array::TypedConcat;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer, Softmax};

use super::axes;
use super::operators::{pair, part};
use super::wiring::{Call, Wiring};
use crate::error::Result;

/// Places up to which an axis is taken apart.
const SHORT: usize = 8;

/// Reduces axes to 1, kept in place.
type Reduction = fn(&mut Wiring, OutletId, &[usize]) -> Result<OutletId>;

/// `ReduceSum` and the like: over the named axes, or over every axis where none is named.
pub(super) fn reduce(wiring: &mut Wiring, call: &Call<'_>, reduction: Reduction) -> Result<OutletId> {
    let input = call.input(0)?;
    let rank = wiring.shape(input)?.len();
    let named = call.integers(wiring, "axes", 1)?.unwrap_or_else(|| (0..rank as i64).collect());
    let over = axes::resolve_all(&named, rank)?;
    let kept = reduction(wiring, input, &over)?;
    match call.node.integer("keepdims", 1) {
        0 => axes::remove(wiring, kept, &over),
        _ => Ok(kept),
    }
}

pub(super) fn sum(wiring: &mut Wiring, input: OutletId, over: &[usize]) -> Result<OutletId> {
    joined(wiring, input, over, math::add, Reducer::Sum)
}

pub(super) fn maximum(wiring: &mut Wiring, input: OutletId, over: &[usize]) -> Result<OutletId> {
    joined(wiring, input, over, math::max, Reducer::Max)
}

pub(super) fn mean(wiring: &mut Wiring, input: OutletId, over: &[usize]) -> Result<OutletId> {
    let shape = wiring.shape(input)?;
    let count: usize = over.iter().filter_map(|axis| shape.get(*axis)).product();
    let sum = sum(wiring, input, over)?;
    let count = wiring.scalar(count as f32, sum)?;
    pair(wiring, math::div(), sum, count)
}

fn joined(
    wiring: &mut Wiring,
    input: OutletId,
    over: &[usize],
    join: fn() -> TypedBinOp,
    reducer: Reducer,
) -> Result<OutletId> {
    wiring.expect(input, f32::datum_type())?;
    match places(wiring, input, over)? {
        Some(places) => all(wiring, &places, join),
        None => wiring.add(Reduce::new(over.into(), reducer), &[input]),
    }
}

/// One value for each place of a single short axis that is not the last.
fn places(wiring: &mut Wiring, input: OutletId, over: &[usize]) -> Result<Option<Vec<OutletId>>> {
    let shape = wiring.shape(input)?;
    let &[axis] = over else { return Ok(None) };
    let count = shape.get(axis).copied().unwrap_or_default();
    if axis + 1 == shape.len() || count > SHORT {
        return Ok(None);
    }
    (0..count).map(|place| part(wiring, input, axis, [place, place + 1])).collect::<Result<_>>().map(Some)
}

/// All values joined, the first two first.
fn all(wiring: &mut Wiring, values: &[OutletId], join: fn() -> TypedBinOp) -> Result<OutletId> {
    let [first, others @ ..] = values else { return Err(super::wiring::refused("nothing to reduce".into())) };
    others.iter().try_fold(*first, |joined, value| pair(wiring, join(), joined, *value))
}

pub(super) fn softmax(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let input = call.input(0)?;
    wiring.expect(input, f32::datum_type())?;
    let axis = axes::resolve(call.node.integer("axis", -1), wiring.shape(input)?.len())?;
    let Some(places) = places(wiring, input, &[axis])? else {
        return wiring.add(Softmax { axes: tvec![axis], ..Softmax::default() }, &[input]);
    };
    let largest = all(wiring, &places, math::max)?;
    let mut powers = Vec::with_capacity(places.len());
    for place in places {
        let below = pair(wiring, math::sub(), place, largest)?;
        powers.push(wiring.add(math::exp(), &[below])?);
    }
    let total = all(wiring, &powers, math::add)?;
    let shares = powers.into_iter().map(|power| pair(wiring, math::div(), power, total));
    let shares = shares.collect::<Result<Vec<_>>>()?;
    wiring.add(TypedConcat::new(axis), &shares)
}

/// Mean 0 and variance 1 over the last axes, then scale and bias.
pub(super) fn normalise(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let input = call.input(0)?;
    let rank = wiring.shape(input)?.len();
    let over: Vec<usize> = (axes::resolve(call.node.integer("axis", -1), rank)?..rank).collect();
    let centre = mean(wiring, input, &over)?;
    let centred = pair(wiring, math::sub(), input, centre)?;
    let squares = pair(wiring, math::mul(), centred, centred)?;
    let variance = mean(wiring, squares, &over)?;
    let least = wiring.scalar(call.node.float("epsilon", 1e-5), variance)?;
    let variance = pair(wiring, math::add(), variance, least)?;
    let deviation = wiring.add(math::sqrt(), &[variance])?;
    let unit = pair(wiring, math::div(), centred, deviation)?;
    let scaled = pair(wiring, math::mul(), unit, call.input(1)?)?;
    match call.optional(2) {
        Some(bias) => pair(wiring, math::add(), scaled, bias),
        None => Ok(scaled),
    }
}

//! Operators that only move numbers: axes added, removed, exchanged, cut, values side by side.

use std::cmp::Ordering;

use super::constant::volume;
use super::rows::{self, Rows, aligned};
use super::steps::{Place, Work};
use super::view::{View, Walk};
use super::wiring::{Call, Value, Wiring, refused};
use crate::error::Result;
use crate::limits;

/// An axis counted from the front, or from the back when negative.
pub(super) fn resolve(axis: i64, rank: usize) -> Result<usize> {
    let signed = rank as i64;
    match (-signed..signed).contains(&axis) {
        true => Ok(axis.rem_euclid(signed) as usize),
        false => Err(refused(format!("axis {axis} of a value with {rank}"))),
    }
}

/// Distinct axes, ascending.
pub(super) fn resolve_all(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut resolved = axes.iter().map(|axis| resolve(*axis, rank)).collect::<Result<Vec<_>>>()?;
    resolved.sort_unstable();
    resolved.dedup();
    match resolved.len() == axes.len() && !axes.is_empty() {
        true => Ok(resolved),
        false => Err(refused(format!("axes {axes:?}, none or one twice"))),
    }
}

/// Sizes of 1 and more.
pub(super) fn sizes(integers: &[i64]) -> Result<Vec<usize>> {
    let sizes = integers.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0));
    sizes.collect::<Option<_>>().ok_or_else(|| refused(format!("the shape {integers:?}")))
}

/// The shape that all of these broadcast to, aligned at the last axis.
pub(super) fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut result = vec![1; rank];
    for shape in shapes {
        for (size, wanted) in shape.iter().rev().zip(result.iter_mut().rev()) {
            match (*wanted, *size) {
                (1, size) => *wanted = size,
                (wanted, size) if size == 1 || size == wanted => {}
                _ => return Err(refused(format!("the shapes {shapes:?} do not fit"))),
            }
        }
    }
    Ok(result)
}

/// Its axes in this order.
pub(super) fn reorder(wiring: &mut Wiring, value: &Value, order: &[usize]) -> Result<Value> {
    let places = (0..order.len()).map(|axis| order.iter().position(|from| *from == axis)).collect();
    wiring.see(value, value.view.reordered(order), places)
}

/// A new axis of one place.
pub(super) fn insert(wiring: &mut Wiring, value: &Value, at: usize) -> Result<Value> {
    let places = (0..value.shape().len()).map(|axis| Some(axis + usize::from(axis >= at))).collect();
    wiring.see(value, value.view.with_axis(at), places)
}

/// Removes axes of one place, given in ascending order.
pub(super) fn remove(wiring: &mut Wiring, value: &Value, over: &[usize]) -> Result<Value> {
    let mut value = value.clone();
    for &at in over.iter().rev() {
        let places = (0..value.shape().len()).map(|axis| match axis.cmp(&at) {
            Ordering::Less => Some(axis),
            Ordering::Equal => None,
            Ordering::Greater => Some(axis - 1),
        });
        value = wiring.see(&value, value.view.without_axis(at), places.collect())?;
    }
    Ok(value)
}

/// The places `start..end` of an axis; all of them keep their rows.
fn part(wiring: &mut Wiring, value: &Value, axis: usize, [start, end]: [usize; 2]) -> Result<Value> {
    let whole = end - start == value.shape()[axis];
    let places = (0..value.shape().len()).map(|own| (own != axis || whole).then_some(own)).collect();
    wiring.see(value, value.view.cut(axis, [start, end]), places)
}

/// Values side by side along an axis, whose other sizes are the same.
fn side_by_side(wiring: &mut Wiring, values: &[Value], axis: usize) -> Result<Value> {
    let first = values.first().ok_or_else(|| refused("nothing to join".into()))?;
    let mut shape = first.shape().to_vec();
    shape[axis] = values.iter().map(|value| value.shape()[axis]).fold(0, usize::saturating_add);
    volume(&shape)?;
    let output = View::dense(&shape);
    let (mut walks, mut start) = (Vec::with_capacity(values.len()), 0);
    for value in values {
        wiring.count(0)?;
        let end = start + value.shape()[axis];
        walks.push(Walk::new(&[&output.cut(axis, [start, end]), &value.view]));
        start = end;
    }
    let places = |rank: usize| (0..rank).map(|own| (own != axis).then_some(own)).collect();
    let read: Vec<_> = values.iter().map(|value| value.input(places(shape.len()))).collect();
    let output = Value::new(Place::Computed(0), &shape, first.kind, Rows::after(&read));
    wiring.add(Work::Join(walks), values.iter().map(|value| value.place).collect(), output)
}

pub(super) fn concat(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let inputs: Vec<Value> = call.inputs()?.into_iter().cloned().collect();
    let first = call.input(0)?;
    let axis = resolve(call.node.integer("axis", 0), first.shape().len())?;
    for input in &inputs {
        input.expect(first.kind)?;
        let (shape, first) = (input.shape(), first.shape());
        let same = |(at, (one, other)): (usize, (&usize, &usize))| at == axis || one == other;
        if shape.len() != first.len() || !shape.iter().zip(first).enumerate().all(same) {
            return Err(refused(format!("Concat of {first:?} and {shape:?} along axis {axis}")));
        }
    }
    side_by_side(wiring, &inputs, axis)
}

pub(super) fn expand(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let input = call.input(0)?;
    let wanted = sizes(call.input(1)?.integers()?)?;
    let shape = broadcast(&[input.shape(), &wanted])?;
    let places = aligned(input.shape().len(), shape.len());
    wiring.see(input, input.view.stretched(&shape), places)
}

pub(super) fn transpose(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let input = call.input(0)?;
    let rank = input.shape().len();
    let reversed: Vec<i64> = (0..rank as i64).rev().collect();
    let named = call.integers("perm", usize::MAX)?.unwrap_or(&reversed);
    if rank == 0 || resolve_all(named, rank)?.len() != rank {
        return Err(refused(format!("Transpose by {named:?} of a value with {rank} axes")));
    }
    let order = named.iter().map(|axis| resolve(*axis, rank)).collect::<Result<Vec<_>>>()?;
    reorder(wiring, input, &order)
}

pub(super) fn reshape(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    if call.node.integer("allowzero", 0) != 0 {
        return Err(refused("Reshape to nothing".into()));
    }
    let wanted = reshaped(call.input(0)?.shape(), call.input(1)?.integers()?)?;
    let value = wiring.dense(call.input(0)?)?;
    let places = rows::reshaped(value.shape(), &wanted);
    wiring.see(&value, value.view.reshaped(&wanted), places)
}

/// The sizes meant by a target that may copy a size (0) and leave one open (-1).
fn reshaped(shape: &[usize], target: &[i64]) -> Result<Vec<usize>> {
    let unfit = || refused(format!("{shape:?} reshaped to {target:?}"));
    if target.len() > limits::MODEL_AXES || target.iter().filter(|size| **size == -1).count() > 1 {
        return Err(unfit());
    }
    let stated = |(at, size): (usize, &i64)| match *size {
        0 => shape.get(at).copied(),
        -1 => Some(1),
        size => usize::try_from(size).ok(),
    };
    let mut sizes: Vec<usize> =
        target.iter().enumerate().map(stated).collect::<Option<_>>().ok_or_else(unfit)?;
    let volume: usize = shape.iter().product();
    let known =
        sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)).ok_or_else(unfit)?;
    let open = target.iter().position(|size| *size == -1);
    match open.and_then(|open| sizes.get_mut(open)) {
        Some(open) if known > 0 && volume.is_multiple_of(known) => *open = volume / known,
        None if known == volume => {}
        _ => return Err(unfit()),
    }
    Ok(sizes)
}

pub(super) fn unsqueeze(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let mut value = call.input(0)?.clone();
    let named = call.integers("axes", 1)?.unwrap_or_default();
    for axis in resolve_all(named, value.shape().len().saturating_add(named.len()))? {
        value = insert(wiring, &value, axis)?;
    }
    Ok(value)
}

pub(super) fn squeeze(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let value = call.input(0)?;
    let shape = value.shape();
    let over = resolve_all(call.integers("axes", 1)?.unwrap_or_default(), shape.len())?;
    match over.iter().all(|axis| shape.get(*axis) == Some(&1)) {
        true => remove(wiring, value, &over),
        false => Err(refused(format!("Squeeze of {over:?} of {shape:?}"))),
    }
}

pub(super) fn slice(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let mut value = call.input(0)?.clone();
    let [starts, ends] = [call.input(1)?.integers()?, call.input(2)?.integers()?];
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let axes = call.optional(3).map_or(Ok(all.as_slice()), Value::integers)?;
    let steps = call.optional(4).map_or(Ok(&[][..]), Value::integers)?;
    if starts.len() != ends.len() || starts.len() != axes.len() || steps.iter().any(|step| *step != 1) {
        return Err(refused("Slice with lists of different lengths, or a step other than 1".into()));
    }
    for ((start, end), axis) in starts.iter().zip(ends).zip(axes) {
        let axis = resolve(*axis, value.shape().len())?;
        let size = value.shape()[axis] as i64;
        let bound = |at: i64| if at < 0 { at.saturating_add(size).max(0) } else { at.min(size) };
        let rows = [bound(*start) as usize, bound(*end) as usize];
        if rows[0] >= rows[1] {
            return Err(refused(format!("Slice of {start}..{end} of {size} rows")));
        }
        value = part(wiring, &value, axis, rows)?;
    }
    Ok(value)
}

/// Rows named by a constant: one of them, or a list of them.
pub(super) fn gather(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let [value, indices] = [call.input(0)?, call.input(1)?];
    let axis = resolve(call.node.integer("axis", 0), value.shape().len())?;
    let size = value.shape()[axis];
    let mut rows = Vec::new();
    for index in indices.integers()? {
        let row = resolve(*index, size)?;
        rows.push(part(wiring, value, axis, [row, row + 1])?);
    }
    match (indices.shape(), rows.as_slice()) {
        ([], [row]) => remove(wiring, row, &[axis]),
        ([_], rows) => side_by_side(wiring, rows, axis),
        _ => Err(refused("Gather by a table".into())),
    }
}

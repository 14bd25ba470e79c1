//! Operators that only move numbers: axes added, removed, exchanged, cut.

use tract_core::internal::*;
use tract_core::ops::array::TypedConcat;

use super::operators::part;
use super::wiring::{Call, Wiring, mismatch, refused};
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
pub(super) fn broadcast(shapes: &[Vec<usize>]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(Vec::len).max().unwrap_or(0);
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

pub(super) fn transpose(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let rank = wiring.shape(call.input(0)?)?.len();
    let reversed = || (0..rank as i64).rev().collect();
    let named = call.integers(wiring, "perm", usize::MAX)?.unwrap_or_else(reversed);
    if rank == 0 || resolve_all(&named, rank)?.len() != rank {
        return Err(refused(format!("Transpose by {named:?} of a value with {rank} axes")));
    }
    let order = named.iter().map(|axis| resolve(*axis, rank)).collect::<Result<Vec<_>>>()?;
    let mut value = call.input(0)?;
    for operator in perm_to_ops(&order) {
        value = wiring.add(operator, &[value])?;
    }
    Ok(value)
}

pub(super) fn reshape(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let mut value = call.input(0)?;
    let shape = wiring.shape(value)?;
    if call.node.integer("allowzero", 0) != 0 {
        return Err(refused("Reshape to nothing".into()));
    }
    let wanted = reshaped(&shape, &wiring.integers(call.input(1)?)?)?;
    let dims = |sizes: &[usize]| sizes.iter().map(|size| size.to_dim()).collect::<TVec<TDim>>();
    for operator in to_axis_ops_with_onnx_rules(&dims(&shape), &dims(&wanted), false).map_err(mismatch)? {
        value = wiring.add(operator, &[value])?;
    }
    Ok(value)
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

pub(super) fn unsqueeze(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let mut value = call.input(0)?;
    let named = call.integers(wiring, "axes", 1)?.unwrap_or_default();
    let rank = wiring.shape(value)?.len() + named.len();
    for axis in resolve_all(&named, rank)? {
        value = wiring.add(AxisOp::Add(axis), &[value])?;
    }
    Ok(value)
}

pub(super) fn squeeze(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let value = call.input(0)?;
    let shape = wiring.shape(value)?;
    let named = call.integers(wiring, "axes", 1)?.unwrap_or_default();
    let over = resolve_all(&named, shape.len())?;
    match over.iter().all(|axis| shape.get(*axis) == Some(&1)) {
        true => remove(wiring, value, &over),
        false => Err(refused(format!("Squeeze of {over:?} of {shape:?}"))),
    }
}

/// Removes axes of 1, given in ascending order.
pub(super) fn remove(wiring: &mut Wiring, mut value: OutletId, over: &[usize]) -> Result<OutletId> {
    for axis in over.iter().rev() {
        value = wiring.add(AxisOp::Rm(*axis), &[value])?;
    }
    Ok(value)
}

pub(super) fn slice(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let mut value = call.input(0)?;
    let [starts, ends] = [wiring.integers(call.input(1)?)?, wiring.integers(call.input(2)?)?];
    let axes = match call.optional(3) {
        Some(axes) => wiring.integers(axes)?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = call.optional(4).map_or(Ok(vec![]), |steps| wiring.integers(steps))?;
    if starts.len() != ends.len() || starts.len() != axes.len() || steps.iter().any(|step| *step != 1) {
        return Err(refused("Slice with lists of different lengths, or a step other than 1".into()));
    }
    for ((start, end), axis) in starts.into_iter().zip(ends).zip(axes) {
        let shape = wiring.shape(value)?;
        let axis = resolve(axis, shape.len())?;
        let size = shape.get(axis).copied().unwrap_or_default() as i64;
        let bound = |at: i64| if at < 0 { at.saturating_add(size).max(0) } else { at.min(size) };
        let rows = [bound(start) as usize, bound(end) as usize];
        if rows[0] >= rows[1] {
            return Err(refused(format!("Slice of {start}..{end} of {size} rows")));
        }
        value = part(wiring, value, axis, rows)?;
    }
    Ok(value)
}

/// Rows named by a constant: one of them, or a list of them.
pub(super) fn gather(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let [value, indices] = [call.input(0)?, call.input(1)?];
    let shape = wiring.shape(value)?;
    let axis = resolve(call.node.integer("axis", 0), shape.len())?;
    let size = shape.get(axis).copied().unwrap_or_default();
    let mut rows = Vec::new();
    for index in wiring.integers(indices)? {
        let row = resolve(index, size)?;
        rows.push(part(wiring, value, axis, [row, row + 1])?);
    }
    match wiring.shape(indices)?.len() {
        0 => remove(wiring, rows[0], &[axis]),
        1 => wiring.add(TypedConcat::new(axis), &rows),
        _ => Err(refused("Gather by a table".into())),
    }
}

//! Matrix products.

use super::axes;
use super::kernels::{Function, Sizes, most_packed, pack, packed_length};
use super::operators::pair;
use super::rows::{Input, Rows, aligned};
use super::steps::{Place, Product, Work};
use super::view::{View, Walk};
use super::wiring::{Call, Kind, Value, Wiring, refused};
use crate::error::Result;

/// `alpha · A B + beta · C`.
pub(super) fn gemm(wiring: &mut Wiring, call: &Call<'_>) -> Result<Value> {
    let left = turned(wiring, call.input(0)?, call.node.integer("transA", 0) != 0)?;
    let right = turned(wiring, call.input(1)?, call.node.integer("transB", 0) != 0)?;
    let alpha = call.node.float("alpha", 1.0);
    let beta = call.node.float("beta", 1.0);
    let bias = call.optional(2).map(|bias| scaled(wiring, bias, beta)).transpose()?;
    if alpha == 1.0 {
        return matmul(wiring, &left, &right, bias.as_ref());
    }
    let product = matmul(wiring, &left, &right, None)?;
    let product = scaled(wiring, &product, alpha)?;
    match bias {
        Some(bias) => pair(wiring, Function::Add, &product, &bias),
        None => Ok(product),
    }
}

/// With its last two axes exchanged.
fn turned(wiring: &mut Wiring, value: &Value, turn: bool) -> Result<Value> {
    let rank = value.shape().len();
    if !turn || rank < 2 {
        return Ok(value.clone());
    }
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(rank - 2, rank - 1);
    axes::reorder(wiring, value, &order)
}

fn scaled(wiring: &mut Wiring, value: &Value, factor: f32) -> Result<Value> {
    if factor == 1.0 {
        return Ok(value.clone());
    }
    let factor = wiring.scalar(factor);
    pair(wiring, Function::Multiply, value, &factor)
}

/// The product of two values by NumPy's rules, plus a bias: the last two axes are matrices, those before broadcast, a
/// vector is a row on the left and a column on the right.
pub(super) fn matmul(wiring: &mut Wiring, one: &Value, other: &Value, bias: Option<&Value>) -> Result<Value> {
    one.expect(Kind::Float)?;
    other.expect(Kind::Float)?;
    let ranks = [one.shape().len(), other.shape().len()];
    let inner = [one.shape().last(), other.shape().iter().nth_back(usize::from(ranks[1] > 1))];
    if inner[0] != inner[1] || ranks.contains(&0) || ranks == [1, 1] {
        return Err(refused(format!("the product of {:?} and {:?}", one.shape(), other.shape())));
    }
    let left = if ranks[0] == 1 { axes::insert(wiring, one, 0)? } else { one.clone() };
    let right = if ranks[1] == 1 { axes::insert(wiring, other, 1)? } else { other.clone() };
    let fused = bias.filter(|bias| is_row(bias, &right) && ranks == [2, 2]);
    let product = matrices(wiring, &left, &right, fused)?;
    let last = product.shape().len();
    let product = match ranks {
        [1, _] => axes::remove(wiring, &product, &[last - 2])?,
        [_, 1] => axes::remove(wiring, &product, &[last - 1])?,
        _ => product,
    };
    match bias.filter(|_| fused.is_none()) {
        Some(bias) => pair(wiring, Function::Add, &product, bias),
        None => Ok(product),
    }
}

/// Whether a bias is one f32 for each column, the same for every row.
fn is_row(bias: &Value, right: &Value) -> bool {
    let same = bias.shape().last() == right.shape().last() && bias.view.is_dense();
    same && bias.kind == Kind::Float
        && bias.view.volume() == right.shape().last().copied().unwrap_or_default()
}

/// The product of matrices whose batches broadcast; a bias is one row.
fn matrices(wiring: &mut Wiring, left: &Value, right: &Value, bias: Option<&Value>) -> Result<Value> {
    let ([first @ .., rows, inner], [second @ .., _, columns]) = (left.shape(), right.shape()) else {
        return Err(refused("the product of single numbers".into()));
    };
    let (rows, inner, columns) = (*rows, *inner, *columns);
    let batch = axes::broadcast(&[first, second])?;
    let products = [batch.as_slice(), &[rows, inner, columns]].concat();
    wiring.multiply(products.into_iter().fold(1, usize::saturating_mul))?;
    let shape = [batch.as_slice(), &[rows, columns]].concat();
    let output =
        Value::new(Place::Computed(0), &shape, Kind::Float, rows_after(left, right, bias, shape.len()));
    let left = match left.view.strides.last() {
        Some(1) => left.clone(),
        _ => wiring.dense(left)?,
    };
    let (panels, matrices, right) = panels(wiring, right)?;
    let views = [batch_of(&output.view, &batch), batch_of(&left.view, &batch), matrices.stretched(&batch)];
    let step = left.view.strides[left.view.strides.len() - 2];
    let sizes = Sizes { rows, inner, columns, step };
    let batch = starts(views, bias, &batch);
    let work = Work::Product(Product { sizes, batch, right, packed: packed_length(inner, columns) });
    let places = [Some(left.place), Some(panels), bias.map(|bias| bias.place)];
    wiring.add(work, places.into_iter().flatten().collect(), output)
}

/// Where the matrices of output, left and right start, and the row that is added.
fn starts([out, left, right]: [View; 3], bias: Option<&Value>, batch: &[usize]) -> Walk {
    let row = View { offset: bias.map_or(0, |bias| bias.view.offset), ..View::dense(&[]).stretched(batch) };
    Walk::new(&[&out, &left, &right, &row])
}

/// How a product depends on candidates: rows of the left side, columns of the right side and batches stay apart.
fn rows_after(left: &Value, right: &Value, bias: Option<&Value>, rank: usize) -> Rows {
    let mut inputs = [left, right].map(|value| value.input(aligned(value.shape().len(), rank)));
    let [one, other] = &mut inputs;
    one.axes.last_mut().into_iter().for_each(|axis| *axis = None);
    other.axes.iter_mut().nth_back(1).into_iter().for_each(|axis| *axis = None);
    let bias = bias.map(|bias| bias.input(aligned(bias.shape().len(), rank)));
    Rows::after(&inputs.into_iter().chain(bias).collect::<Vec<Input<'_>>>())
}

/// The matrices of a value, each as one place, broadcast.
fn batch_of(view: &View, batch: &[usize]) -> View {
    let axes = view.shape.len() - 2;
    let own = View {
        offset: view.offset,
        shape: view.shape[..axes].to_vec(),
        strides: view.strides[..axes].to_vec(),
    };
    own.stretched(batch)
}

/// The right side, in panels where it is known beforehand: its numbers, where each matrix starts, and the steps from one
/// row and one column to the next where they are yet to be laid out.
fn panels(wiring: &mut Wiring, right: &Value) -> Result<(Place, View, Option<[usize; 2]>)> {
    let (shape, strides) = (right.shape(), &right.view.strides);
    let batch = shape.len() - 2;
    let [inner, columns] = [shape[batch], shape[batch + 1]];
    let steps = [strides[batch], strides[batch + 1]];
    let matrices = batch_of(&right.view, &shape[..batch]);
    let count = matrices.volume();
    wiring.count(most_packed(inner, columns).saturating_mul(count))?;
    let Place::Constant(known) = right.place else {
        return Ok((right.place, matrices, Some(steps)));
    };
    let length = packed_length(inner, columns);
    let mut packed = vec![0.0; length * count];
    let mut rest = packed.chunks_exact_mut(length);
    Walk::new(&[&matrices]).points(|[from, ..]| {
        if let Some(panels) = rest.next() {
            pack(panels, [inner, columns], &wiring.constants[known][from..], steps);
        }
    });
    let whole = View::dense(&[&shape[..batch], &[1, length]].concat());
    Ok((wiring.known(packed.into()), batch_of(&whole, &shape[..batch]), None))
}

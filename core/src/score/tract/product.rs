//! Matrix products.

use tract_core::internal::*;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::math;

use super::axes::broadcast;
use super::operators::pair;
use super::wiring::{Call, Wiring, mismatch, refused};
use crate::error::Result;

/// `alpha · A B + beta · C`.
pub(super) fn gemm(wiring: &mut Wiring, call: &Call<'_>) -> Result<OutletId> {
    let transposed = ["transA", "transB"].map(|name| call.node.integer(name, 0) != 0);
    let product = matmul(wiring, call.input(0)?, call.input(1)?, transposed)?;
    let product = scaled(wiring, product, call.node.float("alpha", 1.0))?;
    match call.optional(2) {
        Some(bias) => {
            let bias = scaled(wiring, bias, call.node.float("beta", 1.0))?;
            pair(wiring, math::add(), product, bias)
        }
        None => Ok(product),
    }
}

fn scaled(wiring: &mut Wiring, value: OutletId, factor: f32) -> Result<OutletId> {
    if factor == 1.0 {
        return Ok(value);
    }
    let factor = wiring.scalar(factor, value)?;
    pair(wiring, math::mul(), value, factor)
}

/// The product of two values by NumPy's rules: the last two axes are matrices, those before broadcast, a vector is a
/// row on the left and a column on the right.
pub(super) fn matmul(
    wiring: &mut Wiring,
    one: OutletId,
    other: OutletId,
    [transpose_one, transpose_other]: [bool; 2],
) -> Result<OutletId> {
    wiring.expect(one, f32::datum_type())?;
    wiring.expect(other, f32::datum_type())?;
    let left = Side::new(wiring.shape(one)?, transpose_one, 'm')?;
    let right = Side::new(wiring.shape(other)?, !transpose_other, 'n')?;
    if left.inner != right.inner || (left.outer.is_none() && right.outer.is_none()) {
        return Err(refused(format!("the product of {:?} and {:?}", left.shape, right.shape)));
    }
    let batch = broadcast(&[left.batch.clone(), right.batch.clone()])?;
    let sizes = batch.iter().chain([&left.inner]).chain(&left.outer).chain(&right.outer);
    wiring.multiply(sizes.fold(1, |product, size| product.saturating_mul(*size)))?;
    let letters: String = ('a'..).take(batch.len()).collect();
    let [first, second] = [left.letters(&letters), right.letters(&letters)];
    let result: String = left.outer.map(|_| 'm').into_iter().chain(right.outer.map(|_| 'n')).collect();
    let axes: AxesMapping = format!("{first},{second}->{letters}{result}").parse().map_err(mismatch)?;
    wiring.add(EinSum::new(axes, f32::datum_type()), &[one, other])
}

/// One side of a product.
struct Side {
    shape: Vec<usize>,
    batch: Vec<usize>,
    inner: usize,
    /// Rows of the left side, columns of the right one; none of a vector.
    outer: Option<usize>,
    name: char,
    inner_first: bool,
}

impl Side {
    fn new(shape: Vec<usize>, inner_first: bool, name: char) -> Result<Self> {
        let (batch, inner, outer) = match shape.as_slice() {
            [] => return Err(refused("the product of a single number".into())),
            [inner] => (Vec::new(), *inner, None),
            [batch @ .., one, two] if inner_first => (batch.to_vec(), *one, Some(*two)),
            [batch @ .., one, two] => (batch.to_vec(), *two, Some(*one)),
        };
        Ok(Self { shape, batch, inner, outer, name, inner_first })
    }

    /// Its axes as letters, the last of those that both sides share.
    fn letters(&self, batch: &str) -> String {
        let own = &batch[batch.len() - self.batch.len()..];
        match (self.outer, self.inner_first) {
            (None, _) => "k".into(),
            (_, true) => format!("{own}k{}", self.name),
            (_, false) => format!("{own}{}k", self.name),
        }
    }
}

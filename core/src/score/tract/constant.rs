//! Numbers that a model carries, as tract's tensors.

use std::sync::Arc;

use tract_core::internal::*;

use super::file::Values;
use crate::error::{Code, Error, Result};
use crate::limits;

/// Element types by their number in `onnx.proto`.
pub(super) mod types {
    pub(in super::super) const FLOAT: u64 = 1;
    pub(super) const INT32: u64 = 6;
    pub(in super::super) const INT64: u64 = 7;
    pub(in super::super) const BOOL: u64 = 9;
}

/// Reads f32, bool, and integers as i64.
///
/// # Errors
/// `model_damaged` for other types, empty tensors, and data that does not fit the shape; `too_large`.
pub(super) fn read(values: &Values) -> Result<Arc<Tensor>> {
    let damaged =
        |detail: &str| Error::new(Code::ModelDamaged, format!("tensor {:?} {detail}.", values.name));
    let shape: Option<Vec<usize>> =
        values.shape.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0)).collect();
    let shape = shape.ok_or_else(|| damaged("has a dimension that is not positive"))?;
    let count = volume(&shape)?;
    let integers = || values.packed.is_empty().then(|| values.integers.clone());
    let tensor = match values.kind {
        types::FLOAT => tensor(&shape, count, words(values, f32::from_le_bytes)),
        types::INT64 => tensor(&shape, count, integers().or_else(|| words(values, i64::from_le_bytes))),
        types::INT32 => tensor(
            &shape,
            count,
            integers().or_else(|| words(values, |word| i32::from_le_bytes(word).into())),
        ),
        types::BOOL => {
            let bytes = values.packed.iter().map(|byte| *byte != 0);
            let flags = bytes.chain(values.integers.iter().map(|value| *value != 0)).collect();
            tensor(&shape, count, Some(flags))
        }
        _ => return Err(damaged(&format!("is of type {}", values.kind))),
    };
    tensor.ok_or_else(|| damaged(&format!("does not hold {count} values")))
}

/// Elements of a shape.
///
/// # Errors
/// `too_large`.
pub(super) fn volume(shape: &[usize]) -> Result<usize> {
    let volume = shape.iter().try_fold(1_usize, |volume, size| volume.checked_mul(*size));
    match volume.filter(|volume| *volume <= limits::MODEL_VALUES && shape.len() <= limits::MODEL_AXES) {
        Some(volume) => Ok(volume),
        None => Err(Error::new(Code::TooLarge, format!("a model with a value of the shape {shape:?}."))),
    }
}

/// The packed numbers, little-endian.
fn words<T, const N: usize>(values: &Values, decode: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (words, rest) = values.packed.as_chunks::<N>();
    rest.is_empty().then(|| words.iter().map(|word| decode(*word)).collect())
}

fn tensor<T: Datum + Copy>(shape: &[usize], count: usize, values: Option<Vec<T>>) -> Option<Arc<Tensor>> {
    let values = values.filter(|values| values.len() == count)?;
    Tensor::from_shape(shape, &values).ok().map(Tensor::into_arc_tensor)
}

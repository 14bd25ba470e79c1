//! Numbers that a model carries.

use std::sync::Arc;

use super::file::Values;
use super::wiring::Kind;
use crate::error::{Code, Error, Result};
use crate::limits;

/// Element types by their number in `onnx.proto`.
pub(super) mod types {
    pub(in super::super) const FLOAT: u64 = 1;
    pub(in super::super) const UINT8: u64 = 2;
    pub(in super::super) const INT8: u64 = 3;
    pub(super) const INT32: u64 = 6;
    pub(in super::super) const INT64: u64 = 7;
    pub(in super::super) const BOOL: u64 = 9;
}

/// A tensor that stays the same. Conditions are 0 and 1; integers stand beside the nearest numbers, as a shape, an axis
/// or an index has to be exact.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    pub(super) kind: Kind,
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Arc<[f32]>,
    pub(super) integers: Option<Arc<[i64]>>,
}

impl Constant {
    /// A single f32.
    pub(super) fn single(number: f32) -> Self {
        Self { kind: Kind::Float, shape: Vec::new(), numbers: [number].into(), integers: None }
    }

    /// A list of integers.
    pub(super) fn list(integers: &[i64]) -> Self {
        Self::integers(vec![integers.len()], integers.to_vec())
    }

    fn integers(shape: Vec<usize>, integers: Vec<i64>) -> Self {
        let numbers = integers.iter().map(|integer| *integer as f32).collect();
        Self { kind: Kind::Integer, shape, numbers, integers: Some(integers.into()) }
    }
}

/// Reads f32, bool, integers as i64, and integers of 8 bits, which are weights, as the f32 that they are.
///
/// # Errors
/// `model_damaged` for other types, empty tensors, and data that does not fit the shape; `too_large`.
pub(super) fn read(values: &Values) -> Result<Constant> {
    let damaged =
        |detail: &str| Error::new(Code::ModelDamaged, format!("tensor {:?} {detail}.", values.name));
    let shape: Option<Vec<usize>> =
        values.shape.iter().map(|size| usize::try_from(*size).ok().filter(|size| *size > 0)).collect();
    let shape = shape.ok_or_else(|| damaged("has a dimension that is not positive"))?;
    let count = volume(&shape)?;
    let listed = || values.packed.is_empty().then(|| values.integers.clone());
    let integers = |list: Option<Vec<i64>>| list.map(|list| Constant::integers(shape.clone(), list));
    let numbers = |kind, list: Option<Vec<f32>>| {
        list.map(|list| Constant { kind, shape: shape.clone(), numbers: list.into(), integers: None })
    };
    let constant = match values.kind {
        types::FLOAT => numbers(Kind::Float, words(values, f32::from_le_bytes)),
        types::UINT8 => numbers(Kind::Unsigned, levels(values, u8::from_le_bytes)),
        types::INT8 => numbers(Kind::Signed, levels(values, i8::from_le_bytes)),
        types::INT64 => integers(listed().or_else(|| words(values, i64::from_le_bytes))),
        types::INT32 => integers(listed().or_else(|| words(values, |word| i32::from_le_bytes(word).into()))),
        types::BOOL => numbers(Kind::Condition, Some(conditions(values))),
        _ => return Err(damaged(&format!("is of type {}", values.kind))),
    };
    let constant = constant.filter(|constant| constant.numbers.len() == count);
    constant.ok_or_else(|| damaged(&format!("does not hold {count} values")))
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

fn conditions(values: &Values) -> Vec<f32> {
    let packed = values.packed.iter().map(|byte| *byte != 0);
    packed.chain(values.integers.iter().map(|value| *value != 0)).map(f32::from).collect()
}

/// Integers of 8 bits, a byte for each or listed; none where one that is listed is no such integer.
fn levels<T: TryFrom<i64> + Into<f32>>(values: &Values, decode: impl Fn([u8; 1]) -> T) -> Option<Vec<f32>> {
    let listed = values.integers.iter().map(|integer| T::try_from(*integer).ok());
    let levels: Option<Vec<T>> =
        if values.packed.is_empty() { listed.collect() } else { words(values, decode) };
    levels.map(|levels| levels.into_iter().map(Into::into).collect())
}

/// The packed numbers, little-endian.
fn words<T, const N: usize>(values: &Values, decode: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (words, rest) = values.packed.as_chunks::<N>();
    rest.is_empty().then(|| words.iter().map(|word| decode(*word)).collect())
}

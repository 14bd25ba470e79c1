//! Weights in 8 bits, made f32 while a file is read: nothing behind the reader knows of them.
//!
//! `DequantizeLinear` is worked out for constants alone, so neither what is computed nor its time changes; the file is
//! smaller. All arithmetic stays f32 (`docs/adr/0013-weights-in-8-bits.md`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::axes::resolve;
use super::constant::{Constant, types};
use super::graph::Node;
use super::wiring::Kind;
use crate::error::{Code, Error, Result};

/// The operator between weights in 8 bits and what reads them.
pub(super) const OPERATOR: &str = "DequantizeLinear";
/// The axis whose places have a scale each, where the file names none.
const AXIS: i64 = 1;

/// What the operator makes of constants: `(level - zero point) * scale`, with one scale for all or one for each place of an
/// axis.
///
/// # Errors
/// `model_operator_unknown` for inputs that are computed and for types and forms that are not read, `model_damaged` for scales
/// and zero points that do not fit.
pub(super) fn dequantised(node: &Node, constants: &BTreeMap<String, Constant>) -> Result<Constant> {
    check_form(node)?;
    let required = |place| {
        let lacking = || damaged(format!("lacks input {place}"));
        input(node, constants, place)?.ok_or_else(lacking)
    };
    let (levels, scale, zero) = (required(0)?, required(1)?, input(node, constants, 2)?);
    if !matches!(levels.kind, Kind::Signed | Kind::Unsigned) {
        return Err(unknown(format!("of {:?}", levels.kind)));
    }
    if scale.kind != Kind::Float {
        return Err(damaged(format!("has scales that are {:?}", scale.kind)));
    }
    if zero.is_some_and(|zero| zero.kind != levels.kind || zero.shape != scale.shape) {
        return Err(damaged("has zero points of another type or shape than levels and scales".into()));
    }
    let run = run(node, levels, scale)?;
    let zeros: Arc<[f32]> = match zero {
        Some(zero) => Arc::clone(&zero.numbers),
        None => vec![0.0; scale.numbers.len()].into(),
    };
    let numbers = numbers(&levels.numbers, run, &scale.numbers, &zeros);
    match numbers.iter().all(|number| number.is_finite()) {
        true => {
            let shape = levels.shape.clone();
            Ok(Constant { kind: Kind::Float, shape, numbers: numbers.into(), integers: None })
        }
        false => Err(damaged("gives what is no f32".into())),
    }
}

/// Later versions have scales for blocks of an axis, and other types to give.
fn check_form(node: &Node) -> Result<()> {
    if node.inputs.len() > 3 {
        return Err(damaged(format!("has {} inputs", node.inputs.len())));
    }
    let given = u64::try_from(node.integer("output_dtype", 0));
    match (node.integer("block_size", 0), given) {
        (0, Ok(0 | types::FLOAT)) => Ok(()),
        (0, _) => Err(unknown("to another type than f32".into())),
        _ => Err(unknown("with scales for blocks".into())),
    }
}

/// The constant at this place; none where the input is left out.
fn input<'a>(
    node: &Node,
    constants: &'a BTreeMap<String, Constant>,
    place: usize,
) -> Result<Option<&'a Constant>> {
    let Some(name) = node.inputs.get(place).filter(|name| !name.is_empty()) else { return Ok(None) };
    let computed = || unknown(format!("of {name:?}, which is no constant"));
    constants.get(name).map(Some).ok_or_else(computed)
}

/// How many levels one after the other have the same scale.
fn run(node: &Node, levels: &Constant, scale: &Constant) -> Result<usize> {
    let shape = &levels.shape;
    match scale.shape.as_slice() {
        [] => Ok(levels.numbers.len()),
        [places] => {
            let axis = resolve(node.integer("axis", AXIS), shape.len()).ok();
            let axis = axis.filter(|axis| shape[*axis] == *places);
            let axis = axis.ok_or_else(|| damaged(format!("has {places} scales for the shape {shape:?}")))?;
            Ok(shape[axis + 1..].iter().product())
        }
        other => Err(damaged(format!("has scales of the shape {other:?}"))),
    }
}

fn numbers(levels: &[f32], run: usize, scales: &[f32], zeros: &[f32]) -> Vec<f32> {
    let places = scales.iter().zip(zeros).cycle();
    let runs = levels.chunks(run).zip(places);
    runs.flat_map(|(run, (scale, zero))| run.iter().map(move |level| (level - zero) * scale)).collect()
}

fn unknown(detail: String) -> Error {
    Error::new(Code::ModelOperatorUnknown, format!("operator {OPERATOR} {detail}."))
}

fn damaged(detail: String) -> Error {
    Error::new(Code::ModelDamaged, format!("{OPERATOR} {detail}."))
}

//! Makes an input of an ONNX model a constant, so that a runtime that folds constants computes what depends on it alone
//! once, when it loads the model: the same as the engine keeps per pack.
//!
//! Only the few fields of the file that this takes are looked at (`onnx.proto`); all others are copied as they are.

use anyhow::{Context as _, Result, ensure};
use segue_conformance::onnx;

const MODEL_GRAPH: u64 = 7;
const GRAPH_INPUT: u64 = 11;
const INPUT_NAME: u64 = 1;

/// The model with `values` of `shape` in place of the input `name`.
///
/// # Errors
/// When the bytes are no model or it has no such input.
pub(crate) fn with_constant(model: &[u8], name: &str, shape: &[usize], values: &[f32]) -> Result<Vec<u8>> {
    let (mut made, mut found) = (Vec::new(), false);
    for field in Fields(model) {
        let field = field?;
        match field.content {
            Some(graph) if field.number == MODEL_GRAPH => {
                let (graph, had) = graph_without(graph, name)?;
                found |= had;
                let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
                let graph = [graph, onnx::constant(name, &shape, values)].concat();
                made.extend(onnx::field(MODEL_GRAPH, &graph));
            }
            _ => made.extend(field.whole),
        }
    }
    ensure!(found, "the model has no input {name:?}");
    Ok(made)
}

/// The graph without its input `name`, and whether it had one.
fn graph_without(graph: &[u8], name: &str) -> Result<(Vec<u8>, bool)> {
    let (mut made, mut had) = (Vec::new(), false);
    for field in Fields(graph) {
        let field = field?;
        let is_input =
            field.number == GRAPH_INPUT && field.content.is_some_and(|input| is_named(input, name));
        had |= is_input;
        if !is_input {
            made.extend(field.whole);
        }
    }
    Ok((made, had))
}

fn is_named(input: &[u8], name: &str) -> bool {
    Fields(input).flatten().any(|field| field.number == INPUT_NAME && field.content == Some(name.as_bytes()))
}

/// One field of a message.
struct Field<'a> {
    number: u64,
    /// What a field of bytes holds.
    content: Option<&'a [u8]>,
    /// Its bytes in the file, key included.
    whole: &'a [u8],
}

/// The fields of a message, in the file's order.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field())
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<Field<'a>> {
        let start = self.0;
        let key = self.varint()?;
        let content = match key & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            2 => {
                let length = usize::try_from(self.varint()?)?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            other => anyhow::bail!("a field of the wire type {other}"),
        };
        Ok(Field { number: key >> 3, content, whole: &start[..start.len() - self.0.len()] })
    }

    fn varint(&mut self) -> Result<u64> {
        let length = self.0.iter().position(|byte| byte & 0x80 == 0).context("a number without an end")? + 1;
        let bytes = self.take(length)?;
        Ok(bytes.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).context("the bytes end within a field")?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::REFERENCE;

    fn inputs(model: &[u8]) -> usize {
        let graph = Fields(model).flatten().find(|field| field.number == MODEL_GRAPH).unwrap();
        Fields(graph.content.unwrap()).flatten().filter(|field| field.number == GRAPH_INPUT).count()
    }

    #[test]
    fn an_input_becomes_a_constant_and_everything_else_stays() {
        let made = with_constant(REFERENCE, "candidates", &[2, 64], &[0.5; 128]).unwrap();
        assert_eq!((inputs(REFERENCE), inputs(&made)), (4, 3));
        let added = made.len() - REFERENCE.len();
        assert!((500..600).contains(&added), "{added} bytes more, of which 512 are the constant's values");
    }

    #[test]
    fn what_is_no_model_or_has_no_such_input_is_refused() {
        assert!(with_constant(REFERENCE, "nothing", &[1], &[0.0]).is_err());
        assert!(with_constant(&REFERENCE[..REFERENCE.len() / 2], "candidates", &[1], &[0.0]).is_err());
    }
}

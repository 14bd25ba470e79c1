//! ONNX files as their `onnx.proto` lays them out, by field number; what no ranker needs is passed over or refused.

use std::cell::Cell;

use super::protobuf::{Field, Message};
use crate::error::{Code, Error, Result};
use crate::limits;

/// A model: its graph and the version of the operators it uses.
#[derive(Default)]
pub(super) struct Model {
    pub(super) version: Option<i64>,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<Values>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Input>,
}

/// One operator; an optional input left out has an empty name.
#[derive(Default)]
pub(super) struct Node {
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: Vec<Attribute>,
}

/// A setting of an operator.
#[derive(Default)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) float: f32,
    pub(super) integer: i64,
    pub(super) integers: Vec<i64>,
    pub(super) values: Option<Values>,
}

/// A tensor: its shape and its numbers, packed or listed.
#[derive(Default)]
pub(super) struct Values {
    pub(super) name: String,
    pub(super) shape: Vec<i64>,
    pub(super) kind: u64,
    pub(super) packed: Vec<u8>,
    pub(super) integers: Vec<i64>,
}

/// An input or output: its element type and its axes, where stated.
#[derive(Default)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) kind: u64,
    pub(super) shape: Option<Vec<Option<i64>>>,
}

/// Reads a file of bounded size.
///
/// # Errors
/// `too_large`, `model_damaged`.
pub(super) fn read(bytes: &[u8]) -> Result<Model> {
    if bytes.len() > limits::MODEL_BYTES {
        return Err(Error::new(Code::TooLarge, format!("a model of {} bytes.", bytes.len())));
    }
    let count = Cell::new(0);
    let mut message = Message::new(bytes, &count);
    let mut model = Model::default();
    let mut graphs = 0;
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (7, Field::Bytes(inner)) => {
                graphs += 1;
                graph(inner, &mut model)?;
            }
            (8, Field::Bytes(inner)) => model.version = version(inner)?.or(model.version),
            (20 | 25, _) => return Err(refused("functions or training steps")),
            _ => {}
        }
    }
    match graphs {
        1 => Ok(model),
        _ => Err(Error::new(Code::ModelDamaged, format!("the model has {graphs} graphs."))),
    }
}

/// The version of ONNX's own operators; other sets have a domain.
fn version(mut message: Message<'_>) -> Result<Option<i64>> {
    let (mut own, mut version) = (true, None);
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(domain)) => own = domain.bytes().is_empty() || domain.bytes() == b"ai.onnx",
            (2, Field::Number(value)) => version = Some(value as i64),
            _ => {}
        }
    }
    Ok(version.filter(|_| own))
}

fn graph(mut message: Message<'_>, model: &mut Model) -> Result<()> {
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(inner)) => model.nodes.push(node(inner)?),
            (5, Field::Bytes(inner)) => model.constants.push(values(inner)?),
            (11, Field::Bytes(inner)) => model.inputs.push(input(inner)?),
            (12, Field::Bytes(inner)) => model.outputs.push(input(inner)?),
            (15, _) => return Err(refused("sparse tensors")),
            _ => {}
        }
    }
    Ok(())
}

fn node(mut message: Message<'_>) -> Result<Node> {
    let mut node = Node::default();
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => node.inputs.push(name.text()?),
            (2, Field::Bytes(name)) => node.outputs.push(name.text()?),
            (4, Field::Bytes(name)) => node.operator = name.text()?,
            (5, Field::Bytes(inner)) => node.attributes.push(attribute(inner)?),
            (7, Field::Bytes(name)) => node.domain = name.text()?,
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(mut message: Message<'_>) -> Result<Attribute> {
    let mut attribute = Attribute::default();
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => attribute.name = name.text()?,
            (2, Field::Word(word)) => attribute.float = f32::from_le_bytes(word),
            (3, Field::Number(value)) => attribute.integer = value as i64,
            (5, Field::Bytes(inner)) => attribute.values = Some(values(inner)?),
            (8, Field::Number(value)) => attribute.integers.push(value as i64),
            (8, Field::Bytes(mut packed)) => attribute.integers.extend(packed.integers()?),
            (6 | 11, _) => return Err(refused("graphs within operators")),
            _ => {}
        }
    }
    Ok(attribute)
}

fn values(mut message: Message<'_>) -> Result<Values> {
    let mut values = Values::default();
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Number(size)) => values.shape.push(size as i64),
            (1, Field::Bytes(mut packed)) => values.shape.extend(packed.integers()?),
            (2, Field::Number(kind)) => values.kind = kind,
            (4, Field::Word(word)) => values.packed.extend(word),
            (4 | 9, Field::Bytes(packed)) => values.packed.extend(packed.bytes()),
            (5 | 7, Field::Number(value)) => values.integers.push(value as i64),
            (5 | 7, Field::Bytes(mut packed)) => values.integers.extend(packed.integers()?),
            (8, Field::Bytes(name)) => values.name = name.text()?,
            (3 | 13, _) | (14, Field::Number(1..)) => return Err(refused("tensors outside of the file")),
            _ => {}
        }
    }
    Ok(values)
}

fn input(mut message: Message<'_>) -> Result<Input> {
    let mut input = Input::default();
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => input.name = name.text()?,
            (2, Field::Bytes(inner)) => {
                if let Some(mut tensor) = only(inner, 1)? {
                    while let Some((number, field)) = tensor.next()? {
                        match (number, field) {
                            (1, Field::Number(kind)) => input.kind = kind,
                            (2, Field::Bytes(inner)) => input.shape = Some(shape(inner)?),
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(input)
}

/// The sizes of axes; `None` where one is left open.
fn shape(mut message: Message<'_>) -> Result<Vec<Option<i64>>> {
    let mut shape = Vec::new();
    while let Some((number, field)) = message.next()? {
        if let (1, Field::Bytes(mut axis)) = (number, field) {
            let mut size = None;
            while let Some((number, field)) = axis.next()? {
                if let (1, Field::Number(value)) = (number, field) {
                    size = Some(value as i64);
                }
            }
            shape.push(size);
        }
    }
    Ok(shape)
}

/// The message in the field of this number.
fn only(mut message: Message<'_>, wanted: u64) -> Result<Option<Message<'_>>> {
    while let Some((number, field)) = message.next()? {
        if let Field::Bytes(inner) = field
            && number == wanted
        {
            return Ok(Some(inner));
        }
    }
    Ok(None)
}

fn refused(what: &str) -> Error {
    Error::new(Code::ModelDamaged, format!("a model with {what}."))
}

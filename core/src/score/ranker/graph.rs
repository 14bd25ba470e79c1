//! A ranker's graph as its file states it, checked before any of it is wired.

use std::collections::{BTreeMap, BTreeSet};

use super::constant::{self, Constant, types};
use super::file::{self, Attribute, Input, Model};
use super::operators;
use super::quantised;
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::score::names;

/// Softmax and others meant something else before.
const OLDEST_OPERATORS: i64 = 13;

/// Nodes in an order in which each can be computed, and the constants they use.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: BTreeMap<String, Constant>,
    /// Numbers made of weights in 8 bits: a file may make them again and again of the same levels.
    dequantised: usize,
}

/// One operator with the names of what it reads; an optional input left out has an empty name.
pub(super) struct Node {
    pub(super) operator: String,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    attributes: Vec<Attribute>,
}

/// An input that the schema asks for: its name and its shape, where the first axis of candidates is `None`.
pub(super) type Expected = (&'static str, Vec<Option<usize>>);

impl Graph {
    /// Reads a model whose inputs are exactly `expected` and which computes `heads`.
    ///
    /// # Errors
    /// `too_large`, `model_damaged`, `model_operator_unknown`, `model_inputs_mismatch`.
    pub(super) fn read(bytes: &[u8], expected: &[Expected]) -> Result<Self> {
        let model = file::read(bytes)?;
        check_version(&model)?;
        if model.nodes.len() > limits::MODEL_NODES {
            return Err(Error::new(Code::TooLarge, format!("a model of {} nodes.", model.nodes.len())));
        }
        check_inputs(&model, expected)?;
        let nodes = Vec::with_capacity(model.nodes.len());
        let mut graph = Self { nodes, constants: BTreeMap::new(), dequantised: 0 };
        for values in &model.constants {
            graph.constants.insert(values.name.clone(), constant::read(values)?);
        }
        let mut known: BTreeSet<String> = graph.constants.keys().cloned().collect();
        known.extend(expected.iter().map(|(name, _)| (*name).to_owned()));
        for node in model.nodes {
            graph.add(node, &mut known)?;
        }
        graph.forget_unread();
        match known.contains(names::HEADS) && model.outputs.iter().any(|output| output.name == names::HEADS) {
            true => Ok(graph),
            false => Err(mismatch(format!("it has no output {:?}.", names::HEADS))),
        }
    }

    /// Takes the next node; what it reads must be known, what it writes must not.
    fn add(&mut self, node: file::Node, known: &mut BTreeSet<String>) -> Result<()> {
        let [output] = node.outputs.as_slice() else {
            return Err(damaged(format!("{} has {} outputs.", node.operator, node.outputs.len())));
        };
        let foreign = !node.domain.is_empty() && node.domain != "ai.onnx";
        let constant = matches!(node.operator.as_str(), "Constant" | quantised::OPERATOR);
        if foreign || !(constant || operators::find(&node.operator).is_some()) {
            return Err(Error::new(Code::ModelOperatorUnknown, format!("operator {}.", node.operator)));
        }
        if let Some(missing) = node.inputs.iter().find(|name| !name.is_empty() && !known.contains(*name)) {
            return Err(damaged(format!("{} reads {missing:?} before it is computed.", node.operator)));
        }
        if output.is_empty() || !known.insert(output.clone()) {
            return Err(damaged(format!("{output:?} is computed twice.")));
        }
        let output = output.clone();
        let node = Node { operator: node.operator, inputs: node.inputs, output, attributes: node.attributes };
        match node.operator.as_str() {
            "Constant" => drop(self.constants.insert(node.output.clone(), node.value()?)),
            quantised::OPERATOR => self.dequantise(&node)?,
            _ => self.nodes.push(node),
        }
        Ok(())
    }

    /// Makes weights in 8 bits a constant as any other.
    fn dequantise(&mut self, node: &Node) -> Result<()> {
        let constant = quantised::dequantised(node, &self.constants)?;
        self.dequantised = self.dequantised.saturating_add(constant.numbers.len());
        if self.dequantised > limits::MODEL_VALUES {
            let detail = format!(
                "a model of {} or more weights in 8 bits, at most {} are read.",
                self.dequantised,
                limits::MODEL_VALUES
            );
            return Err(Error::new(Code::TooLarge, detail));
        }
        self.constants.insert(node.output.clone(), constant);
        Ok(())
    }

    /// Lets go of constants that no node reads, as weights in 8 bits that were made f32.
    fn forget_unread(&mut self) {
        let mut read: BTreeSet<&str> =
            self.nodes.iter().flat_map(|node| &node.inputs).map(String::as_str).collect();
        read.insert(names::HEADS);
        self.constants.retain(|name, _| read.contains(name.as_str()));
    }
}

impl Node {
    /// The attribute of this name, `None` where the file leaves it out.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute.
    pub(super) fn integer(&self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.integer)
    }

    /// An f32 attribute.
    pub(super) fn float(&self, name: &str, otherwise: f32) -> f32 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.float)
    }

    /// The tensor of a `Constant`.
    fn value(&self) -> Result<Constant> {
        let tensor = self.attribute("value").and_then(|attribute| attribute.values.as_ref());
        match (tensor, self.attribute("value_float"), self.attribute("value_ints")) {
            (Some(tensor), _, _) => constant::read(tensor),
            (None, Some(number), _) => Ok(Constant::single(number.float)),
            (None, None, Some(list)) if !list.integers.is_empty() => Ok(Constant::list(&list.integers)),
            _ => Err(damaged(format!("the constant {:?} has no value.", self.output))),
        }
    }
}

fn check_version(model: &Model) -> Result<()> {
    match model.version {
        Some(version) if version >= OLDEST_OPERATORS => Ok(()),
        version => {
            let detail = format!("operator set {version:?}, the oldest read is {OLDEST_OPERATORS}.");
            Err(Error::new(Code::ModelOperatorUnknown, detail))
        }
    }
}

/// Older files list constants among the inputs; those are none.
fn check_inputs(model: &Model, expected: &[Expected]) -> Result<()> {
    let constants: BTreeSet<&str> = model.constants.iter().map(|values| values.name.as_str()).collect();
    let inputs: Vec<_> =
        model.inputs.iter().filter(|input| !constants.contains(input.name.as_str())).collect();
    for input in &inputs {
        let wanted = expected.iter().find(|(name, _)| *name == input.name);
        let (name, shape) = wanted.ok_or_else(|| mismatch(format!("it has an input {:?}.", input.name)))?;
        if !declares(input, shape) {
            return Err(mismatch(format!("its input {name:?} is no f32 {shape:?}.")));
        }
    }
    let distinct: BTreeSet<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    match distinct.len() == expected.len() && inputs.len() == expected.len() {
        true => Ok(()),
        false => {
            let wanted: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
            Err(mismatch(format!("its inputs are {distinct:?}, wanted are {wanted:?}.")))
        }
    }
}

/// Whether an input is f32 of this shape; an axis may be left open, the candidates' must be.
fn declares(input: &Input, shape: &[Option<usize>]) -> bool {
    let fits = |(stated, size): (&Option<i64>, &Option<usize>)| match stated {
        Some(stated) => size.is_some_and(|size| i64::try_from(size) == Ok(*stated)),
        None => true,
    };
    let axes = input.shape.as_ref();
    input.kind == types::FLOAT
        && axes.is_none_or(|axes| axes.len() == shape.len() && axes.iter().zip(shape).all(fits))
}

fn damaged(detail: String) -> Error {
    Error::new(Code::ModelDamaged, detail)
}

fn mismatch(detail: String) -> Error {
    Error::new(Code::ModelInputsMismatch, detail)
}

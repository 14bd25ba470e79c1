//! A part of a graph as a list of steps with concrete shapes, built node by node within the limits.
//!
//! Whatever could make a step panic or take memory without end (shapes that do not fit, values beyond the limits, axes
//! out of range) is refused here, before the step is added. What depends on constants alone is computed here, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::constant::{Constant, volume};
use super::graph::{Graph, Node};
use super::operators;
use super::rows::{Input, Rows};
use super::steps::{Memory, Place, Step, Work};
use super::view::{View, Walk};
use crate::error::{Code, Error, Result};
use crate::limits;

/// The names that a part of a graph reads with their shapes, and the names it computes.
pub(super) struct Bounds {
    pub(super) sources: Vec<(String, Vec<usize>)>,
    pub(super) outputs: Vec<String>,
}

/// A part of a graph as steps, and what each name is in it.
pub(super) struct Wired {
    pub(super) wiring: Wiring,
    pub(super) values: BTreeMap<String, Value>,
}

/// Steps under construction.
#[derive(Default)]
pub(super) struct Wiring {
    /// Numbers of each source.
    pub(super) sources: Vec<usize>,
    pub(super) constants: Vec<Arc<[f32]>>,
    pub(super) steps: Vec<Step>,
    values: usize,
    parts: usize,
    products: usize,
    spare: Vec<f32>,
}

/// What a value's numbers mean; there is arithmetic on f32 alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// f32.
    Float,
    /// 0 or 1.
    Condition,
    /// The f32 nearest to an integer.
    Integer,
    /// An integer of 8 bits with a sign; weights are kept so.
    Signed,
    /// The same without a sign.
    Unsigned,
}

/// A value within the graph.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) view: View,
    pub(super) kind: Kind,
    pub(super) rows: Rows,
    pub(super) integers: Option<Arc<[i64]>>,
}

/// A node's operator with its inputs found.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    inputs: Vec<Option<Value>>,
}

/// Builds what `bounds.outputs` need, down to `bounds.sources` and constants.
///
/// # Errors
/// `model_inputs_mismatch` where shapes do not fit, `model_damaged`, `too_large`.
pub(super) fn wire(graph: &Graph, bounds: &Bounds) -> Result<Wired> {
    let needed = needed(graph, bounds);
    let mut wiring = Wiring::default();
    let mut values = BTreeMap::new();
    for (name, shape) in &bounds.sources {
        values.insert(name.clone(), wiring.source(name, shape)?);
    }
    for (name, constant) in graph.constants.iter().filter(|(name, _)| needed.contains(name.as_str())) {
        values.insert(name.clone(), wiring.constant(constant));
    }
    for node in graph.nodes.iter().filter(|node| needed.contains(node.output.as_str())) {
        let inputs = node.inputs.iter().map(|name| values.get(name).cloned()).collect();
        let wire = operators::find(&node.operator)
            .ok_or_else(|| Error::new(Code::ModelOperatorUnknown, format!("operator {}.", node.operator)))?;
        let value = wire(&mut wiring, &Call { node, inputs })?;
        values.insert(node.output.clone(), value);
    }
    Ok(Wired { wiring, values })
}

/// Names to compute: backwards from the outputs, not beyond the sources.
fn needed<'a>(graph: &'a Graph, bounds: &'a Bounds) -> BTreeSet<&'a str> {
    let sources: BTreeSet<&str> = bounds.sources.iter().map(|(name, _)| name.as_str()).collect();
    let mut needed: BTreeSet<&str> =
        bounds.outputs.iter().map(String::as_str).filter(|name| !sources.contains(name)).collect();
    for node in graph.nodes.iter().rev() {
        if needed.contains(node.output.as_str()) {
            needed.extend(node.inputs.iter().map(String::as_str).filter(|name| !sources.contains(name)));
        }
    }
    needed
}

impl Wiring {
    /// Something that is given at each run.
    fn source(&mut self, name: &str, shape: &[usize]) -> Result<Value> {
        let length = volume(shape)?;
        self.count(length)?;
        self.sources.push(length);
        let place = Place::Source(self.sources.len() - 1);
        Ok(Value::new(place, shape, Kind::Float, Rows::of(name)))
    }

    /// Something that stays the same.
    pub(super) fn constant(&mut self, constant: &Constant) -> Value {
        let place = self.known(Arc::clone(&constant.numbers));
        let value = Value::new(place, &constant.shape, constant.kind, Rows::Apart);
        Value { integers: constant.integers.clone(), ..value }
    }

    /// Numbers that stay the same.
    pub(super) fn known(&mut self, numbers: Arc<[f32]>) -> Place {
        self.constants.push(numbers);
        Place::Constant(self.constants.len() - 1)
    }

    /// One number that stays the same.
    pub(super) fn scalar(&mut self, number: f32) -> Value {
        self.constant(&Constant::single(number))
    }

    /// Adds a step whose inputs have been checked, and returns its output.
    pub(super) fn add(&mut self, work: Work, inputs: Vec<Place>, output: Value) -> Result<Value> {
        let length = volume(&output.view.shape)?;
        self.count(length)?;
        let step = Step { work, inputs, output: self.steps.len(), length };
        if !step.inputs.iter().all(|place| matches!(place, Place::Constant(_))) {
            let place = Place::Computed(step.output);
            self.steps.push(step);
            return Ok(Value { place, ..output });
        }
        let mut numbers = vec![0.0; length];
        let memory = Memory { sources: &[], constants: &self.constants, buffers: &[] };
        step.run(&mut numbers, memory, &mut self.spare);
        let place = self.known(numbers.into());
        Ok(Value { place, ..output })
    }

    /// The same numbers seen otherwise; `axes` are the places of the axes after it.
    pub(super) fn see(&mut self, value: &Value, view: View, axes: Vec<Option<usize>>) -> Result<Value> {
        self.count(volume(&view.shape)?)?;
        let rows = Rows::after(&[value.input(axes)]);
        Ok(Value { view, rows, integers: None, ..value.clone() })
    }

    /// The same value with its numbers one after the other.
    pub(super) fn dense(&mut self, value: &Value) -> Result<Value> {
        if value.view.is_dense() {
            return Ok(value.clone());
        }
        let view = View::dense(&value.view.shape);
        let walk = Walk::new(&[&view, &value.view]);
        self.add(Work::Join(vec![walk]), vec![value.place], Value { view, ..value.clone() })
    }

    /// Makes room for so many multiplications.
    pub(super) fn multiply(&mut self, products: usize) -> Result<()> {
        self.products = self.products.saturating_add(products);
        match self.products <= limits::MODEL_PRODUCTS {
            true => Ok(()),
            false => Err(Error::new(Code::TooLarge, "a model of too many multiplications.")),
        }
    }

    /// Makes room for one more thing of so many numbers.
    pub(super) fn count(&mut self, values: usize) -> Result<()> {
        self.values = self.values.saturating_add(values);
        self.parts += 1;
        match self.values <= limits::MODEL_VALUES && self.parts <= limits::MODEL_STEPS {
            true => Ok(()),
            false => Err(Error::new(Code::TooLarge, "a model of too many values.")),
        }
    }
}

impl Value {
    /// A value whose numbers lie one after the other.
    pub(super) fn new(place: Place, shape: &[usize], kind: Kind, rows: Rows) -> Self {
        Self { place, view: View::dense(shape), kind, rows, integers: None }
    }

    /// Its shape.
    pub(super) fn shape(&self) -> &[usize] {
        &self.view.shape
    }

    /// As an operator's input whose axes become these.
    pub(super) fn input(&self, axes: Vec<Option<usize>>) -> Input<'_> {
        Input { rows: self.rows, shape: self.shape(), axes }
    }

    /// Refuses a value of another element type.
    pub(super) fn expect(&self, wanted: Kind) -> Result<()> {
        match self.kind == wanted {
            true => Ok(()),
            false => Err(refused(format!("a value is {:?} where {wanted:?} is read", self.kind))),
        }
    }

    /// The integers of a constant: a shape, axes, indices.
    pub(super) fn integers(&self) -> Result<&[i64]> {
        self.integers.as_deref().ok_or_else(|| refused("a shape, axis or index is no constant".into()))
    }
}

impl Call<'_> {
    /// The input at this place.
    ///
    /// # Errors
    /// `model_damaged` when it is left out.
    pub(super) fn input(&self, place: usize) -> Result<&Value> {
        let missing = || Error::new(Code::ModelDamaged, format!("{} lacks an input.", self.node.operator));
        self.optional(place).ok_or_else(missing)
    }

    /// The input at this place, where there is one.
    pub(super) fn optional(&self, place: usize) -> Option<&Value> {
        self.inputs.get(place)?.as_ref()
    }

    /// Every input.
    pub(super) fn inputs(&self) -> Result<Vec<&Value>> {
        (0..self.inputs.len()).map(|place| self.input(place)).collect()
    }

    /// Integers given as an attribute or, since later versions, as the input at this place.
    pub(super) fn integers(&self, name: &str, place: usize) -> Result<Option<&[i64]>> {
        match (self.node.attribute(name), self.optional(place)) {
            (Some(attribute), _) => Ok(Some(&attribute.integers)),
            (None, Some(input)) => input.integers().map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// An error about shapes or types that do not fit.
pub(super) fn refused(detail: String) -> Error {
    Error::new(Code::ModelInputsMismatch, format!("{detail}."))
}

//! A tract graph built node by node, with concrete shapes, within the limits.
//!
//! tract assumes graphs that make sense; whatever could make it panic or allocate without end (shapes that do not fit,
//! values beyond the limits, axes out of range) is refused here, before the node is added.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tract_core::internal::*;

use super::constant::volume;
use super::graph::{Graph, Node};
use super::operators;
use crate::error::{Code, Error, Result};
use crate::limits;

/// The names that a part of a graph reads with their shapes, and the names it computes.
pub(super) struct Bounds {
    pub(super) sources: Vec<(String, Vec<usize>)>,
    pub(super) outputs: Vec<String>,
}

/// A part of a graph as tract's model, and where each name ended up in it.
pub(super) struct Wired {
    pub(super) model: TypedModel,
    pub(super) outlets: BTreeMap<String, OutletId>,
}

/// A graph under construction.
#[derive(Default)]
pub(super) struct Wiring {
    model: TypedModel,
    values: usize,
    products: usize,
}

/// A node's operator with its inputs found.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    inputs: Vec<Option<OutletId>>,
}

/// Builds what `bounds.outputs` need, down to `bounds.sources` and constants.
///
/// # Errors
/// `model_inputs_mismatch` where shapes do not fit, `model_damaged`, `too_large`.
pub(super) fn wire(graph: &Graph, bounds: &Bounds) -> Result<Wired> {
    let needed = needed(graph, bounds);
    let mut wiring = Wiring::default();
    let mut outlets = BTreeMap::new();
    for (name, shape) in &bounds.sources {
        outlets.insert(name.clone(), wiring.source(name, shape)?);
    }
    for (name, tensor) in graph.constants.iter().filter(|(name, _)| needed.contains(name.as_str())) {
        outlets.insert(name.clone(), wiring.constant(tensor.clone())?);
    }
    for node in graph.nodes.iter().filter(|node| needed.contains(node.output.as_str())) {
        let inputs = node.inputs.iter().map(|name| outlets.get(name).copied()).collect();
        let wire = operators::find(&node.operator)
            .ok_or_else(|| Error::new(Code::ModelOperatorUnknown, format!("operator {}.", node.operator)))?;
        let outlet = wire(&mut wiring, &Call { node, inputs })?;
        outlets.insert(node.output.clone(), outlet);
    }
    let outputs: Option<Vec<OutletId>> =
        bounds.outputs.iter().map(|name| outlets.get(name).copied()).collect();
    let outputs = outputs.ok_or_else(|| Error::new(Code::ModelDamaged, "an output is not computed."))?;
    let mut model = wiring.model;
    model.select_output_outlets(&outputs).map_err(mismatch)?;
    Ok(Wired { model, outlets })
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
    fn source(&mut self, name: &str, shape: &[usize]) -> Result<OutletId> {
        self.count(volume(shape)?)?;
        self.model.add_source(name, f32::fact(shape)).map_err(mismatch)
    }

    /// Something that stays the same.
    pub(super) fn constant(&mut self, tensor: Arc<Tensor>) -> Result<OutletId> {
        let name = self.name();
        self.model.add_const(name, tensor).map_err(mismatch)
    }

    /// One number that stays the same, for operators that want the rank of `like`.
    pub(super) fn scalar(&mut self, value: f32, like: OutletId) -> Result<OutletId> {
        let shape = vec![1; self.shape(like)?.len()];
        self.constant(Tensor::from_shape(&shape, &[value]).map_err(mismatch)?.into_arc_tensor())
    }

    /// Adds an operator whose inputs have been checked, and returns its only output.
    pub(super) fn add(
        &mut self,
        operator: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> Result<OutletId> {
        let operator = operator.into();
        let facts: TractResult<TVec<&TypedFact>> =
            inputs.iter().map(|input| self.model.outlet_fact(*input)).collect();
        let output = operator.output_facts(&facts.map_err(mismatch)?).map_err(mismatch)?;
        let shapes = output.iter().map(|fact| fact.shape.as_concrete().map_or(Ok(usize::MAX), volume));
        for volume in shapes.collect::<Result<Vec<_>>>()? {
            self.count(volume)?;
        }
        let name = self.name();
        let outlets = self.model.wire_node(name, operator, inputs).map_err(mismatch)?;
        outlets.first().copied().ok_or_else(|| Error::new(Code::ModelDamaged, "an operator without output."))
    }

    /// Brings inputs to one rank by leading axes of 1.
    pub(super) fn align(&mut self, inputs: &[OutletId]) -> Result<Vec<OutletId>> {
        let ranks = inputs.iter().map(|input| Ok(self.shape(*input)?.len())).collect::<Result<Vec<_>>>()?;
        let rank = ranks.iter().copied().max().unwrap_or(0);
        let mut aligned = Vec::with_capacity(inputs.len());
        for (input, own) in inputs.iter().zip(ranks) {
            let lead = |outlet: Result<OutletId>, _| self.add(AxisOp::Add(0), &[outlet?]);
            aligned.push((own..rank).fold(Ok(*input), lead)?);
        }
        Ok(aligned)
    }

    /// Makes room for so many multiplications.
    pub(super) fn multiply(&mut self, products: usize) -> Result<()> {
        self.products = self.products.saturating_add(products);
        match self.products <= limits::MODEL_PRODUCTS {
            true => Ok(()),
            false => Err(Error::new(Code::TooLarge, "a model of too many multiplications.")),
        }
    }

    fn count(&mut self, values: usize) -> Result<()> {
        self.values = self.values.saturating_add(values);
        match self.values <= limits::MODEL_VALUES && self.model.nodes.len() <= limits::MODEL_STEPS {
            true => Ok(()),
            false => Err(Error::new(Code::TooLarge, "a model of too many values.")),
        }
    }

    /// The shape of a value.
    pub(super) fn shape(&self, outlet: OutletId) -> Result<Vec<usize>> {
        let fact = self.model.outlet_fact(outlet).map_err(mismatch)?;
        let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
        shape.ok_or_else(|| Error::new(Code::ModelDamaged, "a value without a shape."))
    }

    /// Refuses a value of another element type.
    pub(super) fn expect(&self, outlet: OutletId, wanted: DatumType) -> Result<()> {
        let found = self.datum(outlet)?;
        match found == wanted {
            true => Ok(()),
            false => Err(refused(format!("a value is {found:?} where {wanted:?} is read"))),
        }
    }

    /// The element type of a value.
    pub(super) fn datum(&self, outlet: OutletId) -> Result<DatumType> {
        Ok(self.model.outlet_fact(outlet).map_err(mismatch)?.datum_type)
    }

    /// The integers of a constant: a shape, axes, indices.
    pub(super) fn integers(&self, outlet: OutletId) -> Result<Vec<i64>> {
        let constant = self.model.outlet_fact(outlet).map_err(mismatch)?.konst.clone();
        let view = constant.as_ref().and_then(|tensor| tensor.to_plain_array_view::<i64>().ok());
        view.map(|view| view.iter().copied().collect())
            .ok_or_else(|| refused("a shape, axis or index is no constant".into()))
    }

    fn name(&self) -> String {
        self.model.nodes.len().to_string()
    }
}

impl Call<'_> {
    /// The input at this place.
    ///
    /// # Errors
    /// `model_damaged` when it is left out.
    pub(super) fn input(&self, place: usize) -> Result<OutletId> {
        let missing = || Error::new(Code::ModelDamaged, format!("{} lacks an input.", self.node.operator));
        self.optional(place).ok_or_else(missing)
    }

    /// The input at this place, where there is one.
    pub(super) fn optional(&self, place: usize) -> Option<OutletId> {
        self.inputs.get(place).copied().flatten()
    }

    /// Every input.
    pub(super) fn inputs(&self) -> Result<Vec<OutletId>> {
        (0..self.inputs.len()).map(|place| self.input(place)).collect()
    }

    /// Integers given as an attribute or, since later versions, as the input at this place.
    pub(super) fn integers(&self, wiring: &Wiring, name: &str, place: usize) -> Result<Option<Vec<i64>>> {
        match (self.node.attribute(name), self.optional(place)) {
            (Some(attribute), _) => Ok(Some(attribute.integers.clone())),
            (None, Some(input)) => wiring.integers(input).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// An error about shapes or types that do not fit.
pub(super) fn refused(detail: String) -> Error {
    Error::new(Code::ModelInputsMismatch, format!("{detail}."))
}

/// What tract says about a graph it cannot build.
pub(super) fn mismatch(error: TractError) -> Error {
    refused(format!("{error:#}"))
}

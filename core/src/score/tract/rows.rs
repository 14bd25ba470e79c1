//! Where the candidates are in each value of a graph, and whether any operator mixes them.
//!
//! A graph may be run on some candidates at a time only if no row of its output depends on another candidate's row.
//! That is decided by its shapes: each operator says which axis of its input becomes which axis of its output.

use std::collections::BTreeMap;

use tract_core::internal::*;
use tract_core::ops::nn::Softmax;

/// The axis along which candidates lie, for each value that depends on them.
pub(super) type Rows = BTreeMap<OutletId, usize>;

/// Follows the candidates from the first axis of `sources` through the graph; `None` when an operator mixes them.
pub(super) fn follow(model: &TypedModel, sources: &[OutletId]) -> TractResult<Option<Rows>> {
    let mut rows: Rows = sources.iter().map(|source| (*source, 0)).collect();
    for node in &model.nodes {
        let inputs: Vec<Option<usize>> = node.inputs.iter().map(|input| rows.get(input).copied()).collect();
        if inputs.iter().all(Option::is_none) {
            continue;
        }
        match after(model, node, &inputs)? {
            Some(axis) => drop(rows.insert(OutletId::new(node.id, 0), axis)),
            None => return Ok(None),
        }
    }
    Ok(Some(rows))
}

/// The candidates' axis in a node's output; `None` when there is no single one.
fn after(model: &TypedModel, node: &TypedNode, inputs: &[Option<usize>]) -> TractResult<Option<usize>> {
    let sums_over = |axis| node.op_as::<Softmax>().is_some_and(|softmax| softmax.axes.contains(axis));
    if inputs.iter().flatten().any(sums_over) {
        return Ok(None);
    }
    let (facts, outputs) = model.node_facts(node.id)?;
    let mapping = node.op.axes_mapping(&facts, &outputs)?;
    let mut found = None;
    for (place, axis) in inputs.iter().enumerate().filter_map(|(place, axis)| Some((place, (*axis)?))) {
        let there = mapping.track_axis((InOut::In(place), axis), InOut::Out(0))?;
        if there.is_none() || found.is_some_and(|found| Some(found) != there) {
            return Ok(None);
        }
        found = there;
    }
    let Some(axis) = found else { return Ok(None) };
    let mapped = mapping.axis((InOut::Out(0), axis))?;
    let alone = |(place, fact): (usize, &&TypedFact)| {
        let own: &[usize] = mapped.inputs.get(place).map_or(&[], |own| own);
        let wanted = inputs.get(place).copied().flatten();
        own.iter().all(|at| wanted == Some(*at) || (wanted.is_none() && fact.shape[*at].is_one()))
    };
    Ok(facts.iter().enumerate().all(alone).then_some(axis))
}

//! A ranker's three plans and how they hand values to each other.

use super::cut::Cut;
use super::graph::Graph;
use super::plan::{Plan, Value, padded};
use super::widths::Widths;
use super::wiring::Bounds;
use crate::error::{Code, Error, Result};
use crate::features::Inputs;
use crate::limits;
use crate::score::names;

/// Plans for one number of rows.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) rows: usize,
    pack: Plan,
    session: Plan,
    cross: Plan,
}

impl Parts {
    /// Builds the three parts of a graph.
    ///
    /// # Errors
    /// `model_inputs_mismatch`, `model_damaged`, `too_large`.
    pub(super) fn new(graph: &Graph, cut: &Cut, widths: Widths, rows: usize) -> Result<Self> {
        let inputs = widths.shapes(rows);
        let (of_pack, mut others): (Vec<_>, Vec<_>) =
            inputs.into_iter().partition(|(name, _)| name == names::CANDIDATES);
        let live = others.iter().position(|(name, _)| name == names::LIVE).map(|at| others.remove(at));
        let pack = Plan::new(graph, &Bounds { sources: of_pack, outputs: cut.pack.clone() })?;
        let session = Plan::new(graph, &Bounds { sources: others, outputs: cut.session.clone() })?;
        check_kept(&pack, rows)?;
        let read = named(&cut.pack, &pack).chain(named(&cut.session, &session)).chain(live).collect();
        let cross = Plan::new(graph, &Bounds { sources: read, outputs: vec![names::HEADS.to_owned()] })?;
        match cross.shapes.as_slice() {
            [shape] if *shape == [rows, widths.heads] => Ok(Self { rows, pack, session, cross }),
            shapes => {
                let detail = format!("its output is {shapes:?}, the schema has {} heads.", widths.heads);
                Err(Error::new(Code::ModelInputsMismatch, detail))
            }
        }
    }

    /// What the cross part reads of a chunk of candidates: rows of `width` columns, at most [`Self::rows`] of them.
    pub(super) fn pack(&self, candidates: &[f32], width: usize) -> Result<Vec<Value>> {
        self.pack.run(self.table(candidates, width)?.into_iter())
    }

    /// What the cross part reads of the session.
    pub(super) fn session(&self, inputs: &Inputs, widths: Widths) -> Result<Vec<Value>> {
        let tables =
            [(names::EVENTS, &inputs.events), (names::MASK, &inputs.mask), (names::CONTEXT, &inputs.context)];
        let shapes = widths.shapes(self.rows);
        let given = shapes.iter().filter_map(|(name, shape)| {
            let (_, values) = tables.iter().find(|(table, _)| table == name)?;
            Some(padded(shape, values))
        });
        self.session.run(given.collect::<Result<Vec<_>>>()?.into_iter())
    }

    /// The heads of a chunk, one row each, rows beyond the candidates included.
    pub(super) fn cross(
        &self,
        known: impl Iterator<Item = Value>,
        live: &[f32],
        width: usize,
    ) -> Result<Value> {
        let heads = self.cross.run(known.chain(self.table(live, width)?))?.pop();
        heads.ok_or_else(|| Error::new(Code::ModelDamaged, "the model gave no output."))
    }

    /// Rows of `width` columns; a table without columns is no input.
    fn table(&self, rows: &[f32], width: usize) -> Result<Option<Value>> {
        (width > 0).then(|| padded(&[self.rows, width], rows)).transpose()
    }
}

fn named<'a>(names: &'a [String], plan: &'a Plan) -> impl Iterator<Item = (String, Vec<usize>)> + 'a {
    names.iter().cloned().zip(plan.shapes.iter().cloned())
}

/// What is kept for each candidate of a pack has to fit a phone.
fn check_kept(pack: &Plan, rows: usize) -> Result<()> {
    let kept = pack.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum::<usize>() / rows;
    match kept <= limits::MODEL_KEPT {
        true => Ok(()),
        false => Err(Error::new(Code::TooLarge, format!("a model that keeps {kept} numbers per candidate."))),
    }
}

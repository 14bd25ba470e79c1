//! A ranker's three plans and how they hand values to each other.

use super::cut::Cut;
use super::graph::Graph;
use super::plan::{Plan, Scratch, padded};
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
    pub(super) fn pack(
        &self,
        candidates: &[f32],
        width: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>> {
        let table = padded(self.rows * width, candidates)?;
        self.pack.run(given(&table).as_slice(), scratch)
    }

    /// What the cross part reads of the session.
    pub(super) fn session(
        &self,
        inputs: &Inputs,
        widths: Widths,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>> {
        let tables =
            [(names::EVENTS, &inputs.events), (names::MASK, &inputs.mask), (names::CONTEXT, &inputs.context)];
        let read = widths.inputs().into_iter().filter_map(|(name, _)| {
            tables.iter().find(|(table, _)| *table == name).map(|(_, numbers)| numbers.as_slice())
        });
        self.session.run(&read.collect::<Vec<_>>(), scratch)
    }

    /// The heads of a chunk, one row each, rows beyond the candidates included.
    pub(super) fn cross<'a>(
        &self,
        known: impl Iterator<Item = &'a Vec<f32>>,
        live: &[f32],
        width: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<f32>> {
        let live = padded(self.rows * width, live)?;
        let mut read: Vec<&[f32]> = known.map(Vec::as_slice).collect();
        read.extend(given(&live));
        let heads = self.cross.run(&read, scratch)?.pop();
        heads.ok_or_else(|| Error::new(Code::ModelDamaged, "the model gave no output."))
    }
}

/// A table as a source; one without columns is none.
fn given(table: &[f32]) -> Option<&[f32]> {
    (!table.is_empty()).then_some(table)
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

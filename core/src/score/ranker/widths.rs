//! The shapes of a ranker's inputs, as its schema states them.

use super::graph::Expected;
use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};
use crate::score::names;

/// Columns per table, slots and heads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Widths {
    pub(super) candidate: usize,
    pub(super) live: usize,
    pub(super) event: usize,
    pub(super) slots: usize,
    pub(super) context: usize,
    pub(super) heads: usize,
}

impl Widths {
    pub(super) fn of(schema: &Schema) -> Self {
        Self {
            candidate: schema.candidate_width(),
            live: schema.live_width(),
            event: schema.event_width(),
            slots: schema.slots,
            context: schema.context_width(),
            heads: schema.heads.len(),
        }
    }

    /// The inputs a model of this schema has, in their order; a table without columns is none.
    pub(super) fn inputs(&self) -> Vec<Expected> {
        let all = [
            (names::CANDIDATES, vec![None, Some(self.candidate)]),
            (names::LIVE, vec![None, Some(self.live)]),
            (names::EVENTS, vec![Some(self.slots), Some(self.event)]),
            (names::MASK, vec![Some(self.slots)]),
            (names::CONTEXT, vec![Some(self.context)]),
        ];
        all.into_iter().filter(|(_, shape)| !shape.contains(&Some(0))).collect()
    }

    /// Their names with their shapes for so many rows of candidates.
    pub(super) fn shapes(&self, rows: usize) -> Vec<(String, Vec<usize>)> {
        let concrete =
            |shape: Vec<Option<usize>>| shape.into_iter().map(|size| size.unwrap_or(rows)).collect();
        self.inputs().into_iter().map(|(name, shape)| (name.to_owned(), concrete(shape))).collect()
    }

    /// Refuses inputs of other shapes.
    ///
    /// # Errors
    /// `model_inputs_mismatch`.
    pub(super) fn check(&self, inputs: &Inputs) -> Result<()> {
        let lengths = [
            (names::CANDIDATES, inputs.candidates.len(), inputs.count.saturating_mul(self.candidate)),
            (names::LIVE, inputs.live.len(), inputs.count.saturating_mul(self.live)),
            (names::EVENTS, inputs.events.len(), self.slots.saturating_mul(self.event)),
            (names::MASK, inputs.mask.len(), self.slots),
            (names::CONTEXT, inputs.context.len(), self.context),
        ];
        match lengths.into_iter().find(|(_, found, wanted)| found != wanted) {
            None => Ok(()),
            Some((name, found, wanted)) => {
                let detail = format!("{found} numbers in {name:?}, wanted are {wanted}.");
                Err(Error::new(Code::ModelInputsMismatch, detail))
            }
        }
    }
}

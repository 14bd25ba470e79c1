//! From session, candidates and context to the numbers a scorer takes.

use std::collections::BTreeMap;

use super::column::Column;
use super::live::Live;
use super::session::Session;
use super::source::{CANDIDATE, CandidateSource};
use super::transform::Raw;
use super::{Schema, similarity};
use crate::pack::{Candidate, VerifiedPack};
use crate::session::State;

/// A scorer's inputs, row-major, in the schema's column order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// Number of candidates, C.
    pub count: usize,
    /// f32 `[C, candidate width]`, in the pack's order; the same as long as the pack is.
    pub candidates: Vec<f32>,
    /// f32 `[C, live width]`: what the session says about each.
    pub live: Vec<f32>,
    /// f32 `[slots, event width]`, newest event first.
    pub events: Vec<f32>,
    /// f32 `[slots]`: 1 where a slot holds an event.
    pub mask: Vec<f32>,
    /// f32 `[context width]`.
    pub context: Vec<f32>,
}

impl Inputs {
    /// Inputs of `count` candidates about which nothing is known: zeros of the schema's shapes.
    #[must_use]
    pub fn zeros(schema: &Schema, count: usize) -> Self {
        Self {
            count,
            candidates: vec![0.0; count * schema.candidate_width()],
            live: vec![0.0; count * schema.live_width()],
            events: vec![0.0; schema.slots * schema.event_width()],
            mask: vec![0.0; schema.slots],
            context: vec![0.0; schema.context_width()],
        }
    }
}

/// Fills [`Inputs`] for one pack; what depends only on the candidates is computed once.
#[derive(Debug, Clone)]
pub struct Assembler {
    schema: Schema,
    live: Live,
    session: Session,
    inputs: Inputs,
}

impl Assembler {
    /// Computes everything that does not change while `pack` is in use.
    #[must_use]
    pub fn new(schema: Schema, pack: &VerifiedPack) -> Self {
        let candidates = pack.candidates();
        let mut inputs = Inputs::zeros(&schema, candidates.len());
        let columns = Column::resolve(&schema.candidate, CANDIDATE, schema.dimension);
        let rows = inputs.candidates.chunks_exact_mut(schema.candidate_width().max(1));
        for (row, candidate) in rows.zip(candidates) {
            columns.iter().for_each(|column| write_candidate(column, candidate, pack.user(), row));
        }
        Self { live: Live::new(&schema, candidates), session: Session::new(&schema), schema, inputs }
    }

    /// The schema it follows.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The inputs as they are; of a new assembler, those of the candidates alone.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The inputs after the session's last event; `pack` is the one this was made for.
    pub fn assemble(
        &mut self,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> &Inputs {
        let inputs = &mut self.inputs;
        self.live.write(pack, state, &mut inputs.live);
        self.session.write_events(state, &mut inputs.events, &mut inputs.mask);
        self.session.write_context(state, context, &mut inputs.context);
        inputs
    }

    /// Zeros in place of what the last session said; what the candidates alone say stays.
    #[cfg(feature = "encode")]
    pub(crate) fn forget_session(&mut self) {
        let Inputs { live, events, mask, context, count: _, candidates: _ } = &mut self.inputs;
        [live, events, mask, context].into_iter().for_each(|table| table.fill(0.0));
    }

    /// The inputs of some of the candidates, by their places in the pack, in this order: `candidates` stays empty, as a
    /// scorer that was prepared knows them. What [`Assembler::inputs`] gives stays as it is.
    pub(crate) fn assemble_some(
        &self,
        pack: &VerifiedPack,
        rows: &[usize],
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> Inputs {
        let mut inputs = Inputs::zeros(&self.schema, rows.len());
        inputs.candidates = Vec::new();
        let some: Vec<&Candidate> = rows.iter().filter_map(|&row| pack.candidates().get(row)).collect();
        self.live.write_some(&some, state, &mut inputs.live);
        self.session.write_events(state, &mut inputs.events, &mut inputs.mask);
        self.session.write_context(state, context, &mut inputs.context);
        inputs
    }
}

fn write_candidate(column: &Column<CandidateSource>, candidate: &Candidate, user: &[f32], row: &mut [f32]) {
    let raw = match column.source {
        CandidateSource::Vector => return column.copy(&candidate.vector, row),
        CandidateSource::UserSimilarity => Raw::Number(similarity(user, &candidate.vector)),
        CandidateSource::RefreshScore => Raw::Number(candidate.score),
        CandidateSource::Column => candidate.columns.get(&column.argument).map_or(Raw::Absent, Raw::Number),
    };
    column.write(raw, row);
}

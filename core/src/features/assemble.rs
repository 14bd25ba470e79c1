//! From session, candidates and context to the numbers a scorer takes.

use std::collections::BTreeMap;

use super::schema::Schema;
use super::similarity;
use super::transform::Raw;
use crate::pack::{Candidate, VerifiedPack};
use crate::session::{Remembered, State};

/// A scorer's inputs, row-major, in the schema's column order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// Number of candidates, C.
    pub count: usize,
    /// f32 `[C, candidate width]`, in the pack's order.
    pub candidates: Vec<f32>,
    /// f32 `[slots, event width]`, newest event first.
    pub events: Vec<f32>,
    /// f32 `[slots]`: 1 where a slot holds an event.
    pub mask: Vec<f32>,
    /// f32 `[context width]`.
    pub context: Vec<f32>,
}

/// Fills [`Inputs`] for one pack; what depends only on the candidates is computed once.
#[derive(Debug, Clone)]
pub struct Assembler {
    schema: Schema,
    inputs: Inputs,
    user_similarity: Vec<f32>,
}

impl Assembler {
    /// Computes everything that does not change while `pack` is in use.
    #[must_use]
    pub fn new(schema: Schema, pack: &VerifiedPack) -> Self {
        let user_similarity: Vec<f32> =
            pack.candidates().iter().map(|candidate| similarity(pack.user(), &candidate.vector)).collect();
        let width = schema.candidate_width();
        let mut inputs = Inputs {
            count: pack.candidates().len(),
            candidates: vec![0.0; pack.candidates().len() * width],
            events: vec![0.0; schema.slots * schema.event_width()],
            mask: vec![0.0; schema.slots],
            context: vec![0.0; schema.context_width()],
        };
        for (row, candidate) in inputs.candidates.chunks_exact_mut(width.max(1)).zip(pack.candidates()) {
            write_fixed(&schema, candidate, row);
        }
        Self { schema, inputs, user_similarity }
    }

    /// The schema it follows.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The inputs after the session's last event.
    pub fn assemble(
        &mut self,
        pack: &VerifiedPack,
        state: &State,
        context: &BTreeMap<String, String>,
    ) -> &Inputs {
        let live = Live::of(state);
        let width = self.schema.candidate_width().max(1);
        let rows = self.inputs.candidates.chunks_exact_mut(width);
        for ((row, candidate), similarity) in rows.zip(pack.candidates()).zip(&self.user_similarity) {
            write_live(&self.schema, candidate, *similarity, &live, row);
        }
        self.write_events(state);
        self.write_context(state, context);
        &self.inputs
    }

    fn write_events(&mut self, state: &State) {
        let width = self.schema.event_width();
        self.inputs.mask.fill(0.0);
        self.inputs.events.fill(0.0);
        if width == 0 {
            return;
        }
        let rows = self.inputs.events.chunks_exact_mut(width).zip(&mut self.inputs.mask);
        for ((row, mask), event) in rows.zip(state.remembered().rev()) {
            *mask = 1.0;
            write_event(&self.schema, event, row);
        }
    }

    fn write_context(&mut self, state: &State, context: &BTreeMap<String, String>) {
        let mut columns = self.inputs.context.as_mut_slice();
        for feature in &self.schema.context {
            let (these, rest) = columns.split_at_mut(feature.transform.width());
            let raw = match feature.source.as_str() {
                "session_events" => Raw::Number(state.remembered().count() as f32),
                "session_negative_share" => Raw::Number(state.negative_share()),
                source => source
                    .strip_prefix("context:")
                    .and_then(|name| context.get(name))
                    .map_or(Raw::Absent, |text| Raw::Text(text)),
            };
            feature.transform.write(raw, these);
            columns = rest;
        }
    }
}

/// The columns of one remembered event: `row` has the schema's event width. Training writes them with this too.
fn write_event(schema: &Schema, event: &Remembered, mut row: &mut [f32]) {
    for feature in &schema.event {
        let (columns, rest) = row.split_at_mut(schema.width(&feature.source, &feature.transform));
        match feature.source.as_str() {
            "vector" => copy(&event.vector, columns),
            "kind" => feature.transform.write(Raw::Text(event.kind.name()), columns),
            source => feature.transform.write(event_number(source, event), columns),
        }
        row = rest;
    }
}

fn event_number<'a>(source: &str, event: &Remembered) -> Raw<'a> {
    match source {
        "strength" => Raw::Number(event.strength),
        "played_seconds" => event.played_ms.map_or(Raw::Absent, |played| Raw::Number(played as f32 / 1000.0)),
        "played_fraction" => match (event.played_ms, event.total_ms) {
            (Some(played), Some(total)) if total > 0 => Raw::Number((played as f32 / total as f32).min(1.0)),
            _ => Raw::Absent,
        },
        "position" => event.position.map_or(Raw::Absent, |position| Raw::Number(position as f32)),
        _ => Raw::Absent,
    }
}

fn write_fixed(schema: &Schema, candidate: &Candidate, mut row: &mut [f32]) {
    for feature in &schema.candidate {
        let (columns, rest) = row.split_at_mut(schema.width(&feature.source, &feature.transform));
        if feature.source == "vector" {
            copy(&candidate.vector, columns);
        } else if feature.source == "refresh_score" {
            feature.transform.write(Raw::Number(candidate.score), columns);
        } else if let Some(name) = feature.source.strip_prefix("column:") {
            let raw = candidate.columns.get(name).map_or(Raw::Absent, |number| Raw::Number(*number));
            feature.transform.write(raw, columns);
        }
        row = rest;
    }
}

/// What the session says about any candidate.
struct Live<'a> {
    state: &'a State,
    interest: Vec<f32>,
    aversion: Vec<f32>,
    last_positive: &'a [f32],
    last_negative: &'a [f32],
}

impl<'a> Live<'a> {
    fn of(state: &'a State) -> Self {
        let last = |wanted: fn(&&Remembered) -> bool| {
            state.remembered().rev().find(wanted).map_or(&[][..], |event| event.vector.as_slice())
        };
        Self {
            state,
            interest: state.interest(),
            aversion: state.aversion(),
            last_positive: last(|event| event.strength > 0.0),
            last_negative: last(|event| event.strength < 0.0),
        }
    }

    fn number(&self, source: &str, candidate: &Candidate, user_similarity: f32) -> Option<f32> {
        Some(match source {
            "user_similarity" => user_similarity,
            "interest_similarity" => similarity(&self.interest, &candidate.vector),
            "aversion_similarity" => similarity(&self.aversion, &candidate.vector),
            "last_positive_similarity" => similarity(self.last_positive, &candidate.vector),
            "last_negative_similarity" => similarity(self.last_negative, &candidate.vector),
            "creator_affinity" => self.state.creator_affinity(&candidate.creator),
            "category_affinity" => self.state.category_affinity(&candidate.categories),
            "impressions" => self.state.impressions(&candidate.item) as f32,
            _ => return None,
        })
    }
}

fn write_live(
    schema: &Schema,
    candidate: &Candidate,
    user_similarity: f32,
    live: &Live<'_>,
    mut row: &mut [f32],
) {
    for feature in &schema.candidate {
        let (columns, rest) = row.split_at_mut(schema.width(&feature.source, &feature.transform));
        if let Some(number) = live.number(&feature.source, candidate, user_similarity) {
            feature.transform.write(Raw::Number(number), columns);
        }
        row = rest;
    }
}

/// Vectors of another model's dimension are no use: they leave zeros.
fn copy(vector: &[f32], columns: &mut [f32]) {
    match vector.len() == columns.len() {
        true => columns.copy_from_slice(vector),
        false => columns.fill(0.0),
    }
}

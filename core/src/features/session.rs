//! The `event` and `context` columns: the remembered events, newest first, and the request's circumstances.

use std::collections::BTreeMap;

use super::Schema;
use super::column::Column;
use super::source::{CONTEXT, ContextSource, EVENT, EventSource};
use super::transform::Raw;
use crate::session::{Remembered, State};

/// Writes what does not depend on candidates.
#[derive(Debug, Clone)]
pub(super) struct Session {
    event: Vec<Column<EventSource>>,
    width: usize,
    context: Vec<Column<ContextSource>>,
}

impl Session {
    pub(super) fn new(schema: &Schema) -> Self {
        Self {
            event: Column::resolve(&schema.event, EVENT, schema.dimension),
            width: schema.event_width().max(1),
            context: Column::resolve(&schema.context, CONTEXT, schema.dimension),
        }
    }

    /// Writes f32 `[slots, event width]` and f32 `[slots]`; slots without an event are zero.
    pub(super) fn write_events(&self, state: &State, rows: &mut [f32], mask: &mut [f32]) {
        rows.fill(0.0);
        mask.fill(0.0);
        mask.iter_mut().zip(state.remembered()).for_each(|(used, _)| *used = 1.0);
        for (row, event) in rows.chunks_exact_mut(self.width).zip(state.remembered().rev()) {
            self.event.iter().for_each(|column| write_event(column, event, row));
        }
    }

    /// Writes f32 `[context width]`.
    pub(super) fn write_context(&self, state: &State, context: &BTreeMap<String, String>, row: &mut [f32]) {
        for column in &self.context {
            let raw = match column.source {
                ContextSource::SessionEvents => Raw::Number(state.remembered().count() as f32),
                ContextSource::SessionNegativeShare => Raw::Number(state.negative_share()),
                ContextSource::SessionFocus => Raw::Number(state.focus()),
                ContextSource::SessionDiscovery => Raw::Number(state.discovery()),
                ContextSource::SessionDrift => Raw::Number(state.drift()),
                ContextSource::Context => {
                    context.get(&column.argument).map_or(Raw::Absent, |text| Raw::Text(text))
                }
            };
            column.write(raw, row);
        }
    }
}

fn write_event(column: &Column<EventSource>, event: &Remembered, row: &mut [f32]) {
    let number = |number: Option<f32>| number.map_or(Raw::Absent, Raw::Number);
    let raw = match column.source {
        EventSource::Vector => return column.copy(&event.vector, row),
        EventSource::Kind => Raw::Text(event.kind.name()),
        EventSource::Strength => Raw::Number(event.strength),
        EventSource::PlayedSeconds => number(event.played_ms.map(|played| played as f32 / 1000.0)),
        EventSource::PlayedFraction => number(played_fraction(event)),
        EventSource::Position => number(event.position.map(|position| position as f32)),
    };
    column.write(raw, row);
}

fn played_fraction(event: &Remembered) -> Option<f32> {
    let total = event.total_ms.filter(|total| *total > 0)?;
    Some((event.played_ms? as f32 / total as f32).min(1.0))
}

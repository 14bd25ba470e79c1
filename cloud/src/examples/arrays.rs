//! The arrays that the session ranker learns from.
//!
//! | file | holds |
//! |---|---|
//! | `schema.json` | the feature schema that the arrays follow |
//! | `candidates.npy` f32 `[B, C, Fc]` | the candidates of each step: what is fixed while a pack is in use |
//! | `live.npy` f32 `[B, C, Fl]` | what the session says about each |
//! | `labels.npy` f32 `[B, C, H]` | what is known of each by the schema's heads, amounts in their unit; NaN where nothing is |
//! | `events.npy` f32 `[rows, Fe]` | the events before each step, newest first |
//! | `offsets.npy` i32 `[B + 1]` | where each step's events begin and end |
//! | `context.npy` f32 `[B, K]` | the context of each step |
//! | `groups.npy` i32 `[B]` | whose session it is |
//!
//! Beside them lies what is told of the steps ([`Circumstances`]).

use std::path::Path;

use anyhow::Context;
use segue_core::features::{Head, Inputs, Schema};

use super::circumstances::{Circumstances, Told};
use super::npy;
use super::schema::HEADS;
use super::window::Waited;

/// What is known of one candidate by head; NaN where nothing is.
pub(super) type Labels = [f32; HEADS.len()];

/// Steps in order, each with the same number of candidate rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrays {
    schema: Schema,
    rows: usize,
    pub(super) candidates: Vec<f32>,
    pub(super) live: Vec<f32>,
    pub(super) labels: Vec<Labels>,
    pub(super) events: Vec<f32>,
    pub(super) counts: Vec<u32>,
    pub(super) context: Vec<f32>,
    groups: Vec<u32>,
    circumstances: Circumstances,
    /// What was waited for.
    pub(super) waited: Waited,
}

impl Arrays {
    pub(super) fn new(schema: &Schema, rows: usize) -> Self {
        Self {
            schema: schema.clone(),
            rows,
            candidates: Vec::new(),
            live: Vec::new(),
            labels: Vec::new(),
            events: Vec::new(),
            counts: Vec::new(),
            context: Vec::new(),
            groups: Vec::new(),
            circumstances: Circumstances::default(),
            waited: Waited::default(),
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.groups.len()
    }

    /// Adds a step of `group` with the first of these places of `inputs`.
    pub(super) fn push(&mut self, inputs: &Inputs, places: &[(usize, Labels)], group: u32) {
        let (width, live) = (self.schema.candidate_width(), self.schema.live_width());
        for (place, labels) in places.iter().take(self.rows) {
            self.candidates.extend(&inputs.candidates[place * width..][..width]);
            self.live.extend(&inputs.live[place * live..][..live]);
            self.labels.push(*labels);
        }
        self.groups.push(group);
        let rows = self.groups.len() * self.rows;
        self.candidates.resize(rows * width, 0.0);
        self.live.resize(rows * live, 0.0);
        self.labels.resize(rows, [f32::NAN; HEADS.len()]);
        let used = inputs.mask.iter().filter(|slot| **slot > 0.0).count();
        self.events.extend(&inputs.events[..used * self.schema.event_width()]);
        self.counts.push(used as u32);
        self.context.extend(&inputs.context);
        self.circumstances.begin(self.rows);
    }

    /// Notes what is told of the last step, whose candidates are `items` and where `right` is among them.
    pub(super) fn tell<'a>(&mut self, told: &Told<'_>, items: impl Iterator<Item = &'a str>, right: &[&str]) {
        self.circumstances.tell(self.rows, told, items, right);
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.candidates.append(&mut other.candidates);
        self.live.append(&mut other.live);
        self.labels.append(&mut other.labels);
        self.events.append(&mut other.events);
        self.counts.append(&mut other.counts);
        self.context.append(&mut other.context);
        self.groups.append(&mut other.groups);
        self.circumstances.append(&mut other.circumstances);
        self.waited.add(other.waited);
    }

    /// Writes the files into `out`.
    pub(super) fn write(&self, out: &Path) -> anyhow::Result<()> {
        let (schema, steps) = (&self.schema, self.steps());
        let mut offsets = vec![0];
        offsets.extend(self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let rows = offsets[steps] as usize;
        let shape = |width: usize| [steps, self.rows, width];
        npy::write_floats(out, "candidates", &shape(schema.candidate_width()), &self.candidates)?;
        npy::write_floats(out, "live", &shape(schema.live_width()), &self.live)?;
        let place = |head: &Head| HEADS.iter().position(|name| *name == head.name);
        let places: Vec<Option<usize>> = schema.heads.iter().map(place).collect();
        let of = |labels: &Labels| {
            places.iter().map(|at| at.map_or(f32::NAN, |at| labels[at])).collect::<Vec<_>>()
        };
        let labels: Vec<f32> = self.labels.iter().flat_map(of).collect();
        npy::write_floats(out, "labels", &shape(places.len()), &labels)?;
        npy::write_floats(out, "events", &[rows, schema.event_width()], &self.events)?;
        npy::write_integers(out, "offsets", &[steps + 1], &offsets)?;
        npy::write_floats(out, "context", &[steps, schema.context_width()], &self.context)?;
        npy::write_integers(out, "groups", &[steps], &self.groups)?;
        self.circumstances.write(out, self.rows)?;
        std::fs::write(out.join("schema.json"), serde_json::to_vec_pretty(schema)?)
            .context("cannot write schema.json")
    }
}

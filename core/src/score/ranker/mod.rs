//! A trained ranker: its graph made a list of steps, cut in parts, run on fixed chunks of candidates.
//!
//! [`file`] reads the file, [`graph`] checks it, [`quantised`] makes weights in 8 bits f32, [`wiring`] and [`operators`]
//! turn it into [`steps`] for concrete shapes, [`rows`] and [`cut`] decide what is computed once per pack, once per event
//! and once per chunk, [`plan`] runs one part, and [`kernels`] are its arithmetic.

mod axes;
mod constant;
mod cut;
mod file;
mod graph;
mod kernels;
mod operators;
mod parts;
mod plan;
mod product;
mod protobuf;
mod quantised;
mod reduce;
mod rows;
mod steps;
#[cfg(test)]
mod tests;
mod view;
mod widths;
mod wiring;

use std::sync::Arc;

use self::cut::Cut;
use self::graph::Graph;
use self::parts::Parts;
use self::plan::{Scratch, padded};
use self::widths::Widths;
#[cfg(doc)]
use super::names;
use super::{Kept, Scorer};
use crate::budget::Budget;
use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};

/// Candidates scored at a time: one work unit.
const CHUNK: usize = 128;

/// A ranker (ONNX) on the core's own operators.
pub struct RankerScorer {
    graph: Arc<Graph>,
    widths: Widths,
    cut: Cut,
    parts: Parts,
    /// What the pack part said about each chunk of the pack.
    pack: Option<Kept>,
    scratch: Scratch,
}

impl RankerScorer {
    /// Reads a model, checks it against its schema and builds its plans.
    ///
    /// Inputs and output are those of [`names`]; a table without columns has no input. The supported operators are
    /// listed in `docs/FEATURES.md`.
    ///
    /// # Errors
    /// `too_large`, `model_damaged`, `model_operator_unknown`, `model_inputs_mismatch`.
    pub fn new(bytes: &[u8], schema: &Schema) -> Result<Self> {
        Self::of(bytes, Widths::of(schema))
    }

    fn of(bytes: &[u8], widths: Widths) -> Result<Self> {
        let graph = Graph::read(bytes, &widths.inputs())?;
        let cut = Cut::find(&graph, widths, CHUNK)?;
        let parts = Parts::new(&graph, &cut, widths, CHUNK)?;
        Ok(Self { graph: Arc::new(graph), widths, cut, parts, pack: None, scratch: Scratch::default() })
    }

    /// Another scorer with the same plans, which are not built again, and without prepared candidates.
    #[must_use]
    pub fn share(&self) -> Self {
        let (graph, cut, parts) = (Arc::clone(&self.graph), self.cut.clone(), self.parts.clone());
        Self { graph, widths: self.widths, cut, parts, pack: None, scratch: Scratch::default() }
    }

    /// Builds plans for all candidates at once where the model compares them with each other.
    fn fit(&mut self, count: usize) -> Result<()> {
        let rows = if self.cut.by_chunks { CHUNK } else { count.max(1) };
        if rows != self.parts.rows {
            self.parts = Parts::new(&self.graph, &self.cut, self.widths, rows)?;
        }
        Ok(())
    }
}

impl Scorer for RankerScorer {
    fn prepare(&mut self, inputs: &Inputs) -> Result<()> {
        self.pack = None;
        self.widths.check(inputs)?;
        self.fit(inputs.count)?;
        let Self { parts, scratch, widths, .. } = self;
        let width = widths.candidate;
        let chunks = (0..inputs.count.div_ceil(parts.rows))
            .map(|at| parts.pack(chunk(&inputs.candidates, parts.rows * width, at), width, scratch))
            .collect::<Result<_>>()?;
        self.pack = Some(Kept { count: inputs.count, chunks });
        Ok(())
    }

    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        self.widths.check(inputs)?;
        // Another pack's values may have been taken up since.
        self.fit(inputs.count)?;
        let pack = self.pack.as_ref().filter(|pack| pack.count == inputs.count);
        let chunks = &pack.ok_or_else(unprepared)?.chunks;
        let session = self.parts.session(inputs, self.widths, &mut self.scratch)?;
        let mut heads = Vec::with_capacity(inputs.count * self.widths.heads);
        let width = self.widths.live;
        for (at, kept) in chunks.iter().enumerate() {
            if !budget.take() {
                break;
            }
            let known = kept.iter().chain(&session);
            let live = chunk(&inputs.live, self.parts.rows * width, at);
            heads.extend(self.parts.cross(known, live, width, &mut self.scratch)?);
        }
        heads.truncate(inputs.count * self.widths.heads);
        Ok(heads)
    }

    fn score_some(&mut self, rows: &[usize], inputs: &Inputs) -> Result<Option<Vec<f32>>> {
        if !self.cut.by_chunks {
            return Ok(None);
        }
        let pack = self.pack.as_ref().ok_or_else(unprepared)?;
        let session = self.parts.session(inputs, self.widths, &mut self.scratch)?;
        let mut heads = Vec::with_capacity(rows.len() * self.widths.heads);
        let width = self.widths.live;
        for (at, rows) in rows.chunks(self.parts.rows).enumerate() {
            let kept = pack.rows(rows, self.parts.rows)?;
            let live = chunk(&inputs.live, self.parts.rows * width, at);
            let answer = self.parts.cross(kept.iter().chain(&session), live, width, &mut self.scratch)?;
            heads.extend(answer.iter().take(rows.len() * self.widths.heads));
        }
        Ok(Some(heads))
    }

    fn exchange(&mut self, kept: Option<Kept>) -> Option<Kept> {
        std::mem::replace(&mut self.pack, kept)
    }
}

impl Kept {
    /// What is kept of these candidates, in chunks of `size` rows.
    fn rows(&self, rows: &[usize], size: usize) -> Result<Vec<Vec<f32>>> {
        let kept = self.chunks.first().map_or(0, Vec::len);
        (0..kept).map(|value| gathered(&self.chunks, value, rows, size)).collect()
    }
}

fn unprepared() -> Error {
    Error::new(Code::ModelInputsMismatch, "these candidates were not prepared.")
}

/// Rows of one of the values of each chunk, then zeros.
fn gathered(chunks: &[Vec<Vec<f32>>], value: usize, rows: &[usize], size: usize) -> Result<Vec<f32>> {
    let of = |chunk: usize| chunks.get(chunk).and_then(|chunk| chunk.get(value)).ok_or_else(unprepared);
    let length = of(0)?.len();
    let width = length / size;
    let mut gathered = Vec::with_capacity(length);
    for &row in rows {
        let from = row % size * width;
        gathered.extend_from_slice(of(row / size)?.get(from..from + width).ok_or_else(unprepared)?);
    }
    Ok(padded(length, &gathered)?.into_owned())
}

/// The chunk of a table in this place; the last one may be shorter than `size`.
fn chunk(table: &[f32], size: usize, at: usize) -> &[f32] {
    let rest = table.get(at.saturating_mul(size)..).unwrap_or_default();
    rest.get(..size).unwrap_or(rest)
}

impl std::fmt::Debug for RankerScorer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RankerScorer")
            .field("widths", &self.widths)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

//! The ranker on tract: its graph wired by hand, cut in parts, run on fixed chunks of candidates.
//!
//! [`file`] reads the file, [`graph`] checks it, [`wiring`] and [`operators`] build tract's graph for concrete shapes, [`rows`]
//! and [`cut`] decide what is computed once per pack, once per event and once per chunk, [`plan`] runs one part.

mod axes;
mod constant;
mod cut;
mod file;
mod graph;
mod operators;
mod parts;
mod plan;
mod product;
mod protobuf;
mod reduce;
mod rows;
#[cfg(test)]
mod tests;
mod widths;
mod wiring;

use self::cut::Cut;
use self::graph::Graph;
use self::parts::Parts;
use self::plan::{Value, numbers};
use self::widths::Widths;
use super::Scorer;
#[cfg(doc)]
use super::names;
use crate::budget::Budget;
use crate::error::{Code, Error, Result};
use crate::features::{Inputs, Schema};

/// Candidates scored at a time: one work unit.
const CHUNK: usize = 128;

/// A ranker (ONNX) on tract.
pub struct TractScorer {
    graph: Graph,
    widths: Widths,
    cut: Cut,
    parts: Parts,
    pack: Option<Pack>,
}

/// What the pack part said about each chunk of a pack.
struct Pack {
    count: usize,
    chunks: Vec<Vec<Value>>,
}

impl TractScorer {
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
        Ok(Self { graph, widths, cut, parts, pack: None })
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

impl Scorer for TractScorer {
    fn prepare(&mut self, inputs: &Inputs) -> Result<()> {
        self.pack = None;
        self.widths.check(inputs)?;
        self.fit(inputs.count)?;
        let width = self.widths.candidate;
        let chunks = (0..inputs.count.div_ceil(self.parts.rows))
            .map(|at| self.parts.pack(chunk(&inputs.candidates, self.parts.rows * width, at), width))
            .collect::<Result<_>>()?;
        self.pack = Some(Pack { count: inputs.count, chunks });
        Ok(())
    }

    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        self.widths.check(inputs)?;
        let pack = self.pack.as_ref().filter(|pack| pack.count == inputs.count);
        let unprepared = || Error::new(Code::ModelInputsMismatch, "these candidates were not prepared.");
        let chunks = &pack.ok_or_else(unprepared)?.chunks;
        let session = self.parts.session(inputs, self.widths)?;
        let mut heads = Vec::with_capacity(inputs.count * self.widths.heads);
        let width = self.widths.live;
        for (at, kept) in chunks.iter().enumerate() {
            if !budget.take() {
                break;
            }
            let known = kept.iter().chain(&session).cloned();
            let live = chunk(&inputs.live, self.parts.rows * width, at);
            let answer = self.parts.cross(known, live, width)?;
            heads.extend_from_slice(numbers(&answer)?);
        }
        heads.truncate(inputs.count * self.widths.heads);
        Ok(heads)
    }
}

/// The chunk of a table in this place; the last one may be shorter than `size`.
fn chunk(table: &[f32], size: usize, at: usize) -> &[f32] {
    let rest = table.get(at.saturating_mul(size)..).unwrap_or_default();
    rest.get(..size).unwrap_or(rest)
}

impl std::fmt::Debug for TractScorer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TractScorer")
            .field("widths", &self.widths)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

//! Cuts a ranker's graph in three by what its nodes depend on.
//!
//! The *pack part* depends on `candidates` alone and is computed once per pack, the *session part* on `events`, `mask`
//! and `context` alone and is computed once per event, and the *cross part* is the rest, computed per event on fixed
//! chunks of candidates. Real-time rankers split their work the same way (EdgeRec, arXiv 2005.08416, keeps what it
//! knows of candidates between requests). A graph that mixes candidates stays in one piece.

use std::collections::BTreeMap;

use super::graph::Graph;
use super::rows::Rows;
use super::widths::Widths;
use super::wiring::{Bounds, Wired, wire};
use crate::error::Result;
use crate::score::names;

/// Where the parts meet: names of values, each a model input or a node's output.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    /// What the cross part reads of the pack part, f32, candidates along the first axis.
    pub(super) pack: Vec<String>,
    /// What the cross part reads of the session part.
    pub(super) session: Vec<String>,
    /// Whether rows are independent, so that candidates may be scored in chunks.
    pub(super) by_chunks: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Pack,
    Session,
    Cross,
}

impl Cut {
    /// Cuts a graph, looking at it with so many rows.
    ///
    /// # Errors
    /// `model_inputs_mismatch`, `model_damaged`, `too_large`.
    pub(super) fn find(graph: &Graph, widths: Widths, rows: usize) -> Result<Self> {
        let sources = widths.shapes(rows);
        let names: Vec<String> = sources.iter().map(|(name, _)| name.clone()).collect();
        let wired = wire(graph, &Bounds { sources, outputs: vec![names::HEADS.to_owned()] })?;
        Ok(match wired.values.get(names::HEADS).map(|heads| heads.rows) {
            Some(Rows::Along(0)) => Self::between(graph, &wired, &names),
            _ => Self::whole(&names),
        })
    }

    /// Everything in the cross part, all candidates at once.
    pub(super) fn whole(inputs: &[String]) -> Self {
        let of = |part| inputs.iter().filter(|name| part_of(name) == part).cloned().collect();
        Self { pack: of(Part::Pack), session: of(Part::Session), by_chunks: false }
    }

    /// The cut of a graph that mixes no candidates.
    fn between(graph: &Graph, wired: &Wired, inputs: &[String]) -> Self {
        let mut parts: BTreeMap<&str, Part> =
            inputs.iter().map(|name| (name.as_str(), part_of(name))).collect();
        let mut cut = Self { pack: Vec::new(), session: Vec::new(), by_chunks: true };
        for node in &graph.nodes {
            let Some(value) = wired.values.get(&node.output) else { continue };
            let read = node.inputs.iter().filter_map(|name| Some((name, *parts.get(name.as_str())?)));
            let read: Vec<(&String, Part)> = read.collect();
            let all = |part| read.iter().all(|(_, of)| *of == part);
            let part = match read.is_empty() {
                true => continue,
                false if all(Part::Session) => Part::Session,
                false if all(Part::Pack) && value.rows == Rows::Along(0) => Part::Pack,
                false => Part::Cross,
            };
            parts.insert(&node.output, part);
            if part == Part::Cross {
                read.iter().for_each(|(name, of)| cut.cross(name, *of));
            }
        }
        if let Some(part) = parts.get(names::HEADS) {
            cut.cross(names::HEADS, *part);
        }
        cut
    }

    /// Notes that the cross part reads this value.
    fn cross(&mut self, name: &str, part: Part) {
        let list = match part {
            Part::Pack => &mut self.pack,
            Part::Session => &mut self.session,
            Part::Cross => return,
        };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
}

/// The part that an input belongs to.
fn part_of(input: &str) -> Part {
    match input {
        names::CANDIDATES => Part::Pack,
        names::LIVE => Part::Cross,
        _ => Part::Session,
    }
}

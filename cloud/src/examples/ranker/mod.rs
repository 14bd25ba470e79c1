//! What the session ranker learns from: steps of training sessions, as the core feeds them to the ranker
//! (`Arrays`).
//!
//! A step is a question as the judge asks it, about a training session: with the candidates that were logged where there are
//! any, else the next item that did well and the one that was really played among others that would have been offered.

mod people;
mod writer;

use std::path::{Path, PathBuf};

use anyhow::Context;
use segue_core::policy::Policy;
use serde::Serialize;

use self::people::vectors;
use self::writer::Writer;
use super::arrays::Arrays;
use super::choice::CANDIDATES;
use super::window::{Waited, Window};
use super::{Snapshot, programs};
use crate::candidates::CandidateFacts;
use crate::catalog::Catalogue;
use crate::evaluate::LabelRules;

/// Most sessions that are learned from.
const SESSIONS: usize = 20_000;
/// Steps that are aimed at.
const STEPS: usize = 40_000;

/// What makes the vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retrieval {
    /// The folder with `item_tower.onnx` and `user_tower.onnx`.
    Towers(PathBuf),
    /// The folder with `N/vectors.npy` for each part of the sessions ([`super::baskets`]).
    Baskets(PathBuf),
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Sessions learned from.
    pub sessions: usize,
    /// Steps written.
    pub steps: usize,
    /// Steps left out because the right item would not have been retrieved.
    pub not_retrieved: usize,
    /// Sessions left out because a program did them, as for the towers.
    pub sessions_automatic: usize,
    /// Candidates shown and not taken up within the label window: they are refused.
    pub refused: usize,
    /// Candidates taken up later than their list: they are no negatives.
    pub taken_up_late: usize,
    /// Candidates left out because their label window is not over.
    pub too_young: usize,
}

/// Writes the arrays into `out`, with the strengths of `policy`, which must be the one that is served, and its linear weights
/// as `linear.json`: what ranks without a ranker is where one starts from. `rules` say what is right and what became of it.
///
/// # Errors
/// When there is nothing to learn from, the vectors do not fit, or a file cannot be written.
pub fn write(
    catalogue: &Catalogue,
    policy: &Policy,
    retrieval: &Retrieval,
    rules: &LabelRules,
    out: &Path,
) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let snapshots = match retrieval {
        Retrieval::Towers(_) => vec![Snapshot::new(catalogue)?],
        Retrieval::Baskets(_) => Snapshot::parts(catalogue)?,
    };
    let mut summary = Summary::default();
    let window = Window::of(catalogue, rules);
    let mut all: Option<Arrays> = None;
    for (at, snapshot) in snapshots.iter().enumerate() {
        let mut sessions = snapshot.sessions(catalogue, SESSIONS / snapshots.len());
        summary.sessions_automatic += programs::leave_out(catalogue, &mut sessions);
        let (vectors, users) = vectors(catalogue, snapshot, &sessions, retrieval, at)?;
        let facts = CandidateFacts::new(catalogue, snapshot.known.iter().copied(), snapshot.time_ms);
        let writer = match retrieval {
            Retrieval::Towers(_) => {
                Writer::of_towers(catalogue, policy, rules, &facts, &vectors, &snapshot.counts)
            }
            Retrieval::Baskets(_) => Writer::new(catalogue, policy, rules, &facts, &vectors),
        };
        let writer = writer.waiting(window.as_ref());
        for (part, not_retrieved) in writer.sessions(snapshot, &sessions, &users, STEPS / snapshots.len())? {
            summary.not_retrieved += not_retrieved;
            all.get_or_insert_with(|| Arrays::new(&writer.schema, CANDIDATES)).append(part);
        }
        summary.sessions += sessions.len();
    }
    let all = all.filter(|all| all.steps() > 0);
    let all = all.context("no training session has a step whose next item would have been retrieved")?;
    all.write(out)?;
    std::fs::write(out.join("linear.json"), serde_json::to_vec(&policy.linear)?)?;
    let Waited { refused, late: taken_up_late, young: too_young } = all.waited;
    Ok(Summary { steps: all.steps(), refused, taken_up_late, too_young, ..summary })
}

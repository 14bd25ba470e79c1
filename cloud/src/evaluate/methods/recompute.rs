//! What a server that makes everything anew could do: after every event the person's vector is made anew, candidates are
//! retrieved anew, and the same ranker orders them with the whole session. Meant as a ceiling, and no bound: the ranker did
//! not learn from people whose vector moves.

use std::collections::BTreeSet;

use anyhow::Context;
use segue_core::engine::Engine;

use super::engines::{engine, items, ranked};
use super::{Method, PLACES, Question, Ranked, Stage};
use crate::evaluate::ScorerKind;
use crate::refresh::{KEPT, Viewer};
use crate::towers::history::{Signal, feedback_weight};
use crate::towers::person::PersonEncoder;

/// Retrieval and ranking after every event.
pub(super) struct Recompute {
    engine: Engine,
    encoder: PersonEncoder,
}

impl Recompute {
    pub(super) fn new(stage: &Stage<'_>, kind: ScorerKind) -> anyhow::Result<Self> {
        let encoder = PersonEncoder::new(stage.catalogue(), &stage.histories, stage.model)?;
        Ok(Self { engine: engine(stage, kind)?, encoder })
    }

    /// The person's vector after the session's events; a stranger's before the first that says something.
    fn vector(&mut self, question: &Question<'_>) -> anyhow::Result<Option<Vec<f32>>> {
        let stage = question.stage;
        let said = session_signals(question);
        let before = question.sitting.viewer.user.map(|user| stage.histories.users[user].as_slice());
        let signals: Vec<Signal> = before.unwrap_or_default().iter().chain(&said).copied().collect();
        self.encoder.encode(&question.sitting.person, &signals, &stage.prepared.embeddings)
    }

    /// What is retrieved now; the candidates given, where they were.
    fn pool(&self, question: &Question<'_>, vector: &[f32]) -> Vec<(usize, f32)> {
        let stage = question.stage;
        let pool = match &question.task.candidates {
            Some(given) => given.clone(),
            None => stage.retrieve(&question.sitting.viewer, vector, 2 * KEPT),
        };
        let mut pool: BTreeSet<u32> = pool.into_iter().collect();
        // A server knows the vectors of everything the session was about.
        pool.extend(question.sitting.before(stage.catalogue(), question.task.known));
        pool.into_iter().map(|item| (item as usize, 0.0)).collect()
    }
}

/// What the session's events say, as the history has it.
fn session_signals(question: &Question<'_>) -> Vec<Signal> {
    let catalogue = question.stage.catalogue();
    // The history of data without a clock holds the person's one session already.
    let known =
        if question.stage.timed || question.sitting.viewer.user.is_none() { question.known() } else { &[] };
    let signal = |index: &u32| {
        let event = &catalogue.events[*index as usize];
        let (item, weight) = (catalogue.event_items[*index as usize]? as usize, feedback_weight(event));
        (weight != 0.0).then_some(Signal { item, time_ms: event.time_ms, weight })
    };
    known.iter().filter_map(signal).collect()
}

impl Method for Recompute {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let stage = question.stage;
        let fresh = self.vector(question)?;
        let embeddings = &stage.prepared.embeddings;
        let is_short = embeddings.dimension == stage.prepared.short.dimension;
        let carried = fresh.clone().filter(|_| is_short).unwrap_or_else(|| question.sitting.vector.clone());
        let query = match (fresh, question.sitting.viewer.user) {
            (Some(vector), _) => vector,
            (None, Some(user)) => embeddings.user(user).to_vec(),
            (None, None) if is_short => question.sitting.vector.clone(),
            (None, None) => vec![0.0; embeddings.dimension],
        };
        let nobody = Viewer::default();
        let viewer = if question.task.candidates.is_some() { &nobody } else { &question.sitting.viewer };
        let pack = stage.pack(viewer, &carried, &self.pool(question, &query))?;
        self.engine.begin(pack.pack.clone());
        for index in question.known() {
            let event = &stage.catalogue().events[*index as usize];
            self.engine.apply(event).with_context(|| format!("event {}", event.event_id))?;
        }
        let utilities = self.engine.utilities(&question.request(1))?;
        let slate = self.engine.rank(&question.request(2 * PLACES))?;
        Ok(ranked(question, &pack, &items(stage, &slate), &utilities))
    }
}

//! The shipped engine: with the ranker and the live session, with the ranker before the session, and without a ranker.

use anyhow::Context;
use segue_core::engine::{Engine, Slate};

use super::{Method, PLACES, Question, Ranked, Sitting, Stage, Weights, gbdt};
use crate::evaluate::ScorerKind;
use crate::evaluate::stage::Pack;

/// An engine for the stage's policy, with its ranker where it has one.
///
/// # Errors
/// When the ranker cannot be loaded.
pub(super) fn engine(stage: &Stage<'_>, kind: ScorerKind) -> anyhow::Result<Engine> {
    let ranking = &stage.prepared.ranking;
    let ranker = match &ranking.ranker {
        Some((model, schema)) => Some((schema.clone(), kind.open(model, schema)?)),
        None => None,
    };
    Ok(Engine::of_server(ranking.policy.clone(), ranker)?)
}

/// An engine that answers questions.
pub struct EngineMethod {
    engine: Engine,
    /// It hears of the session's events.
    listens: bool,
    /// Events that the engine has heard.
    applied: usize,
    /// The engine runs on the session's own pack.
    on_own_pack: bool,
    /// The answer of an engine that does not listen, for the session's own pack.
    fixed: Option<(Vec<u32>, Vec<f32>)>,
}

impl EngineMethod {
    /// The engine as it ships.
    ///
    /// # Errors
    /// When the ranker cannot be loaded.
    pub fn shipped(stage: &Stage<'_>, kind: ScorerKind) -> anyhow::Result<Self> {
        Ok(Self::of(engine(stage, kind)?, true))
    }

    /// The full ranker and the policy at refresh time, with an empty session.
    ///
    /// # Errors
    /// When the ranker cannot be loaded.
    pub fn before_the_session(stage: &Stage<'_>, kind: ScorerKind) -> anyhow::Result<Self> {
        Ok(Self::of(engine(stage, kind)?, false))
    }

    /// The policy's linear weights, or others, with the live session.
    ///
    /// # Errors
    /// When the weights name an unknown source.
    pub fn linear(stage: &Stage<'_>, weights: Option<&Weights>) -> anyhow::Result<Self> {
        let mut policy = stage.prepared.ranking.policy.clone();
        if let Some(weights) = weights {
            policy.linear.clone_from(weights);
        }
        Ok(Self::of(Engine::of_server(policy, None)?, true))
    }

    /// The model's boosted trees in place of its ranker, with the live session.
    ///
    /// # Errors
    /// When the model has none, or ONNX Runtime cannot be loaded.
    pub(super) fn trees(stage: &Stage<'_>) -> anyhow::Result<Self> {
        Ok(Self::of(gbdt::engine(stage)?, true))
    }

    fn of(engine: Engine, listens: bool) -> Self {
        Self { engine, listens, applied: 0, on_own_pack: false, fixed: None }
    }

    /// What each of these heads of the ranker says of the pack's candidates after the last question; nothing where there
    /// is no such head.
    ///
    /// # Errors
    /// When the ranker fails.
    pub fn heads(&mut self, question: &Question<'_>, names: &[&str]) -> anyhow::Result<Vec<Vec<f32>>> {
        // Reasons ask the model about sessions that did not happen, so it is asked again.
        self.engine.utilities(&question.request(1))?;
        Ok(names.iter().map(|name| self.engine.head(name)).collect())
    }

    fn hear(&mut self, question: &Question<'_>) -> anyhow::Result<()> {
        let events = &question.stage.catalogue().events;
        for index in &question.known()[self.applied..] {
            let event = &events[*index as usize];
            self.engine.apply(event).with_context(|| format!("event {}", event.event_id))?;
        }
        self.applied = question.task.known;
        Ok(())
    }

    fn answer(&mut self, question: &Question<'_>) -> anyhow::Result<(Vec<u32>, Vec<f32>)> {
        let utilities = self.engine.utilities(&question.request(1))?;
        let slate = self.engine.rank(&question.request(2 * PLACES))?;
        Ok((items(question.stage, &slate), utilities))
    }
}

/// The items of a list.
pub(super) fn items(stage: &Stage<'_>, slate: &Slate) -> Vec<u32> {
    let index = |item: &String| stage.catalogue().item_index(item).map(|index| index as u32);
    slate.places.iter().filter_map(|place| index(&place.item)).collect()
}

/// The list as far as it was asked for, and the scores of the pack.
pub(super) fn ranked(question: &Question<'_>, pack: &Pack, list: &[u32], utilities: &[f32]) -> Ranked {
    let is_asked = |item: &&u32| {
        let given = question.task.candidates.as_ref();
        !question.played.contains(item) && given.is_none_or(|given| given.binary_search(item).is_ok())
    };
    let list: Vec<u32> = list.iter().filter(is_asked).copied().take(PLACES).collect();
    Ranked { list, scores: pack.items.iter().copied().zip(utilities.iter().copied()).collect() }
}

impl Method for EngineMethod {
    fn begin(&mut self, _: &Stage<'_>, _: &Sitting<'_>) -> anyhow::Result<()> {
        self.on_own_pack = false;
        Ok(())
    }

    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let is_own = question.task.candidates.is_none();
        if !is_own || !self.on_own_pack {
            self.engine.begin(question.pack.pack.clone());
            self.applied = 0;
            self.fixed = None;
            self.on_own_pack = is_own;
        }
        if self.listens {
            self.hear(question)?;
            let (list, utilities) = self.answer(question)?;
            return Ok(ranked(question, question.pack, &list, &utilities));
        }
        if self.fixed.is_none() {
            self.fixed = Some(self.answer(question)?);
        }
        let (list, utilities) = self.fixed.as_ref().context("no answer")?;
        Ok(ranked(question, question.pack, list, utilities))
    }
}

//! What orders the candidates: the engine in its several states, and the simple methods it has to be better than.

mod counts;
mod engines;
mod factors;
mod gbdt;
mod logistic;
mod neighbours;
mod oracle;
mod recompute;
mod repeat;

use std::collections::BTreeSet;
use std::sync::Arc;

use segue_core::engine::Request;
use segue_core::limits::{CONTEXT_ENTRIES, ID_BYTES};

use super::ScorerKind;
use super::metrics::Ranked;
use super::stage::{Pack, Sitting, Stage};
use super::tasks::{Source, Task};
use crate::catalog::generate::truth::Truth;

pub use engines::EngineMethod;
pub use factors::Factors;
pub use logistic::Weights;
pub use neighbours::Neighbours;

/// Places of a list that are looked at; what is right further down counts as not found.
pub const PLACES: usize = 100;
/// What [`Question::draw`] is asked with where scores are equal; whoever orders by draws alone takes another salt, or equal scores
/// would stand in their order turned round.
const TIES: u32 = 0;

/// One question with all that may be known when it is asked.
pub struct Question<'a> {
    /// What is known to a refresh.
    pub stage: &'a Stage<'a>,
    /// The session.
    pub sitting: &'a Sitting<'a>,
    /// What is asked.
    pub task: &'a Task,
    /// The pack that is re-ranked.
    pub pack: &'a Pack,
    /// Items to choose from, each once.
    pub candidates: &'a [u32],
    /// Items that no list shows again.
    pub played: &'a BTreeSet<u32>,
}

impl Question<'_> {
    /// Indices of the session's events before the question.
    #[must_use]
    pub fn known(&self) -> &[u32] {
        &self.sitting.session.events[..self.task.known]
    }

    /// Items that did well in the session before the question, the newest first, with repetitions.
    pub fn did_well(&self) -> impl Iterator<Item = u32> + '_ {
        let catalogue = self.stage.catalogue();
        let positive = |event: &&u32| self.stage.rules.is_positive(&catalogue.events[**event as usize]);
        let events = self.known().iter().rev().filter(positive);
        events.filter_map(|event| catalogue.event_items[*event as usize])
    }

    /// The request that the person's app would send.
    #[must_use]
    pub fn request(&self, count: usize) -> Request {
        let catalogue = self.stage.catalogue();
        let event = &catalogue.events[self.sitting.session.events[self.task.known] as usize];
        // An event may tell more than a request takes, such as the words of a search.
        let fits = |(name, text): &(&String, &String)| name.len().max(text.len()) <= ID_BYTES;
        let context = event.context.iter().filter(fits).take(CONTEXT_ENTRIES);
        Request {
            surface: self.stage.prepared.ranking.policy.surface.clone(),
            count,
            now_ms: event.time_ms,
            seed: 0,
            context: context.map(|(name, text)| (name.clone(), text.clone())).collect(),
            log_features: false,
        }
    }

    /// The candidates in the order of `score`; equal ones by a draw that favours nobody.
    #[must_use]
    pub fn by_score(&self, score: impl Fn(u32) -> f32) -> Ranked {
        let scores: Vec<(u32, f32)> = self.candidates.iter().map(|item| (*item, score(*item))).collect();
        let mut order: Vec<(u32, f32)> =
            scores.iter().copied().filter(|(item, _)| !self.played.contains(item)).collect();
        order.sort_by(|one, other| {
            other.1.total_cmp(&one.1).then_with(|| self.draw(one.0, TIES).cmp(&self.draw(other.0, TIES)))
        });
        Ranked { list: order.into_iter().take(PLACES).map(|(item, _)| item).collect(), scores }
    }

    /// A number that depends on the question, the item and the salt alone: of SplitMix64 (Steele and others, 2014) with question and
    /// item as its seed, the number at that place.
    #[must_use]
    pub fn draw(&self, item: u32, salt: u32) -> u64 {
        let event = self.sitting.session.events[self.task.known];
        let steps = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(salt) + 1);
        let mut bits = (u64::from(event) << 32 | u64::from(item)).wrapping_add(steps);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// Orders candidates. A method is told when a session begins, then asked its questions in the order of time.
pub trait Method: Send {
    /// A session begins.
    ///
    /// # Errors
    /// When the method cannot work on it.
    fn begin(&mut self, stage: &Stage<'_>, sitting: &Sitting<'_>) -> anyhow::Result<()> {
        let _ = (stage, sitting);
        Ok(())
    }

    /// The list for a question, from what happened before it.
    ///
    /// # Errors
    /// When the engine refuses an event or a request.
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked>;

    /// The lists that the method's figures for a question are the mean of: one, but of a method that draws.
    ///
    /// # Errors
    /// As [`Self::rank`].
    fn lists(&mut self, question: &Question<'_>) -> anyhow::Result<Vec<Ranked>> {
        Ok(vec![self.rank(question)?])
    }
}

/// What methods learned.
#[derive(Debug, Clone)]
pub struct Learned {
    /// From everything that the stage knows.
    pub neighbours: Neighbours,
    /// From what was known before the first session, as a model does.
    pub once: Arc<LearnedOnce>,
}

/// What takes longer to learn.
#[derive(Debug, Clone)]
pub struct LearnedOnce {
    factors: Factors,
    weights: Weights,
}

impl Learned {
    /// Learns from a stage; what is learned `once` was learned before.
    #[must_use]
    pub fn new(stage: &Stage<'_>, once: Arc<LearnedOnce>) -> Self {
        Self { neighbours: Neighbours::new(stage), once }
    }
}

impl LearnedOnce {
    /// Learns from the first stage; weights from sessions between an earlier one, at which `taught` knows of no model that saw them
    /// and `served` has the one that is judged, and it.
    ///
    /// # Errors
    /// When a pack cannot be made or the engine refuses an event.
    pub fn new(
        stage: &Stage<'_>,
        (taught, served): (&Stage<'_>, &Stage<'_>),
        source: Source,
    ) -> anyhow::Result<Self> {
        let until = stage.known.last().map_or(0, |last| last + 1);
        Ok(Self { factors: Factors::new(stage), weights: logistic::learn(taught, served, until, source)? })
    }
}

/// The rows of every report, in order; why a row is empty where it is.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The names, the first one being ours.
    pub names: Vec<&'static str>,
    /// Rows without figures, with the reason.
    pub without: Vec<(&'static str, &'static str)>,
}

/// The row of the engine as it ships.
pub const OURS: &str = "segue";
/// The full ranker's order before the session.
pub const STATIC: &str = "static";
/// The same ranker with fresh retrieval after every event.
pub const RECOMPUTE: &str = "recompute";

impl Rows {
    /// The rows that have a meaning: `timed` where the log has a clock, `truth` where the hidden state is known; `without_trees`
    /// says why there are no boosted trees, where there are none.
    #[must_use]
    pub fn new(timed: bool, truth: bool, without_trees: Option<&'static str>) -> Self {
        let mut names = vec![
            OURS,
            STATIC,
            "recent_popular",
            "popular",
            "repeat_last",
            "item_knn",
            "mf",
            "linear",
            "logistic",
            "gbdt",
            "random",
            RECOMPUTE,
        ];
        let mut without = Vec::new();
        if !timed {
            names.retain(|name| *name != "recent_popular");
            without.push(("recent_popular", "the data has no clock"));
        }
        if let Some(reason) = without_trees {
            names.retain(|name| *name != "gbdt");
            without.push(("gbdt", reason));
        }
        match truth {
            true => names.push("oracle"),
            false => without
                .push(("oracle", "the hidden truth is not known; generated data has it, --truth names it")),
        }
        Self { names, without }
    }

    /// Ours alone.
    #[must_use]
    pub fn ours() -> Self {
        Self { names: vec![OURS], without: Vec::new() }
    }

    /// The place of a row with figures.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| *other == name)
    }

    /// A method for each row with figures but ours, in their order.
    ///
    /// # Errors
    /// When the ranker cannot be loaded.
    pub fn methods<'a>(
        &self,
        stage: &Stage<'_>,
        kind: ScorerKind,
        learned: &'a Learned,
        truth: Option<&'a Truth>,
    ) -> anyhow::Result<Vec<Box<dyn Method + 'a>>> {
        let method = |name: &&'static str| -> anyhow::Result<Box<dyn Method + 'a>> {
            Ok(match *name {
                STATIC => Box::new(EngineMethod::before_the_session(stage, kind)?),
                "recent_popular" => Box::new(counts::Recent::default()),
                "popular" => Box::new(counts::Popular),
                "repeat_last" => Box::new(repeat::RepeatLast),
                "item_knn" => Box::new(neighbours::ItemKnn::new(&learned.neighbours)),
                "mf" => Box::new(factors::Mf::new(&learned.once.factors)),
                "linear" => Box::new(EngineMethod::linear(stage, None)?),
                "logistic" => Box::new(EngineMethod::linear(stage, Some(&learned.once.weights))?),
                "gbdt" => Box::new(EngineMethod::trees(stage)?),
                "random" => Box::new(counts::Random),
                RECOMPUTE => Box::new(recompute::Recompute::new(stage, kind)?),
                _ => Box::new(oracle::Oracle::new(truth)),
            })
        };
        self.names.iter().skip(1).map(method).collect()
    }
}

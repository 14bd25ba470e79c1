//! Held-out sessions, event by event, with a list from every method at every question.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;
use segue_core::features::Schema;
use segue_core::score::Scorer;

use super::LabelRules;
use super::heads::Heads;
use super::methods::{EngineMethod, Learned, LearnedOnce, Method, Question, Rows};
use super::metrics::{Facts, Parts, Ranked, measure};
use super::outcomes::Outcomes;
use super::stage::{Sitting, Stage};
use super::steps;
use super::tally::Tally;
use super::tasks::{Source, Task, count, tasks};
use crate::catalog::generate::truth::Truth;
use crate::catalog::{Catalogue, SessionLog};
use crate::refresh::{PackMaker, Ranking};
use crate::score::OrtScorer;
use crate::towers::ModelDirectory;

/// Groups of sessions, in the order of time, that get packs made just before their first.
const REFRESHES: usize = 8;
/// Items that retrieval is judged by.
const RETRIEVED: usize = 100;

/// What runs the ranker during the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ScorerKind {
    /// The core's own, as in apps and browsers.
    #[cfg(feature = "ranker")]
    Core,
    /// ONNX Runtime, as in the refresh.
    Ort,
}

impl ScorerKind {
    /// What users run where it is built in.
    #[must_use]
    pub fn shipped() -> Self {
        #[cfg(feature = "ranker")]
        return Self::Core;
        #[cfg(not(feature = "ranker"))]
        return Self::Ort;
    }

    /// A ranker on it.
    ///
    /// # Errors
    /// When the model is damaged, has an operator that is not read, or does not fit its schema.
    pub fn open(self, model: &[u8], schema: &Schema) -> anyhow::Result<Box<dyn Scorer + Send>> {
        Ok(match self {
            #[cfg(feature = "ranker")]
            Self::Core => Box::new(segue_core::score::RankerScorer::new(model, schema)?),
            Self::Ort => Box::new(OrtScorer::new(model, schema)?),
        })
    }

    /// Its word in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "ranker")]
            Self::Core => "core",
            Self::Ort => "ort",
        }
    }
}

/// How sessions are judged.
pub struct Judge<'a> {
    /// The catalogue, divided as it is judged.
    pub catalogue: &'a Catalogue,
    /// The model, where there is one.
    pub model: Option<&'a ModelDirectory>,
    /// The policy and the model's ranker.
    pub ranking: Ranking,
    /// What events say of their items.
    pub rules: &'a LabelRules,
    /// Where candidates come from.
    pub source: Source,
    /// What runs the ranker.
    pub scorer: ScorerKind,
    /// The hidden truth, where it is known.
    pub truth: Option<&'a Truth>,
    /// The rows that get figures.
    pub rows: &'a Rows,
}

impl Judge<'_> {
    /// Replays `sessions`, sorted by time, on all cores; `progress` is called after each.
    ///
    /// # Errors
    /// When a pack cannot be made or the engine refuses a request.
    pub fn replay(&self, sessions: &[&SessionLog], progress: &(dyn Fn() + Sync)) -> anyhow::Result<Tally> {
        let by_time = self.catalogue.split.rule.boundary_ms().is_some();
        let group = if by_time { sessions.len().div_ceil(REFRESHES) } else { sessions.len() };
        let mut tally = Tally::default();
        if let Some((_, schema)) = &self.ranking.ranker {
            tally.heads.expect(&schema.heads);
        }
        let Some(first) = sessions.first() else { return Ok(tally) };
        let once = Arc::new(self.learn_once(&self.stage(by_time.then_some(first))?)?);
        for group in sessions.chunks(group.max(1)) {
            let stage = self.stage(by_time.then_some(group[0]))?;
            let learned = Learned::new(&stage, once.clone());
            let share = group.len().div_ceil(rayon::current_num_threads()).max(1);
            let part = |part: &[&SessionLog]| -> anyhow::Result<Tally> {
                let mut worker = Worker::new(self, &stage, &learned)?;
                let mut tally = Tally::default();
                for session in part {
                    worker.session(session, &mut tally)?;
                    progress();
                }
                Ok(tally)
            };
            let parts: Vec<Tally> = group.par_chunks(share).map(part).collect::<anyhow::Result<_>>()?;
            tally = parts.into_iter().fold(tally, Tally::merge);
        }
        Ok(tally)
    }

    /// Learns what is learned once, with a stage in the middle of what is known beside the first; a model learned from what came
    /// after it, so there it is told of without one too.
    fn learn_once(&self, stage: &Stage<'_>) -> anyhow::Result<LearnedOnce> {
        let Some(middle) = stage.known.get(stage.known.len() / 2).filter(|_| stage.timed) else {
            return LearnedOnce::new(stage, (stage, stage), self.source);
        };
        let middle_ms = self.catalogue.events[*middle].time_ms;
        let served = self.stage_at(middle_ms)?;
        if self.model.is_none() {
            return LearnedOnce::new(stage, (&served, &served), self.source);
        }
        let plain = Ranking::new(self.ranking.policy.clone(), None)?;
        let taught = Stage::new(self.catalogue, None, plain, self.rules, middle_ms)?;
        LearnedOnce::new(stage, (&taught, &served), self.source)
    }

    /// What is known just before a session; everything that is not held out where there is no clock.
    fn stage(&self, first: Option<&SessionLog>) -> anyhow::Result<Stage<'_>> {
        let time = |event: u32| self.catalogue.events[event as usize].time_ms;
        let end = || self.catalogue.events.last().map_or(0, |event| event.time_ms.saturating_add(1));
        self.stage_at(first.map_or_else(end, |session| time(session.events[0])))
    }

    fn stage_at(&self, until_ms: i64) -> anyhow::Result<Stage<'_>> {
        Stage::new(self.catalogue, self.model, self.ranking.clone(), self.rules, until_ms)
    }
}

/// Everything that one thread needs.
struct Worker<'a> {
    judge: &'a Judge<'a>,
    stage: &'a Stage<'a>,
    maker: PackMaker<'a>,
    ours: EngineMethod,
    others: Vec<Box<dyn Method + 'a>>,
    total: f32,
}

impl<'a> Worker<'a> {
    fn new(judge: &'a Judge<'_>, stage: &'a Stage<'_>, learned: &'a Learned) -> anyhow::Result<Self> {
        Ok(Self {
            maker: PackMaker::new(&stage.prepared)?,
            ours: EngineMethod::shipped(stage, judge.scorer)?,
            others: judge.rows.methods(stage, judge.scorer, learned, judge.truth)?,
            total: stage.counts.iter().sum(),
            judge,
            stage,
        })
    }

    fn session(&mut self, session: &SessionLog, tally: &mut Tally) -> anyhow::Result<()> {
        let judge = self.judge;
        let tasks = tasks(judge.catalogue, session, judge.source, judge.rules, &mut tally.skipped);
        if tasks.is_empty() {
            count(&mut tally.skipped, "session_without_question", 1);
            return Ok(());
        }
        let sitting = Sitting::new(self.stage, &mut self.maker, session, judge.source)?;
        self.begin(&sitting)?;
        self.retrieval(&sitting, &tasks[0], tally);
        tally.sessions += 1;
        for task in &tasks {
            let Some(pack) = sitting.pack_for(self.stage, task, &sitting.vector)? else {
                count(&mut tally.skipped, "nothing_may_be_shown", 1);
                continue;
            };
            let played = self.played(&sitting, task);
            let candidates = task.candidates.as_deref().unwrap_or(&pack.items);
            let stage = self.stage;
            let question =
                Question { stage, sitting: &sitting, task, pack: &pack, candidates, played: &played };
            self.ask(&question, tally)?;
        }
        Ok(())
    }

    fn begin(&mut self, sitting: &Sitting<'_>) -> anyhow::Result<()> {
        self.ours.begin(self.stage, sitting)?;
        self.others.iter_mut().try_for_each(|method| method.begin(self.stage, sitting))
    }

    /// What lists leave out: what the session was about, except where what was shown is judged as it was.
    fn played(&self, sitting: &Sitting<'_>, task: &Task) -> BTreeSet<u32> {
        match self.judge.source {
            Source::Slate => BTreeSet::new(),
            _ => sitting.before(self.judge.catalogue, task.known).into_iter().collect(),
        }
    }

    fn ask(&mut self, question: &Question<'_>, tally: &mut Tally) -> anyhow::Result<()> {
        let answers = self.answers(question)?;
        self.say(question, &mut tally.heads)?;
        let (catalogue, task) = (self.judge.catalogue, question.task);
        let event = &catalogue.events[question.sitting.session.events[task.known] as usize];
        let utility = self.judge.truth.map(|truth| {
            move |item: u32| truth.expected_utility(&event.event_id, &catalogue.items[item as usize].item)
        });
        let utility = utility.as_ref().map(|utility| utility as &dyn Fn(u32) -> Option<f64>);
        let facts =
            Facts { counts: &self.stage.counts, total: self.total, vectors: &self.stage.prepared.short };
        let rows: Vec<Parts> = answers.iter().map(|lists| measure(task, lists, &facts, utility)).collect();
        tally.add(question.sitting.group(), &rows);
        for (method, lists) in answers.iter().enumerate() {
            // What was ever shown has no mean over lists: the first one stands for all.
            if let Some(first) = lists.first() {
                tally.show(method, answers.len(), catalogue.items.len(), &first.list);
            }
        }
        tally.steps += 1;
        let found = task.relevant.iter().any(|(item, _)| question.candidates.contains(item));
        tally.in_pack += usize::from(found);
        Ok(())
    }

    /// The lists of every method, ours first.
    fn answers(&mut self, question: &Question<'_>) -> anyhow::Result<Vec<Vec<Ranked>>> {
        let mut answers = vec![self.ours.lists(question)?];
        for method in &mut self.others {
            answers.push(method.lists(question)?);
        }
        Ok(answers)
    }

    /// What the ranker's heads say of what is played now, or of everything in the slate.
    fn say(&mut self, question: &Question<'_>, heads: &mut Heads) -> anyhow::Result<()> {
        let (catalogue, session, stage) = (self.judge.catalogue, question.sitting.session, self.stage);
        let Some((_, schema)) = &stage.prepared.ranking.ranker else { return Ok(()) };
        let now = catalogue.event_items[session.events[question.task.known] as usize];
        let about: Vec<u32> = match self.judge.source {
            Source::Slate => question.task.labelled.iter().map(|one| one.item).collect(),
            _ => now.into_iter().collect(),
        };
        let outcomes = Outcomes::new(catalogue, session, self.judge.rules);
        let names: Vec<&str> = schema.heads.iter().map(|head| head.name.as_str()).collect();
        let said = self.ours.heads(question, &names)?;
        for item in about {
            let Some(place) = question.pack.items.iter().position(|other| *other == item) else { continue };
            for (head, said) in schema.heads.iter().zip(&said) {
                if let (Some(given), Some(came)) = (said.get(place), outcomes.of(head, item)) {
                    heads.add(head, question.sitting.group(), *given, came);
                }
            }
        }
        Ok(())
    }

    /// How much of what was really played in the session, skipped or not, was among the items nearest to the person before it.
    fn retrieval(&self, sitting: &Sitting<'_>, first: &Task, tally: &mut Tally) {
        let retrieves = matches!(self.judge.source, Source::Pack | Source::Own) && first.candidates.is_none();
        let Some(user) = sitting.viewer.user.filter(|_| retrieves) else { return };
        let query = self.stage.prepared.embeddings.user(user);
        let found: BTreeSet<u32> =
            self.stage.retrieve(&sitting.viewer, query, RETRIEVED).into_iter().collect();
        let played = steps::played(self.judge.catalogue, sitting.session);
        let hits = played.intersection(&found).count();
        let mine = tally.retrieved.entry(sitting.group()).or_default();
        *mine = (mine.0 + hits as f64, mine.1 + played.len() as f64);
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;

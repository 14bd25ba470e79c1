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
        let rows: Vec<Parts> = answers.iter().map(|ranked| measure(task, ranked, &facts, utility)).collect();
        tally.add(question.sitting.group(), &rows);
        for (method, ranked) in answers.iter().enumerate() {
            tally.show(method, answers.len(), catalogue.items.len(), &ranked.list);
        }
        tally.steps += 1;
        let found = task.relevant.iter().any(|(item, _)| question.candidates.contains(item));
        tally.in_pack += usize::from(found);
        Ok(())
    }

    /// The answer of every method, ours first.
    fn answers(&mut self, question: &Question<'_>) -> anyhow::Result<Vec<Ranked>> {
        let mut answers = vec![self.ours.rank(question)?];
        for method in &mut self.others {
            answers.push(method.rank(question)?);
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

    /// How much of what did well in the session was among the items nearest to the person before it.
    fn retrieval(&self, sitting: &Sitting<'_>, first: &Task, tally: &mut Tally) {
        let retrieves = matches!(self.judge.source, Source::Pack | Source::Own) && first.candidates.is_none();
        let Some(user) = sitting.viewer.user.filter(|_| retrieves) else { return };
        let query = self.stage.prepared.embeddings.user(user);
        let found: BTreeSet<u32> =
            self.stage.retrieve(&sitting.viewer, query, RETRIEVED).into_iter().collect();
        let did_well: Vec<u32> =
            first.labelled.iter().filter(|one| one.positive).map(|one| one.item).collect();
        let hits = did_well.iter().filter(|item| found.contains(item)).count();
        let mine = tally.retrieved.entry(sitting.group()).or_default();
        *mine = (mine.0 + hits as f64, mine.1 + did_well.len() as f64);
    }
}

#[cfg(test)]
mod tests {
    use segue_core::policy::Policy;

    use super::*;
    use crate::catalog::EventKind;
    use crate::evaluate::metrics::Metric;
    use crate::towers::samples;

    fn judge<'a>(catalogue: &'a Catalogue, rules: &'a LabelRules, rows: &'a Rows) -> Judge<'a> {
        let policy = Policy::from_json(segue_core::policies::RADIO).unwrap();
        Judge {
            catalogue,
            model: None,
            ranking: Ranking::new(policy, None).unwrap(),
            rules,
            source: Source::Pack,
            scorer: ScorerKind::Ort,
            truth: None,
            rows,
        }
    }

    /// A week of sessions: user u plays items u, u + 1 and so on, the last session is held out.
    fn week() -> Catalogue {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let mut events = Vec::new();
        for day in 0..7 {
            for user in 0..3 {
                for step in 0..5 {
                    let time_ms = (day * 86_400_000 + user * 3_600_000 + step * 200_000) as i64;
                    let item = (2 * user + day + step) % 11;
                    let mut event = samples::event(&format!("{day}-{user}-{step}"), user, item, time_ms);
                    event.session = format!("s{day}-{user}");
                    if step % 3 == 1 {
                        event.kind = EventKind::Skip;
                        event.played_ms = Some(2_000);
                    }
                    events.push(event);
                }
            }
        }
        catalogue.divide(crate::catalog::Rule::Time { boundary_ms: 6 * 86_400_000 });
        catalogue.add_events(events);
        catalogue
    }

    /// Every answer to every question of a session before `until_ms`.
    fn answers(catalogue: &Catalogue, rules: &LabelRules, until_ms: i64) -> Vec<Vec<Ranked>> {
        let rows = Rows::new(true, false, Some("none"));
        let judge = judge(catalogue, rules, &rows);
        let sessions = catalogue.sessions();
        let held_out: Vec<&SessionLog> = sessions.iter().filter(|session| session.held_out).collect();
        let stage = judge.stage(Some(held_out[0])).unwrap();
        let learned = Learned::new(&stage, Arc::new(judge.learn_once(&stage).unwrap()));
        let mut worker = Worker::new(&judge, &stage, &learned).unwrap();
        let mut all = Vec::new();
        for session in held_out {
            let sitting = Sitting::new(&stage, &mut worker.maker, session, Source::Pack).unwrap();
            worker.begin(&sitting).unwrap();
            for known in 0..session.events.len() {
                if catalogue.events[session.events[known] as usize].time_ms >= until_ms {
                    continue;
                }
                let task = Task { known, candidates: None, relevant: Vec::new(), labelled: Vec::new() };
                let pack = sitting.pack_for(&stage, &task, &sitting.vector).unwrap().unwrap();
                let played = worker.played(&sitting, &task);
                let question = Question {
                    stage: &stage,
                    sitting: &sitting,
                    task: &task,
                    pack: &pack,
                    candidates: &pack.items,
                    played: &played,
                };
                all.push(worker.answers(&question).unwrap());
            }
        }
        all
    }

    #[test]
    fn a_planted_future_event_changes_no_earlier_score() {
        let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
        let planted_ms = 6 * 86_400_000 + 3_600_000 + 500_000;
        let before = answers(&catalogue, &rules, planted_ms);
        assert!(before.len() > 5);
        let mut planted = catalogue.clone();
        let plant = |id: &str, user, session: &str, kind| {
            let mut event = samples::event(id, user, 10, planted_ms);
            event.session = session.to_owned();
            event.kind = kind;
            event
        };
        planted.add_events(vec![
            plant("p1", 0, "s6-0", EventKind::Save),
            plant("p2", 1, "s6-1", EventKind::NotInterested),
            plant("p3", 2, "new", EventKind::Purchase),
        ]);
        assert_eq!(answers(&planted, &rules, planted_ms), before);
        assert_ne!(answers(&planted, &rules, i64::MAX).len(), before.len());
    }

    #[test]
    fn a_past_event_does_change_what_comes_after() {
        let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
        let mut told = catalogue.clone();
        let mut event = samples::event("told", 0, 10, 6 * 86_400_000 + 100_000);
        event.session = "s6-0".into();
        event.kind = EventKind::Save;
        told.add_events(vec![event]);
        assert_ne!(answers(&told, &rules, i64::MAX), answers(&catalogue, &rules, i64::MAX));
    }

    /// What the replay of one session adds up, by somebody who was never met before: these events, each with an item or none.
    fn replayed(events: &[(Option<usize>, EventKind)], rows: &Rows) -> Tally {
        let (mut catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
        let begins_ms = 6 * 86_400_000 + 10 * 3_600_000;
        catalogue.add_events(samples::stranger(events, begins_ms, 1_000));
        let sessions = catalogue.sessions();
        let is_new = |session: &&SessionLog| catalogue.events[session.events[0] as usize].session == "new";
        let new: Vec<&SessionLog> = sessions.iter().filter(is_new).collect();
        assert_eq!((new.len(), new[0].held_out), (1, true));
        judge(&catalogue, &rules, rows).replay(&new, &|| ()).unwrap()
    }

    #[test]
    fn one_event_of_a_stranger_is_one_question_even_about_an_item_that_nobody_ever_played() {
        let rows = Rows::new(true, false, Some("none"));
        for item in [3, samples::ITEMS - 1] {
            let tally = replayed(&[(Some(item), EventKind::Complete)], &rows);
            assert_eq!((tally.sessions, tally.steps, tally.people.len()), (1, 1, 1));
            assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
            // What is not among the candidates counts as not found: each row has its figure.
            let people = tally.people.values().next().unwrap();
            let place = Metric::Ndcg10.place();
            assert!(people.iter().all(|row| row[place].0.is_finite() && (row[place].1 - 1.0).abs() < 1e-12));
        }
    }

    #[test]
    fn a_session_without_anything_to_ask_is_counted_as_left_out() {
        let rows = Rows::new(true, false, Some("none"));
        let searched = replayed(&[(None, EventKind::Search)], &rows);
        assert_eq!((searched.sessions, searched.steps), (0, 0));
        assert_eq!(searched.skipped, [("session_without_question", 1)].into());
        let skipped = replayed(&[(Some(3), EventKind::Skip)], &rows);
        assert_eq!(skipped.skipped, [("no_positive_follows", 1), ("session_without_question", 1)].into());
    }

    #[test]
    fn every_row_answers_every_question() {
        let (catalogue, rules) = (week(), LabelRules::of("radio").unwrap());
        let rows = Rows::new(true, false, Some("none"));
        let sessions = catalogue.sessions();
        let held_out: Vec<&SessionLog> = sessions.iter().filter(|session| session.held_out).collect();
        let tally = judge(&catalogue, &rules, &rows).replay(&held_out, &|| ()).unwrap();
        assert_eq!((tally.sessions, tally.people.len()), (3, 3));
        assert!(tally.steps > 6 && tally.in_pack > 0 && tally.in_pack <= tally.steps);
        assert!(tally.people.values().all(|people| people.len() == rows.names.len()));
        assert!(tally.shown.iter().all(|shown| shown.contains(&true)));
    }
}

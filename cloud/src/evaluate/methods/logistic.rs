//! Plain logistic regression: weights for the engine's linear scorer, learned from training sessions.
//!
//! The features are the engine's own. An engine whose policy has one source with weight 1 says what that source is for
//! each candidate, so nothing about features is repeated here.
//!
//! What is right stands beside what a refresh would have offered instead of it, and only where it would have been offered itself:
//! beside the nearest items alone, whatever is right further off teaches that what is near is wrong.

use std::collections::BTreeMap;

use segue_core::engine::{Engine, Request};
use segue_core::policy::Policy;

use super::{Sitting, Stage};
use crate::catalog::SessionLog;
use crate::evaluate::stage::Pack;
use crate::evaluate::steps::{self, Step};
use crate::evaluate::tasks::{Skipped, Source, Task, tasks};
use crate::examples::schema::of_table;
use crate::refresh::PackMaker;

/// Sessions that are learned from, and questions of each.
const SESSIONS: usize = 1_000;
const QUESTIONS: usize = 4;
/// Candidates beside the right one, where none were given.
const OTHERS: usize = 40;
/// Of so many of these sessions one says how far the features of what is served lie apart.
const SCALED_BY: usize = 10;
/// Passes over the examples, and the size of a step.
const PASSES: usize = 300;
const STEP: f64 = 0.5;
const REGULARISATION: f64 = 1e-3;

/// Spread below which a feature says nothing.
const CONSTANT: f64 = 1e-9;

/// A candidate's features, less their mean among the candidates of its question, and whether it was right.
type Example = (Vec<f64>, f64);

/// The weight of each source.
pub type Weights = BTreeMap<String, f32>;

/// Learns the weights from training sessions before event `until`, with their candidates as `taught` describes them: where
/// there is a clock it lies before those sessions, so that no count and no vector contains the answer, as a model's vectors would
/// that learned from them. A deviation of a feature weighs the same with the vectors of `served`. The policy's own weights where
/// there is no such session.
///
/// # Errors
/// When a pack cannot be made or the engine refuses an event.
pub(super) fn learn(
    taught: &Stage<'_>,
    served: &Stage<'_>,
    until: usize,
    source: Source,
) -> anyhow::Result<Weights> {
    let sources = sources(taught);
    let sessions = sessions(taught, until);
    let examples = examples(taught, &sources, sessions.iter(), source)?;
    if examples.is_empty() {
        return Ok(taught.prepared.ranking.policy.linear.clone());
    }
    let other = examples_of_served(served, &sources, &sessions, source)?;
    let spread = deviations(if other.is_empty() { &examples } else { &other }, sources.len());
    Ok(fit(&sources, &examples, &spread))
}

/// The candidates of some of these sessions, as they are served.
fn examples_of_served(
    served: &Stage<'_>,
    sources: &[String],
    sessions: &[SessionLog],
    source: Source,
) -> anyhow::Result<Vec<Example>> {
    examples(served, sources, sessions.iter().step_by(SCALED_BY), source)
}

/// The candidates of these sessions' questions.
fn examples<'b>(
    stage: &Stage<'_>,
    sources: &[String],
    sessions: impl Iterator<Item = &'b SessionLog>,
    source: Source,
) -> anyhow::Result<Vec<Example>> {
    let mut teacher = Teacher::new(stage, sources)?;
    let mut examples = Vec::new();
    for session in sessions {
        teacher.session(session, source, &mut examples)?;
    }
    Ok(examples)
}

/// Everything that a ranker sees of a candidate but its vector.
fn sources(stage: &Stage<'_>) -> Vec<String> {
    let schema = of_table(&stage.catalogue().dataset, stage.prepared.short.dimension, false);
    let features = schema.candidate.into_iter().chain(schema.live);
    features.map(|feature| feature.source).filter(|source| source != "vector").collect()
}

/// Training sessions before event `until`, spread evenly; where times mean something those that begin after the stage.
fn sessions(stage: &Stage<'_>, until: usize) -> Vec<SessionLog> {
    let catalogue = stage.catalogue();
    let from = if stage.timed { stage.known.last().map_or(0, |last| last + 1) } else { 0 };
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.events[0] as usize >= from);
    for session in &mut sessions {
        session.events.retain(|event| (*event as usize) < until && catalogue.teaches(*event as usize));
    }
    sessions.retain(|session| session.events.len() > 1);
    let step = sessions.len().div_ceil(SESSIONS).max(1);
    sessions.into_iter().step_by(step).collect()
}

/// Asks engines for features.
struct Teacher<'a> {
    stage: &'a Stage<'a>,
    maker: PackMaker<'a>,
    engines: Vec<Engine>,
}

impl<'a> Teacher<'a> {
    fn new(stage: &'a Stage<'a>, sources: &[String]) -> anyhow::Result<Self> {
        let engine = |source: &String| {
            let linear = BTreeMap::from([(source.clone(), 1.0)]);
            Engine::of_server(Policy { linear, ..stage.prepared.ranking.policy.clone() }, None)
        };
        Ok(Self {
            stage,
            maker: PackMaker::new(&stage.prepared)?,
            engines: sources.iter().map(engine).collect::<Result<_, _>>()?,
        })
    }

    fn session(
        &mut self,
        session: &SessionLog,
        source: Source,
        examples: &mut Vec<Example>,
    ) -> anyhow::Result<()> {
        let sitting = Sitting::new(self.stage, &mut self.maker, session, offered(source))?;
        let asked = match source {
            Source::Slate => {
                tasks(self.stage.catalogue(), session, source, self.stage.rules, &mut Skipped::new())
            }
            _ => self.drawn(session, &sitting),
        };
        let spread = asked.len().div_ceil(QUESTIONS).max(1);
        for task in asked.into_iter().step_by(spread) {
            if let Some(pack) = sitting.pack_for(self.stage, &task, &sitting.vector)? {
                self.question(&sitting, &task, &pack, examples)?;
            }
        }
        Ok(())
    }

    /// Questions about the next item that does well, among others of the session's pack, where it holds the right one; among any
    /// where none is made.
    fn drawn(&self, session: &SessionLog, sitting: &Sitting<'_>) -> Vec<Task> {
        let catalogue = self.stage.catalogue();
        let everything = || (0..catalogue.items.len() as u32).collect();
        let offered: Vec<u32> = sitting.pack.as_ref().map_or_else(everything, |pack| pack.items.clone());
        let task = |step: Step| {
            let target = step.target as u32;
            let first = session.events[0] as usize + step.known;
            let spread = offered.len().div_ceil(OTHERS).max(1);
            let before = sitting.before(catalogue, step.known);
            let others = offered.iter().copied().skip(first % spread).step_by(spread);
            let mut candidates: Vec<u32> = others.filter(|item| !before.contains(item)).collect();
            candidates.push(target);
            candidates.sort_unstable();
            candidates.dedup();
            let relevant = vec![(target, 1)];
            let task =
                Task { known: step.known, candidates: Some(candidates), relevant, labelled: Vec::new() };
            offered.contains(&target).then_some(task)
        };
        steps::steps(catalogue, session, self.stage.rules).into_iter().filter_map(task).collect()
    }

    fn question(
        &mut self,
        sitting: &Sitting<'_>,
        task: &Task,
        pack: &Pack,
        examples: &mut Vec<Example>,
    ) -> anyhow::Result<()> {
        let events = &self.stage.catalogue().events;
        let request = Request {
            surface: self.stage.prepared.ranking.policy.surface.clone(),
            count: 1,
            now_ms: events[sitting.session.events[task.known] as usize].time_ms,
            seed: 0,
            context: BTreeMap::new(),
            log_features: false,
        };
        let mut columns = Vec::new();
        for engine in &mut self.engines {
            engine.begin(pack.pack.clone());
            for event in &sitting.session.events[..task.known] {
                engine.apply(&events[*event as usize])?;
            }
            columns.push(engine.utilities(&request)?);
        }
        let given = task.candidates.as_deref().unwrap_or_default();
        let places: Vec<usize> =
            (0..pack.items.len()).filter(|at| given.contains(&pack.items[*at])).collect();
        let mean = |column: &Vec<f32>| {
            places.iter().map(|place| f64::from(column[*place])).sum::<f64>() / places.len().max(1) as f64
        };
        let means: Vec<f64> = columns.iter().map(mean).collect();
        for place in places {
            let right = task.relevant.iter().any(|(relevant, _)| *relevant == pack.items[place]);
            let features = columns.iter().zip(&means).map(|(column, mean)| f64::from(column[place]) - mean);
            examples.push((features.collect(), f64::from(u8::from(right))));
        }
        Ok(())
    }
}

/// Where a session's candidates come from while its weights are learned: from its own pack where the judge asks about packs.
fn offered(source: Source) -> Source {
    match source {
        Source::Pack | Source::Own => Source::Pack,
        // They are given, or drawn from everything: no pack of the session's own is needed.
        Source::Catalogue | Source::Target | Source::Slate => Source::Slate,
    }
}

/// How far each feature lies from 0, which is its mean in each question.
fn deviations(examples: &[Example], features: usize) -> Vec<f64> {
    let squares = |at: usize| examples.iter().map(|(features, _)| features[at].powi(2)).sum::<f64>();
    (0..features).map(|at| (squares(at) / examples.len().max(1) as f64).sqrt()).collect()
}

/// Gradient descent on standardised features; right and wrong examples weigh the same in sum. The weights are for features that
/// lie as far apart as `spread` says.
fn fit(sources: &[String], examples: &[Example], spread: &[f64]) -> Weights {
    let count = examples.len() as f64;
    let deviations = deviations(examples, sources.len());
    let scaled = |features: &[f64]| -> Vec<f64> {
        let rows = features.iter().zip(&deviations);
        rows.map(|(value, deviation)| if *deviation > CONSTANT { value / deviation } else { 0.0 }).collect()
    };
    let rows: Vec<Example> = examples.iter().map(|(features, right)| (scaled(features), *right)).collect();
    let right: f64 = rows.iter().map(|(_, right)| right).sum::<f64>().max(1.0);
    let share = [0.5 / (count - right).max(1.0), 0.5 / right];
    let (mut weights, mut bias) = (vec![0.0; sources.len()], 0.0);
    for _ in 0..PASSES {
        let (mut slopes, mut slope) = (vec![0.0; sources.len()], 0.0);
        for (features, right) in &rows {
            let odds: f64 = bias + features.iter().zip(&weights).map(|(one, other)| one * other).sum::<f64>();
            let error = (1.0 / (1.0 + libm::exp(-odds)) - right) * share[usize::from(*right > 0.5)];
            slopes.iter_mut().zip(features).for_each(|(slope, value)| *slope += error * value);
            slope += error;
        }
        bias -= STEP * slope;
        for (weight, slope) in weights.iter_mut().zip(&slopes) {
            *weight -= STEP * (slope + REGULARISATION * *weight);
        }
    }
    let unscaled = |(weight, spread): (&f64, &f64)| {
        if *spread > CONSTANT { (weight / spread) as f32 } else { 0.0 }
    };
    sources.iter().cloned().zip(weights.iter().zip(spread).map(unscaled)).collect()
}

#[cfg(test)]
mod tests {
    use segue_core::policies;

    use super::*;
    use crate::evaluate::LabelRules;
    use crate::refresh::Ranking;
    use crate::towers::samples;

    #[test]
    fn what_tells_right_from_wrong_gets_the_weight() {
        let example = |at: usize| {
            let right = f64::from(u8::from(at.is_multiple_of(3)));
            let noise = (at * 7 % 11) as f64 - 5.0;
            (vec![(right - 1.0 / 3.0) * 2.0 + 0.1 * noise, noise, 0.0, 1.0 / 3.0 - right], right)
        };
        let examples: Vec<Example> = (0..300).map(example).collect();
        let sources = ["signal", "noise", "constant", "against"].map(str::to_owned);
        let spread = deviations(&examples, sources.len());
        let weights = fit(&sources, &examples, &spread);
        assert!(weights["signal"] > 0.5 && weights["against"] < -0.5, "{weights:?}");
        assert!(weights["noise"].abs() < 0.2 && weights["constant"] == 0.0, "{weights:?}");
        let twice: Vec<f64> = spread.iter().map(|spread| 2.0 * spread).collect();
        let halved = fit(&sources, &examples, &twice);
        assert!(
            (2.0 * halved["signal"] - weights["signal"]).abs() < 1e-4,
            "what lies further apart weighs less"
        );
    }

    #[test]
    fn what_is_right_stands_beside_what_the_pack_offers_and_is_offered_itself() {
        let mut catalogue = samples::catalogue();
        catalogue.items[4].regions = vec!["FR".into()];
        let rules = LabelRules::of("radio").unwrap();
        let ranking = Ranking::new(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
        let stage = Stage::new(&catalogue, None, ranking, &rules, 200_000).unwrap();
        let sessions = catalogue.sessions();
        let begins_ms = |session: &SessionLog| catalogue.events[session.events[0] as usize].time_ms;
        let later = |session: &&SessionLog| session.user == Some(0) && begins_ms(session) >= 200_000;
        let session = sessions.iter().find(later).unwrap();
        let mut teacher = Teacher::new(&stage, &sources(&stage)).unwrap();
        let sitting = Sitting::new(&stage, &mut teacher.maker, session, offered(Source::Pack)).unwrap();
        let asked = teacher.drawn(session, &sitting);
        assert_eq!(asked.len(), 1, "item 4 is played first, and nobody here may get it");
        assert_eq!((asked[0].known, asked[0].relevant.as_slice()), (1, &[(6, 1)][..]));
        let candidates = asked[0].candidates.as_deref().unwrap();
        assert!(candidates.len() > 1 && !candidates.contains(&4), "{candidates:?}");
    }
}

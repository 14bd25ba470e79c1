//! Plain logistic regression: weights for the engine's linear scorer, learned from training sessions.
//!
//! The features are the engine's own. An engine whose policy has one source with weight 1 says what that source is for
//! each candidate, so nothing about features is repeated here.

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
const SESSIONS: usize = 400;
const QUESTIONS: usize = 4;
/// Candidates beside the right one, where none were given.
const OTHERS: usize = 40;
/// Retrieved items that those are drawn from.
const RETRIEVED: usize = 400;
/// Passes over the examples, and the size of a step.
const PASSES: usize = 300;
const STEP: f64 = 0.5;
const REGULARISATION: f64 = 1e-3;

/// A candidate's features, and whether it was right.
type Example = (Vec<f64>, f64);

/// The weight of each source.
pub type Weights = BTreeMap<String, f32>;

/// Learns the weights from training sessions before event `until`, with their candidates as `stage` describes them: where
/// there is a clock it lies before those sessions, so that no count contains the answer. The policy's own weights where
/// there is no such session.
///
/// # Errors
/// When a pack cannot be made or the engine refuses an event.
pub(super) fn learn(stage: &Stage<'_>, until: usize, source: Source) -> anyhow::Result<Weights> {
    let policy = &stage.prepared.ranking.policy;
    let sources = sources(stage);
    let mut teacher = Teacher::new(stage, &sources)?;
    let mut examples = Vec::new();
    for session in sessions(stage, until) {
        teacher.session(&session, source, &mut examples)?;
    }
    Ok(match examples.is_empty() {
        true => policy.linear.clone(),
        false => fit(&sources, &examples),
    })
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
        // Candidates are drawn below, so no pack of the session's own is needed.
        let sitting = Sitting::new(self.stage, &mut self.maker, session, Source::Slate)?;
        let mut asked = match source {
            Source::Slate => {
                tasks(self.stage.catalogue(), session, source, self.stage.rules, &mut Skipped::new())
            }
            _ => self.drawn(session, &sitting),
        };
        let skipped = asked.len().saturating_sub(QUESTIONS);
        for task in asked.drain(skipped..) {
            if let Some(pack) = sitting.pack_for(self.stage, &task, &sitting.vector)? {
                self.question(&sitting, &task, &pack, examples)?;
            }
        }
        Ok(())
    }

    /// Questions about the next item that does well, among items near to the person, or any where nobody is known.
    fn drawn(&self, session: &SessionLog, sitting: &Sitting<'_>) -> Vec<Task> {
        let catalogue = self.stage.catalogue();
        let near = match sitting.viewer.user {
            Some(user) if self.stage.timed => {
                let vector = self.stage.prepared.embeddings.user(user);
                self.stage.retrieve(&sitting.viewer, vector, RETRIEVED)
            }
            _ => (0..catalogue.items.len() as u32).collect(),
        };
        let task = |step: Step| {
            let target = step.target as u32;
            let first = session.events[0] as usize + step.known;
            let spread = near.len().div_ceil(OTHERS).max(1);
            let mut candidates: Vec<u32> =
                near.iter().copied().skip(first % spread).step_by(spread).collect();
            candidates.push(target);
            candidates.sort_unstable();
            candidates.dedup();
            let relevant = vec![(target, 1)];
            Task { known: step.known, candidates: Some(candidates), relevant, labelled: Vec::new() }
        };
        steps::steps(catalogue, session, self.stage.rules).into_iter().map(task).collect()
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
        for (place, item) in pack.items.iter().enumerate().filter(|(_, item)| given.contains(item)) {
            let right = task.relevant.iter().any(|(relevant, _)| relevant == item);
            let features = columns.iter().map(|column| f64::from(column[place])).collect();
            examples.push((features, f64::from(u8::from(right))));
        }
        Ok(())
    }
}

/// Gradient descent on standardised features; right and wrong examples weigh the same in sum.
fn fit(sources: &[String], examples: &[Example]) -> Weights {
    let count = examples.len() as f64;
    let mean = |at: usize| examples.iter().map(|(features, _)| features[at]).sum::<f64>() / count;
    let means: Vec<f64> = (0..sources.len()).map(mean).collect();
    let deviation = |at: usize| {
        let squares = examples.iter().map(|(features, _)| (features[at] - means[at]).powi(2));
        (squares.sum::<f64>() / count).sqrt()
    };
    let deviations: Vec<f64> = (0..sources.len()).map(deviation).collect();
    let scaled = |features: &[f64]| -> Vec<f64> {
        let rows = features.iter().zip(&means).zip(&deviations);
        rows.map(
            |((value, mean), deviation)| if *deviation > 1e-9 { (value - mean) / deviation } else { 0.0 },
        )
        .collect()
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
    let unscaled = |(weight, deviation): (&f64, &f64)| {
        if *deviation > 1e-9 { (weight / deviation) as f32 } else { 0.0 }
    };
    sources.iter().cloned().zip(weights.iter().zip(&deviations).map(unscaled)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_right_from_wrong_gets_the_weight() {
        let example = |at: usize| {
            let right = f64::from(u8::from(at.is_multiple_of(3)));
            let noise = (at * 7 % 11) as f64;
            (vec![right * 2.0 + 0.1 * noise, noise, 1.0, -right], right)
        };
        let examples: Vec<Example> = (0..300).map(example).collect();
        let sources = ["signal", "noise", "constant", "against"].map(str::to_owned);
        let weights = fit(&sources, &examples);
        assert!(weights["signal"] > 0.5 && weights["against"] < -0.5, "{weights:?}");
        assert!(weights["noise"].abs() < 0.2 && weights["constant"] == 0.0, "{weights:?}");
    }
}

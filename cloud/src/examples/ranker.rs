//! What the session ranker learns from: steps of training sessions, as the core feeds them to the ranker.
//!
//! | file | holds |
//! |---|---|
//! | `schema.json` | the feature schema that the arrays follow |
//! | `candidates.npy` f32 `[B, C, Fc]` | the candidates of each step: what is fixed while a pack is in use |
//! | `live.npy` f32 `[B, C, Fl]` | what the session says about each |
//! | `labels.npy` f32 `[B, C, H]` | what is known of each by head; NaN where nothing is |
//! | `events.npy` f32 `[rows, Fe]` | the events before each step, newest first |
//! | `offsets.npy` i32 `[B + 1]` | where each step's events begin and end |
//! | `context.npy` f32 `[B, K]` | the context of each step |
//! | `groups.npy` i32 `[B]` | whose session it is |
//!
//! Candidates are the next item that did well, the item that was really played next, and others drawn from what
//! would have been retrieved for the user just before the session.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use rayon::prelude::*;
use segue_core::features::{Assembler, Inputs, Schema};
use segue_core::pack::{PackSource, VerifiedPack};
use segue_core::policy::Policy;
use segue_core::session::State;
use serde::Serialize;

use super::sample::{self, Outcome};
use super::schema::{HEADS, schema};
use super::{Moment, npy};
use crate::candidates::CandidateFacts;
use crate::catalog::{Catalogue, Item, SessionLog, User};
use crate::evaluate::{Step, steps};
use crate::progress;
use crate::towers::features::{FeatureMatrix, user_columns};
use crate::towers::onnx::Tower;

/// Most sessions that are learned from.
const SESSIONS: usize = 20_000;
/// Most steps of one session.
const STEPS: usize = 4;
/// Candidates of one step.
const CANDIDATES: usize = 32;
/// Items that would have been retrieved.
const RETRIEVED: usize = 1_000;
/// Of these, how many a session's steps draw from.
const POOL: usize = 160;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Sessions learned from.
    pub sessions: usize,
    /// Steps written.
    pub steps: usize,
    /// Steps left out because the right item would not have been retrieved.
    pub not_retrieved: usize,
}

/// Arrays of some sessions, in order.
#[derive(Debug, Clone, Default)]
struct Arrays {
    candidates: Vec<f32>,
    live: Vec<f32>,
    labels: Vec<f32>,
    events: Vec<f32>,
    counts: Vec<u32>,
    context: Vec<f32>,
    groups: Vec<u32>,
    not_retrieved: usize,
}

struct Writer<'a> {
    catalogue: &'a Catalogue,
    schema: Schema,
    policy: Policy,
    facts: CandidateFacts,
    dimension: usize,
    items: Vec<f32>,
}

/// Writes the arrays into `out`, with vectors by the towers in `towers`.
///
/// # Errors
/// When there is nothing to learn from, the towers do not fit, or a file cannot be written.
pub fn write(catalogue: &Catalogue, towers: &Path, out: &Path) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let moment = Moment::new(catalogue)?;
    let sessions = moment.sessions(catalogue, SESSIONS);
    let (dimension, items) = tower(towers, "item")?.run(&moment.items)?;
    let users = user_vectors(catalogue, &moment, &sessions, towers)?;
    ensure!(users.len() == sessions.len() * dimension, "the towers give vectors of different dimensions");
    let known = catalogue.training_events().filter(|&event| catalogue.events[event].time_ms < moment.time_ms);
    let writer = Writer {
        facts: CandidateFacts::new(catalogue, known, moment.time_ms),
        schema: schema(&catalogue.dataset, dimension),
        policy: policy(&catalogue.dataset.surface)?,
        catalogue,
        dimension,
        items,
    };
    let bar = progress::bar("sessions", sessions.len());
    let parts: Vec<Arrays> = sessions
        .par_iter()
        .zip(users.par_chunks_exact(dimension))
        .map(|(session, user)| writer.session(session, user).inspect(|_| bar.inc(1)))
        .collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let mut all = Arrays::default();
    parts.into_iter().for_each(|part| all.append(part));
    ensure!(
        !all.groups.is_empty(),
        "no training session has a step whose next item would have been retrieved"
    );
    all.write(&writer.schema, out)?;
    Ok(Summary { sessions: sessions.len(), steps: all.groups.len(), not_retrieved: all.not_retrieved })
}

fn tower(folder: &Path, name: &'static str) -> anyhow::Result<Tower> {
    let path = folder.join(format!("{name}_tower.onnx"));
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}: train the towers first", path.display()))?;
    Tower::open(&bytes, name)
}

fn policy(surface: &str) -> anyhow::Result<Policy> {
    let (_, bytes) = segue_core::policies::ALL
        .iter()
        .find(|(name, _)| *name == surface)
        .ok_or_else(|| anyhow!("no policy for the surface {surface:?} of this data"))?;
    Ok(Policy::from_json(bytes)?)
}

fn user_vectors(
    catalogue: &Catalogue,
    moment: &Moment,
    sessions: &[SessionLog],
    towers: &Path,
) -> anyhow::Result<Vec<f32>> {
    let mut rows = FeatureMatrix { columns: user_columns(&catalogue.dataset), values: Vec::new() };
    for session in sessions {
        let begins = catalogue.events[session.events[0] as usize].time_ms;
        let user = session.user.context("a session without a user")?;
        rows.values.extend(moment.user_row(catalogue, user as usize, begins));
    }
    Ok(tower(towers, "user")?.run(&rows)?.1)
}

impl Writer<'_> {
    fn session(&self, session: &SessionLog, user: &[f32]) -> anyhow::Result<Arrays> {
        let mut arrays = Arrays::default();
        let mut random = sample::generator(session);
        let retrieved = self.retrieve(session, user);
        let mut steps = steps(self.catalogue, session);
        let all = steps.len();
        steps.retain(|step| retrieved.contains(&(step.target as u32)));
        arrays.not_retrieved = all - steps.len();
        let steps = sample::steps(steps, STEPS, &mut random);
        if steps.is_empty() {
            return Ok(arrays);
        }
        let outcomes = sample::outcomes(self.catalogue, session);
        let pool = sample::draw(&retrieved, POOL, &mut random);
        let pack = self.pack(session, user, &pool)?;
        let mut assembler = Assembler::new(self.schema.clone(), &pack);
        let mut state = State::default();
        let mut applied = 0;
        for step in steps {
            while applied < step.known {
                let event = &self.catalogue.events[session.events[applied] as usize];
                state.apply(event, pack.find(&event.item), &self.policy.feedback)?;
                applied += 1;
            }
            let event = session.events[step.known] as usize;
            let inputs = assembler.assemble(&pack, &state, &self.catalogue.events[event].context);
            let rows = self.rows(session, step, &pool, &outcomes, &mut random);
            arrays.push(inputs, &self.schema, &self.placed(&rows, &pack), state.remembered().count());
            arrays.groups.push(session.user.unwrap_or_default());
        }
        Ok(arrays)
    }

    /// The items nearest to the user that he could get when the session began.
    fn retrieve(&self, session: &SessionLog, user: &[f32]) -> Vec<u32> {
        let begins = self.catalogue.events[session.events[0] as usize].time_ms;
        let person = session.user.map(|user| &self.catalogue.users[user as usize]);
        let mut scored: Vec<(f32, u32)> = (0u32..)
            .zip(self.items.chunks_exact(self.dimension))
            .filter(|(item, _)| is_available(&self.catalogue.items[*item as usize], person, begins))
            .map(|(item, vector)| (vector.iter().zip(user).map(|(one, other)| one * other).sum(), item))
            .collect();
        let better =
            |one: &(f32, u32), other: &(f32, u32)| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1));
        if scored.len() > RETRIEVED {
            scored.select_nth_unstable_by(RETRIEVED - 1, better);
            scored.truncate(RETRIEVED);
        }
        scored.sort_by(better);
        scored.into_iter().map(|(_, item)| item).collect()
    }

    /// A pack of the pool and of everything the session was about.
    fn pack(&self, session: &SessionLog, user: &[f32], pool: &[u32]) -> anyhow::Result<VerifiedPack> {
        let mut items = pool.to_vec();
        let about = session.events.iter().filter_map(|&event| self.catalogue.event_items[event as usize]);
        items.extend(about);
        items.sort_unstable();
        items.dedup();
        let vector = |item: u32| &self.items[item as usize * self.dimension..][..self.dimension];
        let source = |&item: &u32| self.facts.source(self.catalogue, item as usize, vector(item), 0.0);
        let source = PackSource {
            generation: 1,
            subject: "user:training",
            created_ms: 0,
            expires_ms: i64::MAX,
            ranker: None,
            towers: "training",
            user,
            candidates: items.iter().map(source).collect(),
        };
        Ok(VerifiedPack::from_pack(source.to_pack())?)
    }

    /// The step's candidates with their labels.
    fn rows(
        &self,
        session: &SessionLog,
        step: Step,
        pool: &[u32],
        outcomes: &BTreeMap<u32, Outcome>,
        random: &mut rand_chacha::ChaCha8Rng,
    ) -> Vec<(u32, [f32; HEADS.len()])> {
        let item = |at: usize| self.catalogue.event_items[session.events[at] as usize];
        let before: Vec<u32> = (0..step.known).filter_map(item).collect();
        let target = step.target as u32;
        let mut items = vec![target];
        items.extend(item(step.known).filter(|played| *played != target && !before.contains(played)));
        let others = sample::draw(pool, pool.len(), random);
        let fresh = others.into_iter().filter(|other| !before.contains(other) && !items.contains(other));
        let fresh: Vec<u32> = fresh.take(CANDIDATES - items.len()).collect();
        items.extend(fresh);
        let unknown: Outcome = [f32::NAN; 3];
        let label = |(at, item): (usize, u32)| {
            // What became of the drawn ones is not known, even where they are played much later.
            let [complete, skip, like] =
                if at < 2 { *outcomes.get(&item).unwrap_or(&unknown) } else { unknown };
            (item, [complete, skip, like, f32::from(u8::from(item == target))])
        };
        items.into_iter().enumerate().map(label).collect()
    }

    /// The rows' places in the pack.
    fn placed(
        &self,
        rows: &[(u32, [f32; HEADS.len()])],
        pack: &VerifiedPack,
    ) -> Vec<(usize, [f32; HEADS.len()])> {
        let id = |item: u32| self.catalogue.items[item as usize].item.as_str();
        let place = |item: u32| pack.candidates().iter().position(|candidate| candidate.item == id(item));
        rows.iter().filter_map(|(item, labels)| Some((place(*item)?, *labels))).collect()
    }
}

fn is_available(item: &Item, user: Option<&User>, time_ms: i64) -> bool {
    let here = item.regions.is_empty()
        || user.and_then(|user| user.country.as_ref()).is_some_and(|country| item.regions.contains(country));
    here && item.available_from_ms.is_none_or(|from| from <= time_ms)
        && item.available_until_ms.is_none_or(|until| time_ms < until)
}

impl Arrays {
    fn push(
        &mut self,
        inputs: &Inputs,
        schema: &Schema,
        rows: &[(usize, [f32; HEADS.len()])],
        events: usize,
    ) {
        let (width, live) = (schema.candidate_width(), schema.live_width());
        for (place, labels) in rows {
            self.candidates.extend(&inputs.candidates[place * width..][..width]);
            self.live.extend(&inputs.live[place * live..][..live]);
            self.labels.extend(labels);
        }
        let missing = CANDIDATES - rows.len().min(CANDIDATES);
        self.candidates.extend(std::iter::repeat_n(0.0, missing * width));
        self.live.extend(std::iter::repeat_n(0.0, missing * live));
        self.labels.extend(std::iter::repeat_n(f32::NAN, missing * HEADS.len()));
        self.events.extend(&inputs.events[..events * schema.event_width()]);
        self.counts.push(events as u32);
        self.context.extend(&inputs.context);
    }

    fn append(&mut self, mut other: Self) {
        self.candidates.append(&mut other.candidates);
        self.live.append(&mut other.live);
        self.labels.append(&mut other.labels);
        self.events.append(&mut other.events);
        self.counts.append(&mut other.counts);
        self.context.append(&mut other.context);
        self.groups.append(&mut other.groups);
        self.not_retrieved += other.not_retrieved;
    }

    fn write(&self, schema: &Schema, out: &Path) -> anyhow::Result<()> {
        let steps = self.groups.len();
        let mut offsets = vec![0];
        offsets.extend(self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let rows = offsets[steps] as usize;
        let shape = |width: usize| [steps, CANDIDATES, width];
        npy::write_floats(out, "candidates", &shape(schema.candidate_width()), &self.candidates)?;
        npy::write_floats(out, "live", &shape(schema.live_width()), &self.live)?;
        npy::write_floats(out, "labels", &shape(HEADS.len()), &self.labels)?;
        npy::write_floats(out, "events", &[rows, schema.event_width()], &self.events)?;
        npy::write_integers(out, "offsets", &[steps + 1], &offsets)?;
        npy::write_floats(out, "context", &[steps, schema.context_width()], &self.context)?;
        npy::write_integers(out, "groups", &[steps], &self.groups)?;
        std::fs::write(out.join("schema.json"), serde_json::to_vec_pretty(schema)?)
            .context("cannot write schema.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    fn writer(catalogue: &Catalogue) -> Writer<'_> {
        Writer {
            catalogue,
            schema: schema(&catalogue.dataset, 2),
            policy: policy("radio").unwrap(),
            facts: CandidateFacts::new(catalogue, catalogue.training_events(), 0),
            dimension: 2,
            items: (0..samples::ITEMS).flat_map(|item| [1.0, item as f32 / 100.0]).collect(),
        }
    }

    #[test]
    fn the_first_step_knows_no_event_and_each_step_has_one_right_item() {
        let catalogue = samples::catalogue();
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let arrays = writer(&catalogue).session(&session, &[1.0, 0.0]).unwrap();
        assert_eq!(arrays.counts[0], 0);
        for step in arrays.labels.chunks_exact(CANDIDATES * HEADS.len()) {
            let right = step.chunks_exact(HEADS.len()).filter(|labels| labels[3] == 1.0).count();
            assert_eq!(right, 1);
        }
        assert_eq!(arrays.candidates.len(), arrays.groups.len() * CANDIDATES * (2 + 6));
        assert_eq!(arrays.live.len(), arrays.groups.len() * CANDIDATES * 7);
    }

    #[test]
    fn an_item_that_is_not_available_is_not_retrieved() {
        let mut catalogue = samples::catalogue();
        catalogue.items[3].regions = vec!["FR".into()];
        catalogue.items[4].available_from_ms = Some(i64::MAX);
        let session = catalogue.sessions().remove(0);
        let retrieved = writer(&catalogue).retrieve(&session, &[1.0, 0.0]);
        assert_eq!(retrieved.len(), samples::ITEMS - 2);
    }
}

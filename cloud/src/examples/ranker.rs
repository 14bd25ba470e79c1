//! What the session ranker learns from: steps of training sessions, as the core feeds them to the ranker
//! (`Arrays`).
//!
//! Candidates are the next item that did well, the item that was really played next, and others drawn from what
//! would have been retrieved for the user just before the session.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use rayon::prelude::*;
use segue_core::features::{Assembler, Schema};
use segue_core::pack::{PackSource, VerifiedPack};
use segue_core::policy::Policy;
use segue_core::session::State;
use serde::Serialize;

use super::arrays::{Arrays, Labels};
use super::sample::{self, Outcome};
use super::schema::schema;
use super::{Snapshot, group_of};
use crate::candidates::CandidateFacts;
use crate::catalog::{Catalogue, Item, SessionLog, User};
use crate::evaluate::{LabelRules, Step, steps};
use crate::index::normalise;
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
/// Popular items whose mean stands for the taste of somebody unknown.
const TASTE: usize = 100;

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

struct Writer<'a> {
    catalogue: &'a Catalogue,
    schema: Schema,
    rules: LabelRules,
    policy: Policy,
    facts: CandidateFacts,
    dimension: usize,
    items: Vec<f32>,
}

/// Writes the arrays into `out`, with vectors by the towers in `towers` and the strengths of `policy`, which must be the
/// one that is served.
///
/// # Errors
/// When there is nothing to learn from, the towers do not fit, or a file cannot be written.
pub fn write(catalogue: &Catalogue, policy: Policy, towers: &Path, out: &Path) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let snapshot = Snapshot::new(catalogue)?;
    let sessions = snapshot.sessions(catalogue, SESSIONS);
    let (dimension, items) = tower(towers, "item")?.run(&snapshot.items)?;
    let mut users = user_vectors(catalogue, &snapshot, &sessions, towers)?;
    ensure!(users.len() == sessions.len() * dimension, "the towers give vectors of different dimensions");
    let taste = taste(&items, dimension, &snapshot.counts);
    for (session, user) in sessions.iter().zip(users.chunks_exact_mut(dimension)) {
        if session.user.is_none() {
            user.copy_from_slice(&taste);
        }
    }
    let writer = Writer {
        facts: CandidateFacts::new(catalogue, snapshot.known.iter().copied(), snapshot.time_ms),
        schema: schema(&catalogue.dataset, dimension),
        rules: LabelRules::of(&catalogue.dataset.surface)?,
        policy,
        catalogue,
        dimension,
        items,
    };
    let bar = progress::bar("sessions", sessions.len());
    let parts: Vec<(Arrays, usize)> = sessions
        .par_iter()
        .zip(users.par_chunks_exact(dimension))
        .map(|(session, user)| {
            let from = snapshot.learns_from(catalogue, session);
            writer.session(session, from, user).inspect(|_| bar.inc(1))
        })
        .collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let mut all = Arrays::new(&writer.schema, CANDIDATES);
    let not_retrieved = parts.iter().map(|(_, not_retrieved)| not_retrieved).sum();
    parts.into_iter().for_each(|(part, _)| all.append(part));
    ensure!(all.steps() > 0, "no training session has a step whose next item would have been retrieved");
    all.write(out)?;
    Ok(Summary { sessions: sessions.len(), steps: all.steps(), not_retrieved })
}

fn tower(folder: &Path, name: &'static str) -> anyhow::Result<Tower> {
    let path = folder.join(format!("{name}_tower.onnx"));
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}: train the towers first", path.display()))?;
    Tower::open(&bytes, name)
}

fn user_vectors(
    catalogue: &Catalogue,
    snapshot: &Snapshot,
    sessions: &[SessionLog],
    towers: &Path,
) -> anyhow::Result<Vec<f32>> {
    let mut rows = FeatureMatrix { columns: user_columns(&catalogue.dataset), values: Vec::new() };
    for session in sessions {
        rows.values.extend(snapshot.user_row(catalogue, session));
    }
    Ok(tower(towers, "user")?.run(&rows)?.1)
}

/// What a refresh takes for the vector of people about whom nothing is known: the mean of what is most popular.
fn taste(items: &[f32], dimension: usize, counts: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|one, other| counts[*other].total_cmp(&counts[*one]).then(one.cmp(other)));
    let mut mean = vec![0.0; dimension];
    for item in order.into_iter().take(TASTE) {
        let vector = &items[item * dimension..][..dimension];
        mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    normalise(&mut mean);
    mean
}

impl Writer<'_> {
    /// The arrays of one session's steps at place `from` or later, and how many of them had a target that would not have
    /// been retrieved.
    fn session(&self, session: &SessionLog, from: usize, user: &[f32]) -> anyhow::Result<(Arrays, usize)> {
        let mut arrays = Arrays::new(&self.schema, CANDIDATES);
        let mut random = sample::generator(session);
        let retrieved = self.retrieve(session, user);
        let mut steps = steps(self.catalogue, session, &self.rules);
        steps.retain(|step| step.known >= from);
        let all = steps.len();
        steps.retain(|step| retrieved.contains(&(step.target as u32)));
        let not_retrieved = all - steps.len();
        let steps = sample::steps(steps, STEPS, &mut random);
        if steps.is_empty() {
            return Ok((arrays, not_retrieved));
        }
        let outcomes = sample::outcomes(sample::about_items(self.catalogue, session));
        let pool = sample::draw(&retrieved, POOL, &mut random);
        let pack = self.pack(session, user, &pool)?;
        self.replay(session, &pack, &steps, &mut arrays, |step| {
            self.rows(session, step, &pool, &outcomes, &mut random)
        })?;
        Ok((arrays, not_retrieved))
    }

    /// What the core feeds to the ranker at each step, for the candidates that `rows` names.
    fn replay(
        &self,
        session: &SessionLog,
        pack: &VerifiedPack,
        steps: &[Step],
        arrays: &mut Arrays,
        mut rows: impl FnMut(Step) -> Vec<(u32, Labels)>,
    ) -> anyhow::Result<()> {
        let mut assembler = Assembler::new(self.schema.clone(), pack);
        let mut state = State::default();
        let mut applied = 0;
        for &step in steps {
            while applied < step.known {
                let event = &self.catalogue.events[session.events[applied] as usize];
                state.apply(event, pack.find(&event.item), &self.policy.feedback)?;
                applied += 1;
            }
            let event = session.events[step.known] as usize;
            let inputs = assembler.assemble(pack, &state, &self.catalogue.events[event].context);
            arrays.push(inputs, &self.placed(&rows(step), pack), group_of(self.catalogue, session));
        }
        Ok(())
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
    ) -> Vec<(u32, Labels)> {
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
    fn placed(&self, rows: &[(u32, Labels)], pack: &VerifiedPack) -> Vec<(usize, Labels)> {
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

#[cfg(test)]
mod tests {
    use segue_core::Budget;
    use segue_core::engine::{Engine, Request, Slate};
    use segue_core::features::Inputs;
    use segue_core::score::Scorer;

    use super::*;
    use crate::examples::schema::HEADS;
    use crate::towers::samples;

    fn writer(catalogue: &Catalogue) -> Writer<'_> {
        Writer {
            catalogue,
            schema: schema(&catalogue.dataset, 2),
            rules: LabelRules::of("radio").unwrap(),
            policy: Policy::from_json(segue_core::policies::RADIO).unwrap(),
            facts: CandidateFacts::new(catalogue, catalogue.training_events(), 0),
            dimension: 2,
            items: (0..samples::ITEMS).flat_map(|item| [1.0, item as f32 / 100.0]).collect(),
        }
    }

    #[test]
    fn the_first_step_knows_no_event_and_each_step_has_one_right_item() {
        let catalogue = samples::catalogue();
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let (arrays, _) = writer(&catalogue).session(&session, 0, &[1.0, 0.0]).unwrap();
        assert_eq!(arrays.counts[0], 0);
        for step in arrays.labels.chunks_exact(CANDIDATES) {
            assert_eq!(step.iter().filter(|labels| labels[3] == 1.0).count(), 1);
        }
        assert_eq!(arrays.candidates.len(), arrays.steps() * CANDIDATES * (2 + 6));
        assert_eq!(arrays.live.len(), arrays.steps() * CANDIDATES * 7);
    }

    /// Heads that differ from candidate to candidate.
    struct Sums(usize);

    impl Scorer for Sums {
        fn score(&mut self, inputs: &Inputs, _: &mut Budget<'_>) -> segue_core::Result<Vec<f32>> {
            let rows = inputs.live.chunks_exact(inputs.live.len() / inputs.count);
            let head = |row: &[f32]| std::iter::repeat_n(row.iter().sum::<f32>(), self.0).collect::<Vec<_>>();
            Ok(rows.flat_map(head).collect())
        }
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn what_was_served_and_logged_is_what_training_computes() {
        let catalogue = samples::catalogue();
        let (writer, user) = (writer(&catalogue), [1.0, 0.0]);
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let pool: Vec<u32> = (0..samples::ITEMS as u32).collect();
        let pack = writer.pack(&session, &user, &pool).unwrap();
        let step = *steps(&catalogue, &session, &writer.rules).last().unwrap();
        let event = |at: usize| &catalogue.events[session.events[at] as usize];

        let scorer: Box<dyn Scorer + Send> = Box::new(Sums(HEADS.len()));
        let mut engine =
            Engine::of_server(writer.policy.clone(), Some((writer.schema.clone(), scorer))).unwrap();
        engine.begin(pack.clone());
        (0..step.known).for_each(|at| assert!(engine.apply(event(at)).is_ok()));
        let request = Request {
            surface: "radio".into(),
            count: 5,
            now_ms: event(step.known).time_ms,
            seed: 0,
            context: event(step.known).context.clone(),
            log_features: true,
        };
        let slate = serde_json::to_vec(&engine.rank(&request).unwrap()).unwrap();
        let log = serde_json::from_slice::<Slate>(&slate).unwrap().features.unwrap();
        assert!(step.known > 0 && log.places.len() == 5);

        let item = |at: usize| catalogue.item_index(&log.places[at].item).unwrap() as u32;
        let rows: Vec<(u32, Labels)> = (0..5).map(|at| (item(at), [0.0; HEADS.len()])).collect();
        let mut computed = Arrays::new(&writer.schema, 5);
        writer.replay(&session, &pack, &[step], &mut computed, |_| rows.clone()).unwrap();
        let inputs = log.inputs(&writer.schema).unwrap();
        assert_eq!(bits(&inputs.candidates), bits(&computed.candidates));
        assert_eq!(bits(&inputs.live), bits(&computed.live));
        assert_eq!(bits(&log.events), bits(&computed.events));
        assert_eq!(bits(&inputs.context), bits(&computed.context));
        assert!(inputs.live.iter().any(|value| *value != 0.0));
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

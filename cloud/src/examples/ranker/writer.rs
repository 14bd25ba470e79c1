//! One session after the other, as the core feeds its steps to the ranker.

use rayon::prelude::*;
use segue_core::features::{Assembler, Schema};
use segue_core::pack::{PackSource, VerifiedPack};
use segue_core::policy::Policy;
use segue_core::session::State;

use crate::candidates::CandidateFacts;
use crate::catalog::{Catalogue, Event, SessionLog};
use crate::evaluate::LabelRules;
use crate::evaluate::tasks::{Source, Task, tasks};
use crate::examples::arrays::{Arrays, Labels};
use crate::examples::choice::{CANDIDATES, Came, Chooser, Reach, Vectors};
use crate::examples::circumstances::Told;
use crate::examples::schema::{of_table, schema};
use crate::examples::window::{Window, seen};
use crate::examples::{Snapshot, group_of, sample};
use crate::progress;

/// The fewest steps of one session that are learned from, where it has as many.
const STEPS_OF_A_SESSION: usize = 4;

/// Writes the arrays of sessions.
pub(super) struct Writer<'a> {
    catalogue: &'a Catalogue,
    /// What the arrays follow.
    pub(super) schema: Schema,
    rules: &'a LabelRules,
    policy: &'a Policy,
    facts: &'a CandidateFacts,
    vectors: &'a Vectors,
    /// How popular each item was.
    popularity: &'a [f32],
    reach: Reach,
    source: Source,
    /// What is known of what was shown; none where it is not waited for.
    window: Option<&'a Window<'a>>,
    /// Whether candidates that were drawn are waited for too, where they were seen.
    waits_for_drawn: bool,
}

impl<'a> Writer<'a> {
    /// For a table of vectors.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        policy: &'a Policy,
        rules: &'a LabelRules,
        facts: &'a CandidateFacts,
        vectors: &'a Vectors,
    ) -> Self {
        Self {
            schema: of_table(&catalogue.dataset, vectors.dimension, tells_seconds(catalogue)),
            source: Source::of(&catalogue.dataset.name),
            rules,
            policy,
            popularity: facts.recent_popularity(),
            reach: Reach::GATHERED,
            window: None,
            waits_for_drawn: true,
            facts,
            catalogue,
            vectors,
        }
    }

    /// For vectors of two towers, which know what items are like whoever took them up; `popularity` is how often each was taken up.
    /// Of candidates, only those that were logged are waited for.
    pub(super) fn of_towers(
        catalogue: &'a Catalogue,
        policy: &'a Policy,
        rules: &'a LabelRules,
        facts: &'a CandidateFacts,
        vectors: &'a Vectors,
        popularity: &'a [f32],
    ) -> Self {
        let schema = schema(&catalogue.dataset, vectors.dimension);
        let (reach, waits_for_drawn) = (Reach::PACK, false);
        let new = Self::new(catalogue, policy, rules, facts, vectors);
        Self { popularity, schema, reach, waits_for_drawn, ..new }
    }

    /// The same, waiting for what becomes of what was shown.
    pub(super) fn waiting(self, window: Option<&'a Window<'a>>) -> Self {
        Self { window, ..self }
    }

    /// The arrays of each session, about `aim` steps in all, and how many of its steps had a target that would not have been
    /// retrieved.
    pub(super) fn sessions(
        &self,
        snapshot: &Snapshot,
        sessions: &[SessionLog],
        users: &[f32],
        aim: usize,
    ) -> anyhow::Result<Vec<(Arrays, usize)>> {
        let counts: Vec<usize> = sessions
            .par_iter()
            .map(|session| self.asked(session, snapshot.learns_from(self.catalogue, session)).len())
            .collect();
        let steps = sample::share(&counts, aim).max(STEPS_OF_A_SESSION);
        let bar = progress::bar("sessions", sessions.len());
        let one = |(session, user): (&SessionLog, &[f32])| {
            let from = snapshot.learns_from(self.catalogue, session);
            self.session(session, (from, steps), user).inspect(|_| bar.inc(1))
        };
        let parts =
            sessions.par_iter().zip(users.par_chunks_exact(self.vectors.dimension)).map(one).collect();
        bar.finish_and_clear();
        parts
    }

    /// The arrays of at most `most` of a session's steps at place `from` or later, and how many of them had a target that
    /// would not have been retrieved.
    fn session(
        &self,
        session: &SessionLog,
        (from, most): (usize, usize),
        user: &[f32],
    ) -> anyhow::Result<(Arrays, usize)> {
        let mut arrays = Arrays::new(&self.schema, CANDIDATES);
        let mut random = sample::generator(session);
        let Self { catalogue, source, vectors, popularity, reach, .. } = *self;
        let chooser = Chooser { catalogue, source, vectors, popularity, reach };
        let pool = chooser.pool(session, user, &mut random);
        let mut tasks = self.asked(session, from);
        let all = tasks.len();
        tasks.retain(|task| pool.offers(task));
        let not_retrieved = all - tasks.len();
        let tasks = sample::steps(tasks, most, &mut random);
        if tasks.is_empty() {
            return Ok((arrays, not_retrieved));
        }
        let about = || sample::about_items(catalogue, session);
        let came =
            Came { outcomes: sample::outcomes(about(), self.rules), seconds: sample::seconds(about()) };
        let given = tasks.iter().flat_map(|task| task.candidates.iter().flatten().copied());
        let pack = self.pack(session, user, pool.drawn.iter().copied().chain(given))?;
        self.replay(session, &pack, &tasks, &mut arrays, |task| {
            chooser.rows(session, task, &pool, &came, &mut random)
        })?;
        Ok((arrays, not_retrieved))
    }

    /// The questions of a session at place `from` or later.
    fn asked(&self, session: &SessionLog, from: usize) -> Vec<Task> {
        let mut tasks = self.tasks(session);
        tasks.retain(|task| task.known >= from);
        tasks
    }

    /// The questions of a session; where only held-out events name their candidates, those before each play.
    fn tasks(&self, session: &SessionLog) -> Vec<Task> {
        let source = if self.source == Source::Target { Source::Pack } else { self.source };
        tasks(self.catalogue, session, source, self.rules, &mut Default::default())
    }

    /// What the core feeds to the ranker at each step, for the candidates that `rows` names.
    fn replay(
        &self,
        session: &SessionLog,
        pack: &VerifiedPack,
        tasks: &[Task],
        arrays: &mut Arrays,
        mut rows: impl FnMut(&Task) -> Vec<(u32, Labels)>,
    ) -> anyhow::Result<()> {
        let mut assembler = Assembler::new(self.schema.clone(), pack);
        let mut state = State::default();
        let mut applied = 0;
        for task in tasks {
            while applied < task.known {
                let event = &self.catalogue.events[session.events[applied] as usize];
                state.apply(event, pack.find(&event.item), &self.policy.feedback)?;
                applied += 1;
            }
            let event = &self.catalogue.events[session.events[task.known] as usize];
            let mut rows = rows(task);
            if let Some(window) = self.window.filter(|_| self.waits_for_drawn || task.candidates.is_some()) {
                let seen = seen(self.events(session, task.known));
                arrays.waited.add(window.wait(&mut rows, |item| seen.get(self.id(*item)).copied()));
            }
            let places = self.placed(&rows, pack);
            let inputs = assembler.assemble(pack, &state, &event.context);
            arrays.push(inputs, &places, group_of(self.catalogue, session));
            let told = Told::of(event.slate.as_deref(), self.events(session, task.known), self.rules);
            let right: Vec<&str> = task.relevant.iter().map(|(item, _)| self.id(*item)).collect();
            let items = places.iter().map(|(place, _)| pack.candidates()[*place].item.as_str());
            arrays.tell(&told, items, &right);
        }
        Ok(())
    }

    /// The events of a session from a place on.
    fn events(&self, session: &SessionLog, from: usize) -> impl Iterator<Item = &'a Event> + Clone {
        let catalogue = self.catalogue;
        session.events[from..].iter().map(move |event| &catalogue.events[*event as usize])
    }

    /// The id of an item.
    fn id(&self, item: u32) -> &str {
        &self.catalogue.items[item as usize].item
    }

    /// A pack of these items and of everything the session was about.
    fn pack(
        &self,
        session: &SessionLog,
        user: &[f32],
        offered: impl Iterator<Item = u32>,
    ) -> anyhow::Result<VerifiedPack> {
        let about = session.events.iter().filter_map(|&event| self.catalogue.event_items[event as usize]);
        let mut items: Vec<u32> = offered.chain(about).collect();
        items.sort_unstable();
        items.dedup();
        let dimension = self.vectors.dimension;
        let vector = |item: u32| &self.vectors.items[item as usize * dimension..][..dimension];
        let source = |&item: &u32| self.facts.source(self.catalogue, item as usize, vector(item), 0.0);
        let source = PackSource {
            generation: 1,
            subject: "user:training",
            created_ms: 0,
            expires_ms: i64::MAX,
            ranker: None,
            towers: "training",
            user,
            profile: Vec::new(),
            candidates: items.iter().map(source).collect(),
        };
        Ok(VerifiedPack::from_pack(source.to_pack())?)
    }

    /// The rows' places in the pack.
    fn placed(&self, rows: &[(u32, Labels)], pack: &VerifiedPack) -> Vec<(usize, Labels)> {
        let place =
            |item: u32| pack.candidates().iter().position(|candidate| candidate.item == self.id(item));
        rows.iter().filter_map(|(item, labels)| Some((place(*item)?, *labels))).collect()
    }
}

/// Whether training events say how long items were played.
fn tells_seconds(catalogue: &Catalogue) -> bool {
    catalogue.training_events().any(|index| catalogue.events[index].played_ms.is_some())
}

#[cfg(test)]
mod tests {
    use segue_core::Budget;
    use segue_core::engine::{Engine, Request, Slate};
    use segue_core::features::Inputs;
    use segue_core::score::Scorer;

    use super::*;
    use crate::catalog::{EventKind, Rule};
    use crate::examples::schema::HEADS;
    use crate::towers::samples;

    fn vectors() -> Vectors {
        let items = (0..samples::ITEMS).flat_map(|item| [1.0, item as f32 / 100.0]).collect();
        Vectors { dimension: 2, items }
    }

    fn facts(catalogue: &Catalogue, snapshot: &Snapshot) -> CandidateFacts {
        CandidateFacts::new(catalogue, snapshot.known.iter().copied(), snapshot.time_ms)
    }

    fn rules() -> LabelRules {
        LabelRules::of("radio").unwrap()
    }

    fn radio() -> Policy {
        Policy::from_json(segue_core::policies::RADIO).unwrap()
    }

    #[test]
    fn the_first_step_knows_no_event_and_each_step_has_one_right_item() {
        let catalogue = samples::catalogue();
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let (policy, vectors, snapshot) = (radio(), vectors(), Snapshot::new(&catalogue).unwrap());
        let (facts, rules) = (facts(&catalogue, &snapshot), rules());
        let writer = Writer::new(&catalogue, &policy, &rules, &facts, &vectors);
        let (arrays, _) = writer.session(&session, (0, 4), &[1.0, 0.0]).unwrap();
        assert_eq!(arrays.counts[0], 0);
        for step in arrays.labels.chunks_exact(CANDIDATES) {
            assert_eq!(step.iter().filter(|labels| labels[3] == 1.0).count(), 1);
        }
        assert_eq!(arrays.candidates.len(), arrays.steps() * CANDIDATES * (2 + 7));
        assert_eq!(arrays.live.len(), arrays.steps() * CANDIDATES * 8);
    }

    #[test]
    fn one_event_of_a_person_is_one_step_even_about_an_item_nobody_played_and_a_search_is_none() {
        let learned = |kind: EventKind, item: &str| {
            let mut catalogue = samples::catalogue();
            let mut event = samples::event("new", samples::USERS - 1, samples::ITEMS - 1, 300_000);
            (event.kind, event.item, event.session) = (kind, item.into(), "new".into());
            catalogue.add_events(vec![event]);
            let is_new = |session: &SessionLog| catalogue.events[session.events[0] as usize].session == "new";
            let session = catalogue.sessions().into_iter().find(is_new).unwrap();
            let (policy, vectors, snapshot) = (radio(), vectors(), Snapshot::new(&catalogue).unwrap());
            let (facts, rules) = (facts(&catalogue, &snapshot), rules());
            let writer = Writer::new(&catalogue, &policy, &rules, &facts, &vectors);
            let (arrays, _) = writer.session(&session, (0, 4), &[1.0, 0.0]).unwrap();
            let right = arrays.labels.iter().filter(|labels| labels[3] == 1.0).count();
            (arrays.steps(), right)
        };
        assert_eq!(learned(EventKind::Complete, "i11"), (1, 1));
        assert_eq!(learned(EventKind::Skip, "i11"), (0, 0));
        assert_eq!(learned(EventKind::Search, ""), (0, 0));
    }

    #[test]
    fn rules_of_ones_own_change_what_is_learned() {
        let catalogue = samples::catalogue();
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let (policy, vectors, snapshot) = (radio(), vectors(), Snapshot::new(&catalogue).unwrap());
        let facts = facts(&catalogue, &snapshot);
        let learned = |rules: &LabelRules| {
            let writer = Writer::new(&catalogue, &policy, rules, &facts, &vectors);
            let (arrays, _) = writer.session(&session, (0, 4), &[1.0, 0.0]).unwrap();
            let right: Vec<_> = arrays.labels.iter().filter(|labels| labels[3] == 1.0).collect();
            let all = |head: usize, label: f32| right.iter().all(|labels| labels[head] == label);
            assert!(!right.is_empty());
            (all(0, 1.0), all(2, 1.0))
        };
        assert_eq!(learned(&rules()), (true, false));
        let own = LabelRules::changed("radio", |file| {
            file["heads"]["complete"]["well"] = vec!["click"].into();
            file["heads"]["complete"]["badly"] = vec!["complete"].into();
            file["heads"]["like"]["kinds"] = vec!["complete"].into();
        });
        assert_eq!(learned(&own.unwrap()), (false, true));
    }

    #[test]
    fn what_was_seen_and_not_taken_up_is_refused_and_what_was_only_drawn_is_not() {
        let mut catalogue = samples::catalogue();
        let mut seen = samples::event("seen", 0, 9, 310_000);
        seen.kind = EventKind::Impression;
        catalogue.add_events(vec![seen]);
        catalogue.divide(Rule::Time { boundary_ms: 2 * 86_400_000 });
        let sessions = catalogue.sessions();
        let session = sessions.iter().find(|session| session.events.len() == 3).unwrap();
        let (policy, vectors, snapshot) = (radio(), vectors(), Snapshot::new(&catalogue).unwrap());
        let (facts, rules) = (facts(&catalogue, &snapshot), rules());
        let window = Window::of(&catalogue, &rules);
        let refused = |writer: Writer<'_>| {
            let (arrays, _) = writer.session(session, (0, 4), &[1.0, 0.0]).unwrap();
            let labelled = arrays.labels.iter().filter(|labels| labels[0] == 0.0 && labels[3] == 0.0).count();
            assert_eq!(labelled, arrays.waited.refused);
            (arrays.steps(), arrays.waited.refused)
        };
        let writer = || Writer::new(&catalogue, &policy, &rules, &facts, &vectors);
        assert_eq!(refused(writer().waiting(window.as_ref())), (2, 2));
        assert_eq!(refused(writer()), (2, 0));
        let towers = Writer::of_towers(&catalogue, &policy, &rules, &facts, &vectors, &snapshot.counts);
        assert_eq!(refused(towers.waiting(window.as_ref())), (2, 0));
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
        let (policy, vectors, user) = (radio(), vectors(), [1.0, 0.0]);
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let (facts, rules) = (facts(&catalogue, &snapshot), rules());
        let writer = Writer::new(&catalogue, &policy, &rules, &facts, &vectors);
        let session = catalogue.sessions().into_iter().find(|session| session.events.len() > 1).unwrap();
        let pool: Vec<u32> = (0..samples::ITEMS as u32).collect();
        let pack = writer.pack(&session, &user, pool.into_iter()).unwrap();
        let step = writer.tasks(&session).pop().unwrap();
        let event = |at: usize| &catalogue.events[session.events[at] as usize];

        let scorer: Box<dyn Scorer + Send> = Box::new(Sums(writer.schema.heads.len()));
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
        writer.replay(&session, &pack, std::slice::from_ref(&step), &mut computed, |_| rows.clone()).unwrap();
        let inputs = log.inputs(&writer.schema).unwrap();
        assert_eq!(bits(&inputs.candidates), bits(&computed.candidates));
        assert_eq!(bits(&inputs.live), bits(&computed.live));
        assert_eq!(bits(&log.events), bits(&computed.events));
        assert_eq!(bits(&inputs.context), bits(&computed.context));
        assert!(inputs.live.iter().any(|value| *value != 0.0));
    }
}

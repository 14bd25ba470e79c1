//! What is known at a time: everything a refresh then would have known, and no event after it.
//!
//! Sessions are judged in the order of time, in a few groups; each group's packs are made as a refresh just before its
//! first session would have made them.

use std::collections::BTreeSet;

use segue_core::pack::{PackSource, VerifiedPack};

use super::LabelRules;
use super::tasks::{Source, Task};
use crate::catalog::{Catalogue, SessionLog, User};
use crate::consumers::Segment;
use crate::index::{Kind, Query};
use crate::refresh::{KEPT, Moment, PackMaker, Place, Prepared, Ranking, Sources, Viewer, taste};
use crate::towers::ModelDirectory;
use crate::towers::history::Histories;

/// Items in order, with their scores.
type Order = Vec<(usize, f32)>;

/// Items of the session that a pack holds beside candidates that were given: those the engine remembers.
const REMEMBERED: usize = 50;
const DAY_MS: i64 = 86_400_000;
/// Days that recent popularity looks back.
const RECENT_DAYS: i64 = 7;

/// Everything that is the same for a group of sessions.
pub struct Stage<'a> {
    /// What a refresh would have prepared.
    pub prepared: Prepared<'a>,
    /// What people did until then.
    pub histories: Histories,
    /// How often each item did well until then.
    pub counts: Vec<f32>,
    /// Indices of the events known.
    pub known: Vec<usize>,
    /// The rules that labels go by.
    pub rules: &'a LabelRules,
    /// The model, where there is one.
    pub model: Option<&'a ModelDirectory>,
    /// Times mean something.
    pub timed: bool,
}

impl<'a> Stage<'a> {
    /// What is known just before `until_ms`; events held out by a split that is not by time are not.
    ///
    /// # Errors
    /// When the catalogue has no items, or the model does not fit it.
    pub fn new(
        catalogue: &'a Catalogue,
        model: Option<&'a ModelDirectory>,
        ranking: Ranking,
        rules: &'a LabelRules,
        until_ms: i64,
    ) -> anyhow::Result<Self> {
        let moment = Moment { until_ms: Some(until_ms), now_ms: until_ms };
        let known: Vec<usize> = moment.known(catalogue).collect();
        let mut counts = vec![0.0; catalogue.items.len()];
        count_positives(catalogue, rules, known.iter().copied(), &mut counts);
        Ok(Self {
            prepared: Prepared::new(catalogue, model, ranking, Kind::Exact, moment, &|_| ())?,
            histories: Histories::before(catalogue, Some(until_ms)),
            counts,
            known,
            rules,
            model,
            timed: catalogue.dataset.timed && catalogue.split.rule.boundary_ms().is_some(),
        })
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &'a Catalogue {
        self.prepared.catalogue
    }

    /// Everybody's positives in the last seven days before `time_ms`, later than this stage too.
    #[must_use]
    pub fn recent_counts(&self, time_ms: i64) -> Vec<f32> {
        let catalogue = self.catalogue();
        let place = |time_ms: i64| catalogue.events.partition_point(|event| event.time_ms < time_ms);
        let mut counts = vec![0.0; catalogue.items.len()];
        let recent = place(time_ms.saturating_sub(RECENT_DAYS * DAY_MS))..place(time_ms);
        count_positives(catalogue, self.rules, recent, &mut counts);
        counts
    }

    /// The items nearest to a vector that `viewer` may get, nearest first; those seen too lately only where nothing else
    /// is left.
    #[must_use]
    pub fn retrieve(&self, viewer: &Viewer, vector: &[f32], count: usize) -> Vec<u32> {
        let (barred, inventories) = (&self.prepared.barred, &self.prepared.inventories);
        let allowed = |item: usize| !barred.bars(viewer, item, &self.catalogue().items[item]);
        let fresh = |item: usize| !barred.is_seen(viewer, item) && allowed(item);
        let search = |filter| inventories.search(&[(viewer, Query { vector, filter })], count, None).pop();
        let found = search(&fresh).filter(|found| !found.is_empty()).or_else(|| search(&allowed));
        found.unwrap_or_default().into_iter().map(|(item, _)| item as u32).collect()
    }

    /// A pack of these items for `viewer`, whose vector is `user`. A viewer by default is nobody: then nothing is known of
    /// what was seen when or taken up last, which is how candidates that were given are judged.
    ///
    /// # Errors
    /// When a reader would refuse it.
    pub fn pack(&self, viewer: &Viewer, user: &[f32], items: &[(usize, f32)]) -> anyhow::Result<Pack> {
        let source = PackSource {
            generation: 0,
            subject: "user:",
            created_ms: self.prepared.as_of_ms,
            expires_ms: i64::MAX,
            ranker: None,
            towers: &self.prepared.embeddings.towers,
            user,
            profile: self.prepared.profile(viewer),
            candidates: items
                .iter()
                .map(|&(item, score)| Place::new(item, score, Sources::default()))
                .map(|place| self.prepared.candidate(&place, viewer, false))
                .collect(),
        };
        let pack = VerifiedPack::from_pack(source.to_pack())?;
        let index = |item: &str| self.catalogue().item_index(item).unwrap_or_default() as u32;
        let items = pack.candidates().iter().map(|candidate| index(&candidate.item)).collect();
        Ok(Pack { pack, items })
    }
}

fn count_positives(
    catalogue: &Catalogue,
    rules: &LabelRules,
    events: impl Iterator<Item = usize>,
    counts: &mut [f32],
) {
    for index in events {
        if let Some(item) =
            catalogue.event_items[index].filter(|_| rules.is_positive(&catalogue.events[index]))
        {
            counts[item as usize] += 1.0;
        }
    }
}

/// A pack, and which items its candidates are.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The pack.
    pub pack: VerifiedPack,
    /// Index of each candidate's item.
    pub items: Vec<u32>,
}

/// A session under judgement.
pub struct Sitting<'a> {
    /// Its events.
    pub session: &'a SessionLog,
    /// Who sits there.
    pub viewer: Viewer,
    /// The same person's profile.
    pub person: User,
    /// When it begins.
    pub begins_ms: i64,
    /// The vector that a pack for the person carries.
    pub vector: Vec<f32>,
    /// The pack that is used all through it: what a refresh would have made, or every item; none where candidates are given
    /// or nothing may be shown.
    pub pack: Option<Pack>,
}

impl<'a> Sitting<'a> {
    /// The session with what a refresh would have made for its person.
    ///
    /// # Errors
    /// When the ranker fails or the pack cannot be made.
    pub fn new(
        stage: &Stage<'_>,
        maker: &mut PackMaker<'_>,
        session: &'a SessionLog,
        source: Source,
    ) -> anyhow::Result<Self> {
        let catalogue = stage.catalogue();
        let first = &catalogue.events[session.events[0] as usize];
        let user = session.user.map(|user| user as usize);
        let retrieves = matches!(source, Source::Pack | Source::Own);
        let (viewer, person, vector, order) = match user {
            Some(user) => {
                let viewer = Viewer::of_user(user, &catalogue.users[user]);
                let ranked = if retrieves { maker.rank(&viewer, user)? } else { Vec::new() };
                let order = ranked.into_iter().map(|place| (place.item, place.score)).collect();
                (viewer, catalogue.users[user].clone(), stage.prepared.short.user(user).to_vec(), order)
            }
            None => {
                let viewer = Viewer::of_region(first.context.get("region").map(String::as_str));
                let popular = &stage.prepared.popular;
                let segment = Segment { country: viewer.country.clone(), age_group: None };
                let barred = &stage.prepared.barred;
                let list = popular.list(catalogue, barred, (&viewer, &segment), &|_| true, KEPT);
                let vector = taste(&stage.prepared, list.iter().map(|(item, _)| *item));
                (viewer, User::default(), vector, list)
            }
        };
        let everything = || (0..catalogue.items.len()).map(|item| (item, 0.0)).collect::<Order>();
        let pack = match source {
            Source::Catalogue => Some(stage.pack(&Viewer::default(), &vector, &everything())?),
            _ if retrieves && !order.is_empty() => Some(stage.pack(&viewer, &vector, &order)?),
            _ => None,
        };
        Ok(Self { session, viewer, person, begins_ms: first.time_ms, vector, pack })
    }

    /// The number that figures of one person are added up under; strangers have one for each session.
    #[must_use]
    pub fn group(&self) -> u64 {
        let stranger = || (1 << 32) | u64::from(self.session.events[0]);
        self.session.user.map_or_else(stranger, u64::from)
    }

    /// The pack for a question: the session's own, or one of the candidates given and of what the session was about, so
    /// that the engine knows what its events are about.
    ///
    /// # Errors
    /// When a reader would refuse it.
    pub fn pack_for(&self, stage: &Stage<'_>, task: &Task, user: &[f32]) -> anyhow::Result<Option<Pack>> {
        let Some(candidates) = &task.candidates else { return Ok(self.pack.clone()) };
        let mut items: BTreeSet<u32> = candidates.iter().copied().collect();
        items.extend(self.before(stage.catalogue(), task.known).into_iter().take(REMEMBERED));
        let order: Order = items.into_iter().map(|item| (item as usize, 0.0)).collect();
        stage.pack(&Viewer::default(), user, &order).map(Some)
    }

    /// Items of the events before place `known`, each once, the newest first.
    #[must_use]
    pub fn before(&self, catalogue: &Catalogue, known: usize) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        let events = self.session.events[..known].iter().rev();
        let items = events.filter_map(|event| catalogue.event_items[*event as usize]);
        items.filter(|item| seen.insert(*item)).collect()
    }
}

//! One person's pack at a time, between two refreshes: with what they did since, by the rules of the generation in force.
//!
//! [`Basis`] is what is loaded, [`OnDemand`] what a refresh would prepare from it. Where vectors come from a model they can
//! be compared whenever they were made, so the newest items and events are loaded. Without a model they mean something
//! within one generation only, so exactly what that one was made from is loaded, and new items are placed beside it.

mod basis;
mod parts;

use std::collections::HashMap;

use anyhow::Context as _;
use segue_core::pack::VerifiedPack;

pub use self::basis::Basis;
use self::parts::Tools;
pub use self::parts::{Parts, TakenIn};
use super::gather::{Person, gather};
use super::maker::Stamp;
use super::survey::{Answers, Starter, starters};
use super::{Moment, PackMaker, Prepared, Subject, Viewer};
use crate::catalog::{Event, User};
use crate::consumers::{Counting, Segment};
use crate::index::Query;
use crate::progress;
use crate::state::Verified;
use crate::towers::history::{Signal, is_onboarding, profile_weight};

/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const FUSION: f32 = 60.0;
/// Neighbours by vector that are asked for, for each one wanted: some may not be shown.
const BREADTH: usize = 4;

/// An item and how well it fits, 0 to 1; more is better.
pub type Scored = (String, f32);

/// Everything that packs on demand and questions about items need.
pub struct OnDemand<'a> {
    basis: &'a Basis,
    prepared: Prepared<'a>,
    tools: Tools,
}

impl<'a> OnDemand<'a> {
    /// Vectors, a checked index, counts.
    ///
    /// # Errors
    /// As a refresh would fail.
    pub fn new(basis: &'a Basis) -> anyhow::Result<Self> {
        let moment = Moment { until_ms: None, now_ms: basis.now_ms };
        let (catalogue, model) = (&basis.catalogue, basis.model.as_ref());
        let bar = progress::bar("index", catalogue.items.len());
        let prepared =
            Prepared::new(catalogue, model, basis.ranking.clone(), basis.index, moment, &|done| {
                bar.set_position(done as u64);
            })?;
        bar.finish_and_clear();
        let tools = Tools::new(basis, &prepared)?;
        Ok(Self { basis, prepared, tools })
    }

    /// Takes what `counting` counted since into account: how well new and little known items did.
    pub fn count(&mut self, counting: &Counting) {
        let basis = self.basis;
        if let Some(tallies) = self.tools.tallies.by_now(&basis.catalogue, &basis.of_tables(), counting) {
            self.prepared.recount(tallies);
        }
    }

    /// What was prepared, so that its basis may change.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        Parts { made: self.prepared.into_made(), tools: self.tools }
    }

    /// What was prepared from `basis`, or caught up with it, ready for questions.
    #[must_use]
    pub fn with(basis: &'a Basis, parts: Parts) -> Self {
        let Parts { made, tools } = parts;
        Self { basis, prepared: Prepared::with(&basis.catalogue, made), tools }
    }

    /// A signed pack for `user` with what they did lately, checked as their client will; none for somebody of whom nothing
    /// is known that says what they like, or to whom nothing may be shown.
    ///
    /// # Errors
    /// When the ranker fails or a client would refuse the pack.
    pub fn pack(
        &mut self,
        user: &str,
        lately: &[Event],
        verified: &Verified,
        now_ms: i64,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let signer = verified.signer.as_ref().context("the service does not have the generation's key")?;
        let Some((index, row)) = self.person(user, lately) else { return Ok(None) };
        self.learn(index, &row, lately)?;
        let viewer = Viewer::of_user(index, &row);
        let name = format!("user:{user}");
        let subject =
            Subject { name, viewer: viewer.clone(), segment: Segment::of_user(&row), category: None };
        let person = Person { viewer: &viewer, user: index };
        let gathered = gather(&self.prepared, &[person]).pop().unwrap_or_default();
        let manifest = &verified.manifest;
        let stamp = Stamp {
            generation: manifest.generation,
            created_ms: now_ms,
            expires_ms: manifest.expires_ms,
            ranker: manifest.ranker.as_ref().map(|ranker| ranker.model.hash.as_str()),
        };
        let engine = self.tools.engine.take().context("the engine is lent")?;
        let mut maker = PackMaker::with_engine(&self.prepared, engine);
        let sealed = maker.order(person, &gathered).and_then(|ranked| match ranked.is_empty() {
            true => Ok(None),
            false => maker.seal(&subject, self.prepared.short.user(index), &ranked, stamp, signer).map(Some),
        });
        self.tools.engine = Some(maker.into_engine());
        let Some(sealed) = sealed? else { return Ok(None) };
        // Where the whole generation has expired, its packs are all there is.
        let accepted_ms = now_ms.min(manifest.created_ms);
        VerifiedPack::open(&sealed.bytes, &verified.key, manifest, &subject.name, accepted_ms)
            .context("a client would refuse the pack")?;
        Ok(Some(sealed.bytes))
    }

    /// The place and the row of somebody. A newcomer gets the place of newcomers, once something tells what they like.
    fn person(&mut self, user: &str, lately: &[Event]) -> Option<(usize, User)> {
        let catalogue = &self.basis.catalogue;
        if let Some(index) = catalogue.user_index(user) {
            return Some((index, catalogue.users[index].clone()));
        }
        let says =
            |event: &&Event| profile_weight(event) > 0.0 && catalogue.item_index(&event.item).is_some();
        let said = lately.iter().find(says)?;
        let answer = lately.iter().find(|event| is_onboarding(event)).unwrap_or(said);
        let index = catalogue.users.len() - 1;
        self.tools.known.remove(&index);
        self.tools.histories.users[index].clear();
        self.prepared.people.clear(index);
        self.prepared.barred.clear(index);
        Some((index, User::of_newcomer(user, &answer.context)))
    }

    /// Takes what somebody did since into account.
    fn learn(&mut self, user: usize, row: &User, lately: &[Event]) -> anyhow::Result<()> {
        let catalogue = &self.basis.catalogue;
        let known = self.tools.known.entry(user).or_insert_with(|| {
            let mine = catalogue.event_users.iter().zip(&catalogue.events);
            let mine = mine.filter(|(other, _)| **other == u32::try_from(user).ok());
            mine.map(|(_, event)| event.event_id.clone()).collect()
        });
        let new: Vec<&Event> = lately.iter().filter(|event| known.insert(event.event_id.clone())).collect();
        if new.is_empty() {
            return Ok(());
        }
        for event in new {
            let item = catalogue.item_index(&event.item).and_then(|item| u32::try_from(item).ok());
            self.prepared.people.meet(catalogue, user, event, item);
            self.prepared.barred.meet(catalogue, user, event, item);
            let weight = profile_weight(event);
            if let Some(item) = item.filter(|_| weight != 0.0) {
                let signal = Signal { item: item as usize, time_ms: event.time_ms, weight };
                self.tools.histories.users[user].push(signal);
            }
        }
        self.tools.histories.users[user].sort_by_key(|signal| signal.time_ms);
        let history = &self.tools.histories.users[user];
        if let Some(vector) = self.tools.encoder.encode(row, history, &self.prepared.embeddings)? {
            self.prepared.place(user, &vector);
        }
        Ok(())
    }

    /// The items most like `item` that somebody of `segment` may be shown: nearest by vector and taken up in the same
    /// sessions, by reciprocal rank fusion. None for an item that is not known.
    #[must_use]
    pub fn similar(&self, item: &str, segment: &Segment, count: usize) -> Option<Vec<Scored>> {
        let (catalogue, viewer) = (&self.basis.catalogue, Viewer::of_segment(segment));
        let index = catalogue.item_index(item)?;
        let prepared = &self.prepared;
        let allowed =
            |other: usize| other != index && !prepared.barred.bars(&viewer, other, &catalogue.items[other]);
        let query = Query { vector: prepared.embeddings.item(index), filter: &allowed };
        let near = prepared.inventories.search(&[(&viewer, query)], BREADTH * count, None).pop();
        let near = near.unwrap_or_default().into_iter().map(|(other, _)| other);
        let together = prepared.together.of(index).iter().map(|other| *other as usize);
        let mut scores: HashMap<usize, f32> = HashMap::new();
        let ranks = near.zip(1..).chain(together.filter(|other| allowed(*other)).zip(1..));
        for (other, rank) in ranks {
            *scores.entry(other).or_default() += (FUSION + 1.0) / (2.0 * (FUSION + rank as f32));
        }
        let mut scored: Vec<(usize, f32)> = scores.into_iter().collect();
        scored.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        scored.truncate(count);
        Some(scored.into_iter().map(|(other, score)| (catalogue.items[other].item.clone(), score)).collect())
    }

    /// What is taken up most lately in a region and age group, of one category where it is named: at most 100, the best has
    /// 1. What is `counting` now decides, and before that has counted what the generation was made from.
    pub fn trending(
        &mut self,
        counting: &Counting,
        segment: &Segment,
        category: Option<&str>,
        count: usize,
    ) -> Vec<Scored> {
        let catalogue = &self.basis.catalogue;
        self.tools.trending.count(catalogue, &self.basis.of_tables(), counting);
        self.tools.trending.list(&self.prepared, segment, category, count).to_vec()
    }

    /// Items that stand for the answers of a survey.
    #[must_use]
    pub fn starters(&self, answers: &Answers) -> Vec<Starter> {
        starters(&self.prepared, answers)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, folder, options};
    use super::super::{Options, run};
    use super::*;
    use crate::config::Config;
    use crate::state::AppState;

    #[test]
    fn what_was_let_go_of_while_reading_counts_for_what_is_known_of_items() {
        for history in [1_000, 3] {
            let (data, catalogue) = folder();
            run(data.path(), &Options { history, reuse_ms: 0, ..options() }).unwrap();
            let state = AppState::open(Config::new(data.path())).unwrap();
            let basis = Basis::load(data.path(), &state.published().unwrap(), NOW).unwrap();
            assert_eq!(basis.catalogue.folded.events() > 0, history == 3);
            let mut on_demand = OnDemand::new(&basis).unwrap();
            let expected = |on_demand: &OnDemand<'_>| -> Vec<f32> {
                (0..catalogue.items.len()).map(|item| on_demand.prepared.expected(item)).collect()
            };
            let before = expected(&on_demand);
            while !state.counting.catch_up(&state).unwrap() {}
            on_demand.count(&state.counting);
            assert_eq!(expected(&on_demand), before, "{history}");
        }
    }
}

//! One person's pack at a time, between two refreshes: with what they did since, by the rules of the generation in force.
//!
//! [`Basis`] is what is loaded, [`OnDemand`] what a refresh would prepare from it. Where vectors come from a model they can
//! be compared whenever they were made, so the newest items and events are loaded. Without a model they mean something
//! within one generation only, so exactly what that one was made from is loaded, and new items are placed beside it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use segue_core::Engine;
use segue_core::pack::VerifiedPack;
use segue_core::trust::hash;

use super::gather::{Person, gather};
use super::latest::{Latest, Reading};
use super::maker::Stamp;
use super::survey::{Answers, Starter, starters};
use super::tallies::Tallies;
use super::trending::Trending;
use super::{Made, Moment, PackMaker, Policies, Prepared, Ranking, Report, Subject, Viewer, Whose, job};
use crate::catalog::changes::{self, Change, Tail, What};
use crate::catalog::{Catalogue, Dataset, Event, Item, User};
use crate::consumers::{Counters, Counting, Segment};
use crate::editorial::Editorial;
use crate::index::{Kind, Query};
use crate::packs::PackStore;
use crate::progress;
use crate::state::{Published, Verified};
use crate::towers::history::{Histories, Signal, is_onboarding, profile_weight};
use crate::towers::person::PersonEncoder;
use crate::towers::{ItemPlacer, ModelDirectory};

/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const FUSION: f32 = 60.0;
/// Neighbours by vector that are asked for, for each one wanted: some may not be shown.
const BREADTH: usize = 4;

/// An item and how well it fits, 0 to 1; more is better.
pub type Scored = (String, f32);

/// Items that are compared one by one since they were put in or changed; beyond that everything is prepared anew.
const FRESH: usize = 1_000;
/// Changes that are taken in at a time: who asks meanwhile is answered in between.
const TURN: usize = 50;

/// What packs on demand are made from.
pub struct Basis {
    data: PathBuf,
    /// Reads the changes of items.
    journal: Tail,
    /// Changes that were read and not taken in yet.
    waiting: VecDeque<Change>,
    /// The table of items that the changes are about.
    table: Option<(u64, u64)>,
    /// Whether vectors can be compared whenever they were made.
    is_timeless: bool,
    editorial: Editorial,
    catalogue: Catalogue,
    /// What the events of the tables that are held come to, without what the log holds too.
    imported: Counters,
    model: Option<ModelDirectory>,
    ranking: Ranking,
    index: Kind,
    now_ms: i64,
}

impl Basis {
    /// Loads what belongs to the generation in force.
    ///
    /// # Errors
    /// When something is missing or damaged, or the model is no longer the one that the generation names.
    pub fn load(data: &Path, published: &Published, now_ms: i64) -> anyhow::Result<Self> {
        let verified = published.verified.as_ref().context("the generation has no key")?;
        let report = Report::read(&PackStore::new(data), published.packs.number())?;
        let model = job::model(data, report.model.as_deref(), &Dataset::read(data)?)?;
        let ranker = model.as_ref().map(|model| hash(&model.ranker));
        let named = verified.manifest.ranker.as_ref().map(|ranker| ranker.model.hash.clone());
        ensure!(ranker == named, "the model changed since the generation was made; refresh");
        let policies = Policies::read(data)?;
        // What comes in beside reading is read again, which changes nothing.
        let (table, mut journal) = (table(data), Tail::default());
        journal.read(data)?;
        let is_timeless = model.is_some();
        let (received, changed) =
            if is_timeless { (u64::MAX, u64::MAX) } else { (report.received, report.changed) };
        let mut catalogue = Catalogue::load_without_events(data, changed)?;
        catalogue.add_newcomers(newcomers(data, changed, &catalogue)?);
        let reading = Reading {
            last: received,
            filter: report.filter,
            history: report.history,
            whose: Whose::Everybody,
            now_ms,
        };
        let Latest { tables, received, folded, .. } = Latest::read(data, &catalogue, reading)?;
        catalogue.folded = folded;
        catalogue.add_events(tables);
        let imported = imported(&catalogue, &received, now_ms);
        catalogue.add_events(received);
        let editorial = Editorial::read(data)?;
        editorial.apply(&mut catalogue, now_ms);
        // The place of whoever is new when a pack is asked for.
        catalogue.users.push(User::default());
        let ranking = Ranking::new(policies.of(&catalogue.dataset.surface)?, model.as_ref())?;
        let kept_vectors = Some(data.join("refresh").join("vectors"));
        let model = model.map(|model| ModelDirectory { kept_vectors, ..model });
        let now_ms = if is_timeless { now_ms } else { verified.manifest.created_ms };
        let (data, index) = (data.to_owned(), report.asked_index);
        Ok(Self {
            data,
            journal,
            waiting: VecDeque::new(),
            table,
            is_timeless,
            editorial,
            catalogue,
            imported,
            model,
            ranking,
            index,
            now_ms,
        })
    }

    /// What the events of the tables come to, without what the log holds too: of those that are held, and of the others.
    fn of_tables(&self) -> [&Counters; 2] {
        [&self.imported, &self.catalogue.folded.tables]
    }

    /// The rows that the next changes come to, by their places, of which new ones follow the others. None where everything
    /// has to be prepared anew: other tables, too many changes, or an item that has no place beside the others any more.
    fn due(&mut self) -> anyhow::Result<Option<BTreeMap<usize, Item>>> {
        let Some(later) = self.journal.read(&self.data)? else { return Ok(None) };
        self.waiting.extend(later);
        if table(&self.data) != self.table || self.waiting.len() > FRESH {
            return Ok(None);
        }
        let (mut rows, mut new) = (BTreeMap::new(), HashMap::new());
        for change in self.waiting.iter().take(TURN) {
            if !self.apply(change, &mut rows, &mut new) {
                return Ok(None);
            }
        }
        for item in rows.values_mut() {
            let end_ms = self.editorial.end_of(&item.item, &item.creator);
            item.available_until_ms = end_ms.or(item.available_until_ms);
        }
        Ok(Some(rows))
    }

    /// Carries out one change on `rows`, with the places of `new` ones; false where that takes everything anew.
    fn apply(
        &self,
        change: &Change,
        rows: &mut BTreeMap<usize, Item>,
        new: &mut HashMap<String, usize>,
    ) -> bool {
        let catalogue = &self.catalogue;
        let id = match &change.what {
            What::Item(item) => &item.item,
            What::Withdrawn(id) => id,
        };
        let place = new.get(id).copied().or_else(|| catalogue.item_index(id));
        // Without a model the generation's own items stay as they were when it was made.
        if place.is_some_and(|place| !self.is_timeless && place < catalogue.settled()) {
            return true;
        }
        match (&change.what, place) {
            // It waits for the refresh; one that was there before has to go.
            (What::Item(item), _) if !self.is_timeless && !is_placed(catalogue, item) => place.is_none(),
            (What::Item(item), _) => {
                let place = place.unwrap_or(catalogue.items.len() + new.len());
                if place >= catalogue.items.len() {
                    new.insert(id.clone(), place);
                }
                rows.insert(place, (**item).clone());
                true
            }
            (What::Withdrawn(_), Some(place)) => {
                let row = rows.entry(place).or_insert_with(|| catalogue.items[place].clone());
                changes::withdraw(row, change.time_ms);
                true
            }
            (What::Withdrawn(_), None) => true,
        }
    }

    /// Takes in the rows that are [`Self::due`], as a whole preparation at `now_ms` would have them; whether none waits any
    /// more.
    fn take_in(&mut self, rows: BTreeMap<usize, Item>, now_ms: i64) -> bool {
        if self.is_timeless {
            self.now_ms = now_ms;
        }
        for (place, item) in rows {
            match self.catalogue.items.get_mut(place) {
                Some(known) => *known = item,
                None => self.catalogue.add_newcomers(vec![item]),
            }
        }
        self.waiting.drain(..self.waiting.len().min(TURN));
        self.waiting.is_empty()
    }
}

/// Which file the table of items is.
fn table(data: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(data.join("items.jsonl")).ok().map(|file| (file.dev(), file.ino()))
}

/// Items that were put in after change number `changed`. Where the table's items come with vectors, those without one wait
/// for the refresh.
fn newcomers(data: &Path, changed: u64, catalogue: &Catalogue) -> anyhow::Result<Vec<Item>> {
    let mut later = changes::read(data)?;
    later.retain(|change| change.number > changed);
    let mut items = Vec::new();
    changes::apply(&mut items, later);
    items.retain(|item| is_placed(catalogue, item));
    Ok(items)
}

/// Whether an item that was put in without a model is placed beside the generation's: where those come with vectors, it does
/// too.
fn is_placed(catalogue: &Catalogue, item: &Item) -> bool {
    let length = |item: &Item| item.vector.as_ref().map(Vec::len);
    let given = catalogue.items.first().and_then(length);
    given.is_none() || length(item) == given
}

/// The counters of the tables' events, but for those that were received too.
fn imported(catalogue: &Catalogue, received: &[Event], now_ms: i64) -> Counters {
    let received: HashSet<&str> = received.iter().map(|event| event.event_id.as_str()).collect();
    let events = 0..catalogue.events.len();
    let apart = events.filter(|index| !received.contains(catalogue.events[*index].event_id.as_str()));
    Counters::of(catalogue, apart, now_ms)
}

/// What was prepared, without what it was prepared from.
pub struct Parts {
    made: Made,
    histories: Histories,
    encoder: PersonEncoder,
    engine: Option<Engine>,
    known: HashMap<usize, HashSet<String>>,
    trending: Trending,
    tallies: Tallies,
    /// Where items are being taken in.
    placer: Option<ItemPlacer>,
}

/// What was taken in at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenIn {
    /// How many items.
    pub items: usize,
    /// Whether no other waits.
    pub is_all: bool,
}

impl Parts {
    /// Takes in the next items that changed since `basis` was loaded, each by itself. None where everything has to be
    /// prepared anew; nothing has changed then.
    ///
    /// # Errors
    /// When the changes cannot be read or the model fails; nothing has changed then either.
    pub fn catch_up(&mut self, basis: &mut Basis, now_ms: i64) -> anyhow::Result<Option<TakenIn>> {
        if self.made.is_shortened() || self.made.inventories.fresh() >= FRESH {
            return Ok(None);
        }
        let Some(rows) = basis.due()? else { return Ok(None) };
        let (catalogue, model) = (&basis.catalogue, basis.model.as_ref());
        let mut placer = match self.placer.take() {
            Some(placer) => placer,
            None => ItemPlacer::new(catalogue, &self.histories, model, &self.made.embeddings)?,
        };
        let mut all = Vec::with_capacity(rows.len());
        for (place, item) in &rows {
            let Some(placed) = placer.place(catalogue, *place, item)? else { return Ok(None) };
            all.push((*place, placed));
        }
        let (items, is_all) = (rows.len(), basis.take_in(rows, now_ms));
        self.placer = (!is_all).then_some(placer);
        self.made.made_ms = basis.now_ms;
        for (place, placed) in all {
            let known = self.histories.counts.len().max(place + 1);
            self.histories.counts.resize(known, 0.0);
            self.made.put(&basis.catalogue, place, &placed.vector);
            if let Some(row) = &placed.row {
                self.encoder.put(place, row);
            }
            self.trending.put(&basis.catalogue.items[place]);
        }
        Ok(Some(TakenIn { items, is_all }))
    }
}

/// Everything that packs on demand and questions about items need.
pub struct OnDemand<'a> {
    basis: &'a Basis,
    prepared: Prepared<'a>,
    histories: Histories,
    encoder: PersonEncoder,
    /// Lent to the maker of one pack at a time.
    engine: Option<Engine>,
    /// Ids of the events of each person that was asked for, those of the tables among them.
    known: HashMap<usize, HashSet<String>>,
    trending: Trending,
    tallies: Tallies,
    placer: Option<ItemPlacer>,
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
        let histories = Histories::before(catalogue, None);
        let encoder = PersonEncoder::new(catalogue, &histories, model)?;
        let engine = Some(PackMaker::new(&prepared)?.into_engine());
        let (known, trending, tallies) = (HashMap::new(), Trending::new(catalogue), Tallies::default());
        let placer = None;
        Ok(Self { basis, prepared, histories, encoder, engine, known, trending, tallies, placer })
    }

    /// Takes what `counting` counted since into account: how well new and little known items did.
    pub fn count(&mut self, counting: &Counting) {
        let basis = self.basis;
        if let Some(tallies) = self.tallies.by_now(&basis.catalogue, &basis.of_tables(), counting) {
            self.prepared.recount(tallies);
        }
    }

    /// What was prepared, so that its basis may change.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let Self { basis: _, prepared, histories, encoder, engine, known, trending, tallies, placer } = self;
        let made = prepared.into_made();
        Parts { made, histories, encoder, engine, known, trending, tallies, placer }
    }

    /// What was prepared from `basis`, or caught up with it, ready for questions.
    #[must_use]
    pub fn with(basis: &'a Basis, parts: Parts) -> Self {
        let Parts { made, histories, encoder, engine, known, trending, tallies, placer } = parts;
        let prepared = Prepared::with(&basis.catalogue, made);
        Self { basis, prepared, histories, encoder, engine, known, trending, tallies, placer }
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
        let engine = self.engine.take().context("the engine is lent")?;
        let mut maker = PackMaker::with_engine(&self.prepared, engine);
        let sealed = maker.order(person, &gathered).and_then(|ranked| match ranked.is_empty() {
            true => Ok(None),
            false => maker.seal(&subject, self.prepared.short.user(index), &ranked, stamp, signer).map(Some),
        });
        self.engine = Some(maker.into_engine());
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
        self.known.remove(&index);
        self.histories.users[index].clear();
        self.prepared.people.clear(index);
        self.prepared.barred.clear(index);
        Some((index, User::of_newcomer(user, &answer.context)))
    }

    /// Takes what somebody did since into account.
    fn learn(&mut self, user: usize, row: &User, lately: &[Event]) -> anyhow::Result<()> {
        let catalogue = &self.basis.catalogue;
        let known = self.known.entry(user).or_insert_with(|| {
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
                self.histories.users[user].push(signal);
            }
        }
        self.histories.users[user].sort_by_key(|signal| signal.time_ms);
        let history = &self.histories.users[user];
        if let Some(vector) = self.encoder.encode(row, history, &self.prepared.embeddings)? {
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
        self.trending.count(catalogue, &self.basis.of_tables(), counting);
        self.trending.list(&self.prepared, segment, category, count).to_vec()
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

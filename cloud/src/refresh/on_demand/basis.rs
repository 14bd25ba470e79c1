//! What packs on demand are made from, and the items that change from then on.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use segue_core::trust::hash;

use crate::catalog::changes::{self, Change, Tail, What};
use crate::catalog::{Catalogue, Dataset, Event, Item, User};
use crate::consumers::Counters;
use crate::editorial::Editorial;
use crate::index::Kind;
use crate::packs::PackStore;
use crate::refresh::latest::{Latest, Reading};
use crate::refresh::{Policies, Ranking, Report, Whose, job};
use crate::state::Published;
use crate::towers::ModelDirectory;

/// Items that are compared one by one since they were put in or changed; beyond that everything is prepared anew.
pub(super) const FRESH: usize = 1_000;
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
    pub(super) catalogue: Catalogue,
    /// What the events of the tables that are held come to, without what the log holds too.
    imported: Counters,
    pub(super) model: Option<ModelDirectory>,
    pub(super) ranking: Ranking,
    pub(super) index: Kind,
    pub(super) now_ms: i64,
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
            nobodys_history: report.nobodys_history,
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
        let ranking = Ranking::new(policies.of(&catalogue.dataset.surface)?, model.as_ref())?.on_processor();
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
    pub(super) fn of_tables(&self) -> [&Counters; 2] {
        [&self.imported, &self.catalogue.folded.tables]
    }

    /// The rows that the next changes come to, by their places, of which new ones follow the others. None where everything
    /// has to be prepared anew: other tables, too many changes, or an item that has no place beside the others any more.
    pub(super) fn due(&mut self) -> anyhow::Result<Option<BTreeMap<usize, Item>>> {
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
    pub(super) fn take_in(&mut self, rows: BTreeMap<usize, Item>, now_ms: i64) -> bool {
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

//! Items that are offered for what they are rather than for whom: new ones, little known ones, editors' choices, and
//! each creator's.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::candidates::CandidateFacts;
use crate::catalog::Catalogue;

const DAY_MS: i64 = 86_400_000;
/// How long after its release an item is new.
const NEW_DAYS: i64 = 30;
/// Impressions after which a new item has to stand on its own.
const EXPOSURE: u32 = 1_000;
/// Plays below which an item is little known.
const LITTLE_KNOWN: u32 = 20;
/// Items that a pool holds at most: the nearest of them are searched for each person.
const POOL: usize = 2_000;

/// Items that are offered for what they are.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    /// New items without enough impressions, those shown least first.
    pub(super) new: Vec<usize>,
    /// Items played hardly ever.
    pub(super) explored: Vec<usize>,
    /// Items of collections that are nobody's, the newest collection first.
    pub(super) editorial: Vec<usize>,
    /// Each creator's items, the newest first.
    by_creator: HashMap<String, Vec<usize>>,
}

impl Pools {
    /// Sorts the catalogue by what is known of its items; `as_of_ms` is when ages are counted to, `made_ms` the clock. What
    /// came out in between, while the log tells of an earlier time, is as new as can be.
    #[must_use]
    pub fn new(catalogue: &Catalogue, facts: &CandidateFacts, as_of_ms: i64, made_ms: i64) -> Self {
        let known = Known { catalogue, facts, as_of_ms, made_ms };
        let (new, others): (Vec<usize>, Vec<usize>) =
            (0..catalogue.items.len()).partition(|item| known.is_new(*item));
        let little_known = others.into_iter().filter(|item| known.is_little_known(*item)).collect();
        Self {
            new: known.newest(new),
            explored: known.to_explore(little_known),
            editorial: editorial(catalogue),
            by_creator: by_creator(catalogue),
        }
    }

    /// Takes in the item at `place`, which is new or has another row now.
    pub(super) fn put(&mut self, known: &Known<'_>, place: usize) {
        let (catalogue, item) = (known.catalogue, &known.catalogue.items[place]);
        let others = |items: &[usize]| -> Vec<usize> {
            items.iter().copied().filter(|other| *other != place).collect()
        };
        let (mut new, mut little_known) = (others(&self.new), others(&self.explored));
        if known.is_new(place) {
            new.push(place);
        } else if known.is_little_known(place) {
            little_known.push(place);
        }
        (self.new, self.explored) = (known.newest(new), known.to_explore(little_known));
        self.editorial = editorial(catalogue);
        self.by_creator.values_mut().for_each(|items| items.retain(|other| *other != place));
        if !item.creator.is_empty() {
            let items = self.by_creator.entry(item.creator.clone()).or_default();
            items.push(place);
            newest_first(catalogue, items);
        }
    }

    /// The items of `creator`, the newest first.
    pub(super) fn of_creator(&self, creator: &str) -> &[usize] {
        self.by_creator.get(creator).map_or(&[], Vec::as_slice)
    }
}

/// What is known of items when they are sorted.
pub(super) struct Known<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) facts: &'a CandidateFacts,
    /// When ages are counted to.
    pub(super) as_of_ms: i64,
    /// The clock.
    pub(super) made_ms: i64,
}

impl Known<'_> {
    fn is_new(&self, item: usize) -> bool {
        let released = self.catalogue.items[item].released_ms.filter(|released| *released <= self.made_ms);
        released.is_some_and(|released| self.as_of_ms.saturating_sub(released) < NEW_DAYS * DAY_MS)
            && self.shown(item) < EXPOSURE
    }

    fn is_little_known(&self, item: usize) -> bool {
        self.facts.tally(item).played < LITTLE_KNOWN
    }

    fn shown(&self, item: usize) -> u32 {
        self.facts.tally(item).shown
    }

    /// Each gets its impressions, however it begins.
    fn newest(&self, mut items: Vec<usize>) -> Vec<usize> {
        items.sort_by(|one, other| {
            self.shown(*one).cmp(&self.shown(*other)).then_with(|| self.better(*one, *other))
        });
        items.truncate(POOL);
        items
    }

    fn to_explore(&self, mut items: Vec<usize>) -> Vec<usize> {
        items.sort_by(|one, other| self.better(*one, *other));
        items.truncate(POOL);
        items
    }

    /// By the mean of their posteriors: of what nobody tried those whose creators do well come first, and what was tried in
    /// vain leaves. Then by id, so that the same items are tried until they are known.
    fn better(&self, one: usize, other: usize) -> Ordering {
        let id = |item: usize| &self.catalogue.items[item].item;
        let expected = self.facts.expected(other).total_cmp(&self.facts.expected(one));
        expected.then_with(|| id(one).cmp(id(other)))
    }
}

fn editorial(catalogue: &Catalogue) -> Vec<usize> {
    let mut collections: Vec<_> =
        catalogue.collections.iter().filter(|collection| collection.user.is_none()).collect();
    collections.sort_by_key(|collection| (std::cmp::Reverse(collection.time_ms), &collection.collection));
    let mut items: Vec<usize> = Vec::new();
    for item in collections.iter().flat_map(|collection| &collection.items) {
        items.extend(catalogue.item_index(item).filter(|item| !items.contains(item)));
        if items.len() == POOL {
            break;
        }
    }
    items
}

fn by_creator(catalogue: &Catalogue) -> HashMap<String, Vec<usize>> {
    let mut creators: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, item) in catalogue.items.iter().enumerate().filter(|(_, item)| !item.creator.is_empty()) {
        creators.entry(item.creator.clone()).or_default().push(index);
    }
    creators.values_mut().for_each(|items| newest_first(catalogue, items));
    creators
}

fn newest_first(catalogue: &Catalogue, items: &mut [usize]) {
    items.sort_by_key(|item| (std::cmp::Reverse(catalogue.items[*item].released_ms), *item));
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::{Collection, EventKind};

    fn pools(catalogue: &Catalogue, as_of_ms: i64) -> Pools {
        pools_made(catalogue, as_of_ms, as_of_ms)
    }

    fn pools_made(catalogue: &Catalogue, as_of_ms: i64, made_ms: i64) -> Pools {
        let moment = Moment { until_ms: None, now_ms: made_ms };
        let facts = CandidateFacts::new(catalogue, moment.known(catalogue), as_of_ms);
        Pools::new(catalogue, &facts, as_of_ms, made_ms)
    }

    #[test]
    fn an_item_is_new_until_it_is_old_or_was_shown_often_enough() {
        let now = 100 * DAY_MS;
        let mut catalogue = catalogue(5, 1);
        for (item, days) in [(0, 1), (1, 29), (2, 31), (3, 5)] {
            catalogue.items[item].released_ms = Some(now - days * DAY_MS);
        }
        catalogue.items[4].released_ms = Some(now + DAY_MS);
        let shown = |at: u32| event(&format!("{at:04}"), 0, 3, EventKind::Impression, i64::from(at));
        catalogue.add_events((0..EXPOSURE - 1).map(shown).collect());
        assert_eq!(pools(&catalogue, now).new, [0, 1, 3]);
        catalogue.add_events(vec![shown(EXPOSURE)]);
        assert_eq!(pools(&catalogue, now).new, [0, 1]);
        assert_eq!(
            pools_made(&catalogue, now, now + 2 * DAY_MS).new,
            [0, 1, 4],
            "the log is two days behind"
        );
    }

    #[test]
    fn a_new_item_that_begins_badly_goes_on_getting_its_impressions() {
        let mut catalogue = catalogue(3, 1);
        catalogue.items.iter_mut().for_each(|item| item.released_ms = Some(0));
        let other = |id: usize, item, kind| event(&format!("{id:02}"), 0, item, kind, id as i64);
        catalogue.add_events((0..9).map(|id| other(id, 1, EventKind::Impression)).collect());
        catalogue.add_events((10..20).map(|id| other(id, 0, EventKind::Impression)).collect());
        catalogue.add_events((20..30).map(|id| other(id, 0, EventKind::Complete)).collect());
        assert_eq!(pools(&catalogue, DAY_MS).new, [2, 1, 0]);
    }

    #[test]
    fn items_of_creators_who_do_well_are_tried_first() {
        let mut catalogue = catalogue(12, 1);
        let played = |id: usize, item, kind| event(&format!("{id:02}"), 0, item, kind, id as i64);
        catalogue.add_events((0..9).map(|id| played(id, 8, EventKind::Complete)).collect());
        catalogue.add_events((10..19).map(|id| played(id, 0, EventKind::Skip)).collect());
        let explored = pools(&catalogue, 0).explored;
        assert!(explored[..4].iter().all(|item| (8..12).contains(item)), "{explored:?}");
        assert!(explored[8..].iter().all(|item| (0..4).contains(item)), "{explored:?}");
    }

    #[test]
    fn what_was_shown_in_vain_makes_room_for_what_nobody_tried() {
        let mut catalogue = catalogue(3, 1);
        catalogue.items.iter_mut().for_each(|item| item.creator = "same".into());
        let other = |id: usize, item, kind| event(&format!("{id:02}"), 0, item, kind, id as i64);
        catalogue.add_events((0..30).map(|id| other(id, 0, EventKind::Impression)).collect());
        catalogue.add_events(vec![other(40, 1, EventKind::Complete), other(41, 2, EventKind::Skip)]);
        assert_eq!(pools(&catalogue, 0).explored, [1, 2, 0]);
    }

    #[test]
    fn editors_choices_are_those_of_nobodys_collections() {
        let mut catalogue = catalogue(6, 1);
        let collection = |id: &str, user: Option<&str>, items: &[&str], time_ms| Collection {
            collection: id.into(),
            user: user.map(str::to_owned),
            kind: "playlist".into(),
            items: items.iter().map(|item| (*item).to_owned()).collect(),
            time_ms: Some(time_ms),
            ..Collection::default()
        };
        catalogue.collections = vec![
            collection("a", None, &["i1", "i2"], 1),
            collection("b", Some("u0"), &["i5"], 9),
            collection("c", None, &["i4", "gone", "i1"], 5),
        ];
        assert_eq!(pools(&catalogue, 0).editorial, [4, 1, 2]);
    }
}

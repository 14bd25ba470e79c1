//! Items that are offered for what they are rather than for whom: new ones, little known ones, editors' choices, and
//! each creator's.

use std::collections::HashMap;

use super::Moment;
use crate::candidates::CandidateFacts;
use crate::catalog::{Catalogue, EventKind};

const DAY_MS: i64 = 86_400_000;
/// How long after its release an item is new.
const NEW_DAYS: i64 = 30;
/// Impressions after which a new item has to stand on its own.
const EXPOSURE: u32 = 1_000;
/// Plays below which an item is little known.
const LITTLE_KNOWN: f32 = 20.0;
/// Items that a pool holds at most: the nearest of them are searched for each person.
const POOL: usize = 2_000;

/// Items that are offered for what they are.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    /// New items without enough impressions, those of creators who do well first.
    pub(super) new: Vec<usize>,
    /// Items played hardly ever.
    pub(super) explored: Vec<usize>,
    /// Items of collections that are nobody's, the newest collection first.
    pub(super) editorial: Vec<usize>,
    /// Each creator's items, the newest first.
    by_creator: HashMap<String, Vec<usize>>,
}

impl Pools {
    /// Sorts the catalogue as it was at `moment`; `as_of_ms` is when ages are counted to.
    #[must_use]
    pub fn new(catalogue: &Catalogue, moment: Moment, facts: &CandidateFacts, as_of_ms: i64) -> Self {
        let impressions = impressions(catalogue, moment);
        let is_new = |item: &usize| {
            let age = catalogue.items[*item].released_ms.map(|released| as_of_ms.saturating_sub(released));
            age.is_some_and(|age| (0..NEW_DAYS * DAY_MS).contains(&age)) && impressions[*item] < EXPOSURE
        };
        let (new, others): (Vec<usize>, Vec<usize>) = (0..catalogue.items.len()).partition(is_new);
        let little_known = others.into_iter().filter(|item| facts.plays(*item) < LITTLE_KNOWN).collect();
        // Those whose creators do well come first, then by id, so that the same items are tried until they are known.
        let order = |mut items: Vec<usize>| {
            let id = |item: usize| &catalogue.items[item].item;
            items.sort_by(|one, other| {
                let prior = facts.prior(*other).total_cmp(&facts.prior(*one));
                prior.then_with(|| id(*one).cmp(id(*other)))
            });
            items.truncate(POOL);
            items
        };
        Self {
            new: order(new),
            explored: order(little_known),
            editorial: editorial(catalogue),
            by_creator: by_creator(catalogue),
        }
    }

    /// The items of `creator`, the newest first.
    pub(super) fn of_creator(&self, creator: &str) -> &[usize] {
        self.by_creator.get(creator).map_or(&[], Vec::as_slice)
    }
}

fn impressions(catalogue: &Catalogue, moment: Moment) -> Vec<u32> {
    let mut impressions = vec![0; catalogue.items.len()];
    for index in moment.known(catalogue) {
        if let Some(item) = catalogue.event_items[index]
            && catalogue.events[index].kind == EventKind::Impression
        {
            impressions[item as usize] += 1;
        }
    }
    impressions
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
    for items in creators.values_mut() {
        items.sort_by_key(|item| (std::cmp::Reverse(catalogue.items[*item].released_ms), *item));
    }
    creators
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::Collection;

    fn pools(catalogue: &Catalogue, as_of_ms: i64) -> Pools {
        let moment = Moment { until_ms: None, now_ms: as_of_ms };
        let facts = CandidateFacts::new(catalogue, moment.known(catalogue), as_of_ms);
        Pools::new(catalogue, moment, &facts, as_of_ms)
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

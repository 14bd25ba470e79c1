//! What is trending, put in order once for all who ask alike, until the counts change.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use super::on_demand::Scored;
use super::{Popular, Prepared, Viewer};
use crate::catalog::{Catalogue, Item};
use crate::consumers::{Counters, Counting, Segment};

/// Times that counting what is trending takes, until it is counted again.
const REST: u32 = 10;
/// Items of a list.
const LONGEST: usize = 100;
/// Lists that are remembered; beyond that it begins anew.
const LISTS: usize = 1_000;

/// What is trending.
pub(super) struct Trending {
    /// What tells one viewer from another: regions and age ratings that some item names.
    regions: HashSet<String>,
    ratings: BTreeSet<u8>,
    categories: HashSet<String>,
    counted: Option<Counted>,
    lists: HashMap<Asked, Vec<Scored>>,
}

/// What was popular when the log had come so far.
struct Counted {
    seen: u64,
    /// When it may be computed again: what takes long is computed less often.
    again: Instant,
    popular: Popular,
}

/// What decides about a list.
#[derive(PartialEq, Eq, Hash)]
struct Asked {
    segment: Segment,
    viewer: Viewer,
    category: Option<String>,
}

impl Trending {
    /// Nothing counted yet.
    pub(super) fn new(catalogue: &Catalogue) -> Self {
        let items = || catalogue.items.iter();
        Self {
            regions: items().flat_map(|item| &item.regions).cloned().collect(),
            ratings: items().filter_map(|item| item.age_rating).collect(),
            categories: items().flat_map(|item| &item.categories).cloned().collect(),
            counted: None,
            lists: HashMap::new(),
        }
    }

    /// Takes in an item that is new or has another row now. What is trending is counted anew when somebody asks.
    pub(super) fn put(&mut self, item: &Item) {
        self.regions.extend(item.regions.iter().cloned());
        self.ratings.extend(item.age_rating);
        self.categories.extend(item.categories.iter().cloned());
        self.counted = None;
        self.lists.clear();
    }

    /// What is taken up most lately in a segment, of one category where it is named: at most 100, the best has 1. What
    /// [`Trending::count`] counted decides, and before that what the generation was made from.
    pub(super) fn list(
        &mut self,
        prepared: &Prepared<'_>,
        segment: &Segment,
        category: Option<&str>,
        count: usize,
    ) -> &[Scored] {
        if category.is_some_and(|category| !self.categories.contains(category)) {
            return &[];
        }
        let popular = self.counted.as_ref().map_or(&prepared.popular, |counted| &counted.popular);
        let asked = Asked {
            segment: popular.known(segment),
            viewer: self.like(Viewer::of_segment(segment)),
            category: category.map(str::to_owned),
        };
        if self.lists.len() >= LISTS && !self.lists.contains_key(&asked) {
            self.lists.clear();
        }
        let list = match self.lists.entry(asked) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let list = ordered(popular, prepared, place.key());
                place.insert(list)
            }
        };
        &list[..list.len().min(count)]
    }

    /// The one viewer that stands for all who may be shown the same: names that no item has are many.
    fn like(&self, viewer: Viewer) -> Viewer {
        let age = viewer.age.unwrap_or(0);
        Viewer {
            user: None,
            country: viewer.country.filter(|country| self.regions.contains(country)),
            age: self.ratings.range(..=age).next_back().copied(),
        }
    }

    /// Takes into account what was counted since the last time, if that is not too soon.
    pub(super) fn count(&mut self, catalogue: &Catalogue, imported: &[&Counters], counting: &Counting) {
        let begun = Instant::now();
        let is_new = |seen: u64| {
            self.counted.as_ref().is_none_or(|counted| counted.seen != seen && counted.again <= begun)
        };
        let counted = counting.ask(|lately, seen| {
            let all: Vec<&Counters> = imported.iter().copied().chain([lately]).collect();
            is_new(seen).then(|| (seen, Popular::of(catalogue, &all)))
        });
        if let Some(Some((seen, popular))) = counted {
            let again = begun + begun.elapsed() * REST;
            self.counted = Some(Counted { seen, again, popular });
            self.lists.clear();
        }
    }
}

fn ordered(popular: &Popular, prepared: &Prepared<'_>, asked: &Asked) -> Vec<Scored> {
    let catalogue = prepared.catalogue;
    let wanted =
        |item: &Item| asked.category.as_ref().is_none_or(|category| item.categories.contains(category));
    let whom = (&asked.viewer, &asked.segment);
    let list = popular.list(catalogue, &prepared.barred, whom, &wanted, LONGEST);
    let most = list.first().map_or(0.0, |(_, score)| *score);
    let taken_up = list.into_iter().filter(|(_, score)| *score > 0.0);
    taken_up.map(|(item, score)| (catalogue.items[item].item.clone(), score / most)).collect()
}

#[cfg(test)]
mod tests {
    use segue_core::policies::RADIO;
    use segue_core::policy::Policy;

    use super::super::tests::{catalogue, event};
    use super::super::{Moment, Ranking};
    use super::*;
    use crate::catalog::EventKind;
    use crate::index::Kind;

    fn segment(country: &str, age_group: &str) -> Segment {
        Segment { country: Some(country.into()), age_group: Some(age_group.into()) }
    }

    #[test]
    fn who_may_see_the_same_shares_a_list_and_made_up_names_fill_no_memory() {
        let mut catalogue = catalogue(20, 2);
        catalogue.users[0].country = Some("DE".into());
        catalogue.items[0].regions = vec!["FR".into()];
        (catalogue.items[1].age_rating, catalogue.items[2].age_rating) = (Some(16), Some(18));
        let played = |item: usize| event(&format!("e{item}"), item % 2, item, EventKind::Complete, 1);
        catalogue.add_events((0..9).map(played).collect());
        let ranking = Ranking::new(Policy::from_json(RADIO).unwrap(), None).unwrap();
        let moment = Moment { until_ms: None, now_ms: 10 };
        let prepared = Prepared::new(&catalogue, None, ranking, Kind::Exact, moment, &|_| ()).unwrap();
        let mut trending = Trending::new(&catalogue);
        let mut list = |segment: &Segment, category: Option<&str>| -> Vec<String> {
            let list = trending.list(&prepared, segment, category, 20);
            let items = list.iter().map(|(item, _)| item.clone()).collect();
            assert!(list.first().is_none_or(|(_, best)| *best == 1.0));
            items
        };
        let with = |list: &[String]| ["i0", "i1", "i2"].map(|item| list.iter().any(|other| other == item));
        assert_eq!(with(&list(&segment("DE", "13-17"), None)), [false, false, false]);
        assert_eq!(with(&list(&segment("FR", "16-17"), None)), [true, true, false]);
        assert_eq!(with(&list(&segment("XX", "30+"), None)), [false, true, true]);
        assert_eq!(list(&segment("FR", "16-17"), None).len(), 8);
        for name in 0..3 * LISTS {
            assert!(list(&segment("DE", "13-17"), Some(&format!("none {name}"))).is_empty());
            assert!(!list(&segment(&format!("land {name}"), "17"), Some("jazz")).is_empty());
        }
        assert_eq!(trending.lists.len(), 4);
        assert_eq!(trending.list(&prepared, &Segment::default(), None, 2).len(), 2);
    }
}

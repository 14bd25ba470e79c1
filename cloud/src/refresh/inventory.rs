//! What each region may be shown, as inventories apart: an item that is limited to some regions is in the index of those
//! regions alone, so no query, no filter and no fallback can bring it elsewhere.
//!
//! What may be shown everywhere is indexed once, and searched for everybody: a catalogue sold in fifty countries is not
//! indexed fifty times. Regions with the same limited items share an index of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Viewer;
use super::barred::countries;
use crate::catalog::Catalogue;
use crate::index::{self, Built, Found, ItemVectors, Kind, Quality, Query, nearest};

/// Limited items of a region are compared one by one up to so many: a graph gains nothing on few.
const COMPARED: usize = 2_000;

/// Some of the catalogue's items, and their index.
struct Inventory {
    /// Places in the catalogue, ascending: the index counts from 0.
    items: Vec<u32>,
    built: Built,
}

/// Every region's inventory.
pub struct Inventories {
    /// What may be shown everywhere; none where every item is limited.
    everywhere: Option<Inventory>,
    /// What may be shown in some regions only.
    limited: Vec<Inventory>,
    /// Each country's inventory among the limited ones, where it has one.
    of_country: BTreeMap<String, usize>,
    /// Items that were put in or changed since, by place: compared one by one, whatever an index says of them.
    fresh: BTreeMap<usize, Fresh>,
}

/// An item that no index knows.
struct Fresh {
    vector: Vec<f32>,
    /// Where it may be shown; everywhere without any.
    regions: Vec<String>,
}

impl Fresh {
    fn is_for(&self, viewer: &Viewer) -> bool {
        self.regions.is_empty()
            || viewer.country.as_ref().is_some_and(|country| self.regions.contains(country))
    }

    /// `1 - cosine` of unit vectors.
    fn distance(&self, query: &[f32]) -> f32 {
        1.0 - self.vector.iter().zip(query).map(|(one, other)| one * other).sum::<f32>()
    }
}

/// How inventories are made into indices.
struct Making<'a> {
    kind: Kind,
    vectors: &'a Arc<ItemVectors>,
    queries: &'a [Vec<f32>],
    k: usize,
}

impl Inventories {
    /// Sorts the catalogue's items into inventories and builds an index over each; `queries` check it, `k` items are
    /// asked for at most.
    #[must_use]
    pub fn new(
        kind: Kind,
        catalogue: &Catalogue,
        vectors: &Arc<ItemVectors>,
        queries: &[Vec<f32>],
        k: usize,
        progress: &dyn Fn(usize),
    ) -> Self {
        let (everywhere, limited, of_country) = sort(catalogue);
        let making = Making { kind, vectors, queries, k };
        let everywhere = (!everywhere.is_empty()).then(|| making.inventory(everywhere, progress));
        let limited = limited.into_iter().map(|items| making.inventory(items, &|_| ())).collect();
        Self { everywhere, limited, of_country, fresh: BTreeMap::new() }
    }

    /// Takes in the item at `place` with this unit vector, which is new or has another row now.
    pub(super) fn put(&mut self, place: usize, vector: &[f32], regions: &[String]) {
        self.fresh.insert(place, Fresh { vector: vector.to_vec(), regions: regions.to_vec() });
    }

    /// The vector that an item was put in or changed with; none of others.
    pub(super) fn put_with(&self, place: usize) -> Option<&[f32]> {
        self.fresh.get(&place).map(|fresh| fresh.vector.as_slice())
    }

    /// How many items are compared one by one since they were put in or changed.
    pub(super) fn fresh(&self) -> usize {
        self.fresh.len()
    }

    /// The `k` items nearest to each viewer's query within the viewer's inventory; a graph looks at `breadth` items, or
    /// at as many as passed its check.
    #[must_use]
    pub fn search(
        &self,
        queries: &[(&Viewer, Query<'_>)],
        k: usize,
        breadth: Option<usize>,
    ) -> Vec<Vec<Found>> {
        let all: Vec<usize> = (0..queries.len()).collect();
        let mut found = vec![Vec::new(); queries.len()];
        let mut add = |inventory: &Inventory, here: &[usize]| {
            for (query, answer) in here.iter().zip(inventory.search(queries, here, (k, breadth), &self.fresh))
            {
                found[*query].extend(answer);
            }
        };
        self.everywhere.iter().for_each(|inventory| add(inventory, &all));
        for (place, inventory) in self.limited.iter().enumerate() {
            let here: Vec<usize> =
                all.iter().copied().filter(|query| self.place(queries[*query].0) == Some(place)).collect();
            add(inventory, &here);
        }
        for (found, (viewer, query)) in found.iter_mut().zip(queries) {
            let here =
                self.fresh.iter().filter(|(place, fresh)| fresh.is_for(viewer) && (query.filter)(**place));
            found.extend(here.map(|(place, fresh)| (*place, fresh.distance(query.vector))));
        }
        found.into_iter().map(|found| nearest(found, k)).collect()
    }

    /// What the checks of the worst index measured.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let best = Quality { self_recall: 1.0, recall_at_100: 1.0 };
        self.all().fold(best, |worst, inventory| worst.or_worse(inventory.built.quality))
    }

    /// The method of the first index.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.all().next().map_or("none", |inventory| inventory.built.index.name())
    }

    /// What had to be done differently, in words.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> =
            self.all().flat_map(|inventory| inventory.built.remarks.clone()).collect();
        if !self.limited.is_empty() {
            let sizes = self.limited.iter().map(|inventory| inventory.items.len().to_string());
            let sizes = sizes.collect::<Vec<_>>().join(", ");
            remarks.push(format!("inventories of regions with {sizes} items of their own"));
        }
        remarks
    }

    fn all(&self) -> impl Iterator<Item = &Inventory> {
        self.everywhere.iter().chain(&self.limited)
    }

    fn place(&self, viewer: &Viewer) -> Option<usize> {
        viewer.country.as_ref().and_then(|country| self.of_country.get(country)).copied()
    }
}

impl Making<'_> {
    fn inventory(&self, items: Vec<u32>, progress: &dyn Fn(usize)) -> Inventory {
        let vectors = if items.len() == self.vectors.len() {
            Arc::clone(self.vectors)
        } else {
            Arc::new(self.vectors.of_items(&items))
        };
        let kind = if items.len() > COMPARED { self.kind } else { Kind::Exact };
        let built = index::build(kind, &vectors, self.queries, self.k.min(items.len()), progress);
        Inventory { items, built }
    }
}

impl Inventory {
    /// What is found for the queries in these places.
    fn search(
        &self,
        queries: &[(&Viewer, Query<'_>)],
        here: &[usize],
        (k, breadth): (usize, Option<usize>),
        fresh: &BTreeMap<usize, Fresh>,
    ) -> Vec<Vec<Found>> {
        let filter = |query: &usize| {
            let filter = queries[*query].1.filter;
            move |item: usize| {
                let item = self.items[item] as usize;
                !fresh.contains_key(&item) && filter(item)
            }
        };
        let filters: Vec<_> = here.iter().map(filter).collect();
        let local: Vec<Query<'_>> = here
            .iter()
            .zip(&filters)
            .map(|(query, filter)| Query { vector: queries[*query].1.vector, filter })
            .collect();
        let answers = self.built.index.search_many(&local, k, breadth.unwrap_or(self.built.ef));
        let global = |(item, distance): Found| (self.items[item] as usize, distance);
        answers.into_iter().map(|answer| answer.into_iter().map(global).collect()).collect()
    }
}

/// What may be shown everywhere, the distinct inventories of limited items, and which one each country has.
fn sort(catalogue: &Catalogue) -> (Vec<u32>, Vec<Vec<u32>>, BTreeMap<String, usize>) {
    let (everywhere, rest): (Vec<u32>, Vec<u32>) =
        (0..).take(catalogue.items.len()).partition(|at| catalogue.items[*at as usize].regions.is_empty());
    let mut limited: Vec<Vec<u32>> = Vec::new();
    let mut of_country = BTreeMap::new();
    for country in countries(catalogue) {
        let offered = |at: &u32| catalogue.items[*at as usize].regions.contains(&country);
        let wanted: Vec<u32> = rest.iter().copied().filter(offered).collect();
        if wanted.is_empty() {
            continue;
        }
        let place = limited.iter().position(|inventory| *inventory == wanted).unwrap_or_else(|| {
            limited.push(wanted);
            limited.len() - 1
        });
        of_country.insert(country, place);
    }
    (everywhere, limited, of_country)
}

#[cfg(test)]
mod tests {
    use super::super::tests::catalogue;
    use super::*;

    fn limited() -> Catalogue {
        let mut catalogue = catalogue(12, 4);
        for (item, regions) in [(0, vec!["DE"]), (1, vec!["FR", "DE"]), (2, vec!["US"])] {
            catalogue.items[item].regions = regions.into_iter().map(str::to_owned).collect();
        }
        for (user, country) in ["DE", "FR", "IT", "ES"].into_iter().enumerate() {
            catalogue.users[user].country = Some(country.into());
        }
        catalogue
    }

    #[test]
    fn regions_with_the_same_items_share_an_inventory() {
        let mut catalogue = limited();
        catalogue.users[3].country = Some("DE".into());
        catalogue.items[2].regions = vec!["DE".into(), "FR".into()];
        catalogue.items[0].regions = vec!["FR".into(), "DE".into()];
        let (everywhere, limited, of_country) = sort(&catalogue);
        assert_eq!(everywhere, (3..12).collect::<Vec<u32>>());
        assert_eq!(limited, [[0, 1, 2]]);
        assert_eq!(of_country.keys().collect::<Vec<_>>(), ["DE", "FR"]);
    }

    #[test]
    fn what_was_put_in_or_changed_since_is_found_by_its_new_vector_where_it_may_be_shown() {
        let catalogue = limited();
        let values = (0..12).flat_map(|item| [1.0, item as f32 / 12.0]).collect();
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        let mut inventories = Inventories::new(Kind::Exact, &catalogue, &vectors, &[], 12, &|_| ());
        inventories.put(5, &[-1.0, 0.0], &[]);
        inventories.put(12, &[1.0, 0.0], &["DE".to_owned()]);
        let anything = |_: usize| true;
        let first_and_last = |country| {
            let viewer = Viewer::of_region(Some(country));
            let query = Query { vector: vectors.get(0), filter: &anything };
            let found = inventories.search(&[(&viewer, query)], 20, None).pop().unwrap();
            (found[0].0, found.last().unwrap().0, found.iter().filter(|(item, _)| *item == 12).count())
        };
        assert_eq!((first_and_last("DE").1, first_and_last("DE").2), (5, 1));
        assert_eq!(first_and_last("IT"), (3, 5, 0));
    }

    #[test]
    fn no_query_finds_an_item_of_another_region() {
        let catalogue = limited();
        let values = (0..12).flat_map(|item| [1.0, item as f32 / 12.0]).collect();
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        let anything = |_: usize| true;
        for kind in [Kind::Hnsw, Kind::Exact] {
            let inventories = Inventories::new(kind, &catalogue, &vectors, &[], 12, &|_| ());
            let viewers: Vec<Viewer> =
                [Some("DE"), Some("FR"), Some("IT"), None].map(Viewer::of_region).into();
            let query = |viewer| (viewer, Query { vector: vectors.get(0), filter: &anything });
            let queries: Vec<_> = viewers.iter().map(query).collect();
            let found: Vec<Vec<usize>> = inventories
                .search(&queries, 12, None)
                .into_iter()
                .map(|found| {
                    let mut items: Vec<usize> = found.into_iter().map(|(item, _)| item).collect();
                    items.sort_unstable();
                    items
                })
                .collect();
            assert_eq!(found[0], [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            assert_eq!(found[1], [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            assert_eq!(found[2], [3, 4, 5, 6, 7, 8, 9, 10, 11]);
            assert_eq!(found[3], found[2]);
        }
    }
}

//! What each region may be shown, as inventories apart: an item that a region may not be shown is not in its index at
//! all, so no query, no filter and no fallback can bring it there.
//!
//! Regions that may be shown the same items share an inventory. Where no item is limited there is one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Viewer;
use super::barred::countries;
use crate::catalog::{Catalogue, Item};
use crate::index::{self, Built, Found, ItemVectors, Kind, Quality, Query};

/// The items that some regions may be shown, and their index.
struct Inventory {
    /// Places in the catalogue, ascending: the index counts from 0.
    items: Vec<u32>,
    built: Built,
}

/// Every region's inventory.
pub struct Inventories {
    all: Vec<Inventory>,
    /// The inventory of each country that has one of its own; everybody else has the first.
    of_country: BTreeMap<String, usize>,
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
        let (inventories, of_country) = sort(catalogue);
        let mut all = Vec::with_capacity(inventories.len());
        let mut before = 0;
        for items in inventories {
            let vectors = if items.len() == vectors.len() {
                Arc::clone(vectors)
            } else {
                Arc::new(vectors.of_items(&items))
            };
            let built =
                index::build(kind, &vectors, queries, k.min(items.len()), &|done| progress(before + done));
            before += items.len();
            all.push(Inventory { items, built });
        }
        Self { all, of_country }
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
        let mut found = vec![Vec::new(); queries.len()];
        for (place, inventory) in self.all.iter().enumerate() {
            let here: Vec<usize> =
                (0..queries.len()).filter(|query| self.place(queries[*query].0) == place).collect();
            if here.is_empty() {
                continue;
            }
            let filters: Vec<_> = here
                .iter()
                .map(|query| {
                    let filter = queries[*query].1.filter;
                    move |item: usize| filter(inventory.items[item] as usize)
                })
                .collect();
            let local: Vec<Query<'_>> = here
                .iter()
                .zip(&filters)
                .map(|(query, filter)| Query { vector: queries[*query].1.vector, filter })
                .collect();
            let built = &inventory.built;
            let answers = built.index.search_many(&local, k, breadth.unwrap_or(built.ef));
            for (query, answer) in here.into_iter().zip(answers) {
                let global = |(item, distance): Found| (inventory.items[item] as usize, distance);
                found[query] = answer.into_iter().map(global).collect();
            }
        }
        found
    }

    /// What the checks of the worst index measured.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let best = Quality { self_recall: 1.0, recall_at_100: 1.0 };
        self.all.iter().fold(best, |worst, inventory| Quality {
            self_recall: worst.self_recall.min(inventory.built.quality.self_recall),
            recall_at_100: worst.recall_at_100.min(inventory.built.quality.recall_at_100),
        })
    }

    /// The method of the first index.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.all.first().map_or("none", |inventory| inventory.built.index.name())
    }

    /// What had to be done differently, in words.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> =
            self.all.iter().flat_map(|inventory| inventory.built.remarks.clone()).collect();
        if self.all.len() > 1 {
            let sizes = self.all.iter().map(|inventory| inventory.items.len().to_string());
            let sizes = sizes.collect::<Vec<_>>().join(", ");
            remarks.push(format!("{} inventories of regions, with {sizes} items", self.all.len()));
        }
        remarks
    }

    fn place(&self, viewer: &Viewer) -> usize {
        viewer.country.as_ref().and_then(|country| self.of_country.get(country)).copied().unwrap_or(0)
    }
}

/// The distinct inventories, the first for whoever is in no country with one of its own, and each country's.
fn sort(catalogue: &Catalogue) -> (Vec<Vec<u32>>, BTreeMap<String, usize>) {
    let offered = |item: &Item, country: Option<&String>| {
        item.regions.is_empty() || country.is_some_and(|country| item.regions.contains(country))
    };
    let items = |country: Option<&String>| -> Vec<u32> {
        (0..).zip(&catalogue.items).filter(|(_, item)| offered(item, country)).map(|(at, _)| at).collect()
    };
    let mut inventories = vec![items(None)];
    let mut of_country = BTreeMap::new();
    for country in countries(catalogue) {
        let wanted = items(Some(&country));
        let place = inventories.iter().position(|inventory| *inventory == wanted).unwrap_or_else(|| {
            inventories.push(wanted);
            inventories.len() - 1
        });
        of_country.insert(country, place);
    }
    (inventories, of_country)
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
        let (inventories, of_country) = sort(&limited());
        let everywhere: Vec<u32> = (3..12).collect();
        assert_eq!(inventories.len(), 3);
        assert_eq!(inventories[0], everywhere);
        assert_eq!(inventories[of_country["DE"]][..2], [0, 1]);
        assert_eq!(inventories[of_country["FR"]][0], 1);
        assert_eq!((of_country["IT"], of_country["ES"]), (0, 0));
        assert_eq!(sort(&catalogue(12, 4)).0.len(), 1);
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

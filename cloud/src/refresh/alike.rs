//! Items that are taken up together with an item: the table that a model may hold beside its towers.
//!
//! It is searched in an index of its own, as large as that of the towers' vectors, and not as a list of each item's nearest
//! that is made once: a region, an age rating or what was seen lately would leave such a list short, and an item that is put
//! in between refreshes would be in nobody's.

use std::sync::Arc;

use anyhow::Context as _;

use super::Inventories;
use super::gather::BREADTH;
use crate::catalog::Catalogue;
use crate::index::{ItemVectors, Kind};
use crate::towers::ModelDirectory;
use crate::towers::projection::step;
use crate::towers::table::ItemTable;

/// The table's vectors of all items, and their index.
pub(super) struct Alike {
    vectors: Arc<ItemVectors>,
    /// What each region may be shown, by these vectors.
    pub(super) inventories: Inventories,
}

impl Alike {
    /// By the table beside the towers of `model`; none without one.
    ///
    /// # Errors
    /// When the table is damaged.
    pub(super) fn of(
        model: Option<&ModelDirectory>,
        kind: Kind,
        catalogue: &Catalogue,
    ) -> anyhow::Result<Option<Self>> {
        let Some((model, bytes)) = model.and_then(|model| Some((model, model.table_beside()?))) else {
            return Ok(None);
        };
        let table = ItemTable::from_bytes(bytes)
            .with_context(|| format!("the table beside the towers of {} cannot be used", model.origin))?;
        Self::new(&table, kind, catalogue).map(Some)
    }

    /// By this table, in which people ask with items: these check the index.
    ///
    /// # Errors
    /// When a vector is not finite.
    pub(super) fn new(table: &ItemTable, kind: Kind, catalogue: &Catalogue) -> anyhow::Result<Self> {
        let vectors = Arc::new(ItemVectors::normalised(table.dimension, table.vectors(catalogue))?);
        let asked = (0..vectors.len()).step_by(step(vectors.len()));
        let queries: Vec<Vec<f32>> = asked.map(|item| vectors.get(item).to_vec()).collect();
        let inventories = Inventories::new(kind, catalogue, &vectors, &queries, BREADTH, &|_| ());
        Ok(Self { vectors, inventories })
    }

    /// The vector of an item, the one it was put in with if it was.
    pub(super) fn item(&self, place: usize) -> &[f32] {
        self.inventories.put_with(place).unwrap_or_else(|| self.vectors.get(place))
    }
}

#[cfg(test)]
mod tests {
    use segue_core::policies::RADIO;
    use segue_core::policy::Policy;

    use super::super::tests::{NOW, catalogue};
    use super::super::{Moment, Prepared, Ranking, Viewer};
    use super::*;
    use crate::catalog::generate;
    use crate::index::Query;
    use crate::onnx::LIBRARY;
    use crate::towers::ItemPlacer;
    use crate::towers::history::Histories;
    use crate::towers::table::file_of;

    #[test]
    fn an_item_that_was_put_in_is_found_and_others_are_found_by_it() {
        let row = |item: u16| (format!("i{item}"), vec![1.0, f32::from(item) / 12.0, 0.0]);
        let rows: Vec<(String, Vec<f32>)> = (0..12).map(row).collect();
        let table = ItemTable::from_bytes(&file_of(&rows, 0.5)).unwrap();
        let mut alike = Alike::new(&table, Kind::Exact, &catalogue(12, 1)).unwrap();
        let nearest = |alike: &Alike, to: usize| {
            let (viewer, others) = (Viewer::default(), |item: usize| item != to);
            let query = Query { vector: alike.item(to), filter: &others };
            alike.inventories.search(&[(&viewer, query)], 1, None)[0][0].0
        };
        assert_eq!(nearest(&alike, 0), 1);
        alike.inventories.put(12, &[1.0, 0.0, 0.0], &[]);
        assert_eq!((nearest(&alike, 0), nearest(&alike, 12)), (12, 0));
    }

    #[test]
    fn a_table_beside_towers_is_searched_by_itself_and_places_new_items_as_it_placed_the_others() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let data = tempfile::tempdir().unwrap();
        let options = generate::Options { tracks: 300, users: 6, seed: 3, truth: None };
        generate::run(&options, data.path()).unwrap();
        let catalogue = Catalogue::load(data.path()).unwrap();
        // The first item is new to the table.
        let axis = |at: usize| if at.is_multiple_of(2) { vec![1.0, 0.0, 0.0] } else { vec![0.0, 1.0, 0.0] };
        let rows: Vec<(String, Vec<f32>)> =
            (1..300).map(|at| (catalogue.items[at].item.clone(), axis(at))).collect();
        let model = ModelDirectory::demo().with_table_beside(file_of(&rows, 0.5));
        let prepared = |model: &ModelDirectory| {
            let ranking = Ranking::new(Policy::from_json(RADIO).unwrap(), Some(model)).unwrap();
            let moment = Moment { until_ms: None, now_ms: NOW };
            Prepared::new(&catalogue, Some(model), ranking, Kind::Exact, moment, &|_| ()).unwrap()
        };
        let (plain, both) = (prepared(&ModelDirectory::demo()), prepared(&model));
        assert!(plain.alike.is_none());
        assert_eq!(both.embeddings.towers, plain.embeddings.towers);
        let (alike, embeddings) = (both.alike.as_ref().unwrap(), &both.embeddings);
        let histories = Histories::before(&catalogue, None);
        let mut placer = ItemPlacer::new(&catalogue, &histories, Some(&model), embeddings).unwrap();
        for place in [0, 1] {
            let placed = placer.place(&catalogue, place, &catalogue.items[place]).unwrap().unwrap();
            let near = |(one, other): (&f32, &f32)| (one - other).abs() < 1e-5;
            assert_eq!(placed.vector.len(), embeddings.dimension);
            assert!(placed.alike.unwrap().iter().zip(alike.item(place)).all(near), "item {place}");
        }
        assert_eq!(alike.item(1), [0.0, 1.0, 0.0]);
    }
}

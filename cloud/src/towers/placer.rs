//! Vectors of single items, beside those that all items got together.

use std::sync::Arc;

use super::features;
use super::history::Histories;
use super::table::{ItemTable, Words};
use super::{Embeddings, ModelDirectory, Retriever, Tower, none};
use crate::catalog::{Catalogue, Item};

/// What makes the vectors. It opens a model and counts words once, however many items come.
pub(crate) struct ItemPlacer {
    how: How,
    dimension: usize,
    /// The table beside towers.
    alike: Option<Learned>,
}

/// The learned vectors of a table, and the words of the items that have one.
struct Learned {
    table: ItemTable,
    words: Words,
}

impl Learned {
    fn open(bytes: &[u8], catalogue: &Catalogue) -> anyhow::Result<Self> {
        let table = ItemTable::from_bytes(bytes)?;
        let words = table.words(catalogue);
        Ok(Self { table, words })
    }

    fn place(&self, catalogue: &Catalogue, item: &Item) -> Vec<f32> {
        self.table.vector(catalogue, item, &self.words)
    }
}

enum How {
    /// The item tower, how popular each item is, and the moment that ages are counted to.
    Tower(Box<Tower>, Vec<f32>, i64),
    /// A table alone.
    Table(Box<Learned>),
    /// What is known about the item leads there.
    Directions(Arc<none::Directions>),
    /// Each item brings its own.
    Given,
    /// Nothing is known that would tell one item from another.
    Alike,
}

/// Where an item lies.
pub(crate) struct Placed {
    /// Its unit vector.
    pub(crate) vector: Vec<f32>,
    /// The tower's input, where there is one.
    pub(crate) row: Option<Vec<f32>>,
    /// Its unit vector by the table beside towers, where there is one.
    pub(crate) alike: Option<Vec<f32>>,
}

impl ItemPlacer {
    /// Beside `embeddings`, which `model` made of `catalogue`.
    ///
    /// # Errors
    /// When the model is damaged, or ONNX Runtime cannot be loaded for its towers.
    pub(crate) fn new(
        catalogue: &Catalogue,
        histories: &Histories,
        model: Option<&ModelDirectory>,
        embeddings: &Embeddings,
    ) -> anyhow::Result<Self> {
        let how = match model.map(|model| &model.retriever) {
            Some(Retriever::Towers { item, .. }) => {
                let tower = Box::new(Tower::for_single_rows(item, "item")?);
                How::Tower(tower, histories.popularity(), histories.reference_ms)
            }
            Some(Retriever::Table(bytes)) => How::Table(Box::new(Learned::open(bytes, catalogue)?)),
            None => match &embeddings.directions {
                Some(directions) => How::Directions(Arc::clone(directions)),
                None if catalogue.items.first().is_some_and(|first| first.vector.is_some()) => How::Given,
                None => How::Alike,
            },
        };
        let beside = model.and_then(ModelDirectory::table_beside);
        let alike = beside.map(|bytes| Learned::open(bytes, catalogue)).transpose()?;
        Ok(Self { how, dimension: embeddings.dimension, alike })
    }

    /// Where `item` lies, whose place in `catalogue` is `place` or will be; none where all have to be placed anew for it.
    ///
    /// # Errors
    /// When the model takes other inputs.
    pub(crate) fn place(
        &mut self,
        catalogue: &Catalogue,
        place: usize,
        item: &Item,
    ) -> anyhow::Result<Option<Placed>> {
        let (vector, row) = match &mut self.how {
            How::Tower(tower, popularity, reference_ms) => {
                let popularity = popularity.get(place).copied().unwrap_or_default();
                let row = features::item_row(&catalogue.dataset, item, (popularity, *reference_ms));
                (Some(tower.one(&row)?), Some(row))
            }
            How::Table(learned) => (Some(learned.place(catalogue, item)), None),
            How::Directions(directions) => (Some(directions.place(catalogue, item)), None),
            How::Given => (none::given_to(item, self.dimension), None),
            How::Alike => (Some(vec![1.0; self.dimension]), None),
        };
        let vector = vector.filter(|vector| vector.len() == self.dimension);
        let alike = self.alike.as_ref().map(|learned| learned.place(catalogue, item));
        Ok(vector.map(|vector| Placed { vector, row, alike }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{embed, samples};
    use super::*;

    /// Vectors of all items, and what places one more beside them.
    fn placer(catalogue: &Catalogue) -> (Embeddings, ItemPlacer) {
        let embeddings = embed(catalogue, None, None).unwrap();
        let histories = Histories::before(catalogue, None);
        let placer = ItemPlacer::new(catalogue, &histories, None, &embeddings).unwrap();
        (embeddings, placer)
    }

    #[test]
    fn what_cannot_be_placed_alone_is_said_and_nothing_is_placed() {
        let mut catalogue = samples::catalogue();
        catalogue.items.iter_mut().for_each(|item| item.vector = Some(vec![1.0, 2.0]));
        let (_, mut placer) = placer(&catalogue);
        let mut item = catalogue.items[0].clone();
        assert_eq!(placer.place(&catalogue, 0, &item).unwrap().unwrap().vector.len(), 2);
        for vector in [None, Some(vec![1.0])] {
            item.vector = vector;
            assert!(placer.place(&catalogue, 0, &item).unwrap().is_none());
        }
    }

    #[test]
    fn where_nothing_is_known_of_any_item_one_more_lies_where_all_do() {
        let mut catalogue = samples::catalogue();
        for item in &mut catalogue.items {
            *item = Item { item: item.item.clone(), title: item.title.clone(), ..Item::default() };
        }
        let mut catalogue = Catalogue::new(
            catalogue.dataset,
            catalogue.items,
            Vec::new(),
            Vec::new(),
            Vec::new(),
            catalogue.split,
        );
        let (_, mut placer) = placer(&catalogue);
        let new = Item { item: "new".into(), ..Item::default() };
        let placed = placer.place(&catalogue, catalogue.items.len(), &new).unwrap().unwrap().vector;
        catalogue.add_newcomers(vec![new]);
        let all = embed(&catalogue, None, None).unwrap();
        assert_eq!(all.item(catalogue.items.len() - 1), placed);
    }
}

//! Exact search: the query against every item, as one matrix product.

use std::sync::Arc;

use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Found, ItemVectors, Retrieval, TIE, nearest};

/// Items compared with all others at a time.
const BLOCK: usize = 64;

/// Compares with every item.
#[derive(Debug, Clone)]
pub struct Exact {
    vectors: Arc<ItemVectors>,
}

impl Exact {
    /// Searches `vectors`.
    #[must_use]
    pub fn new(vectors: Arc<ItemVectors>) -> Self {
        Self { vectors }
    }

    /// How many items their own vector does not find, nor one as near: counted in blocks, as one product of matrices
    /// each.
    pub(super) fn unreached(&self) -> usize {
        let Ok(items) = self.vectors.matrix() else { return self.vectors.len() };
        let block = |rows: ArrayView2<'_, f32>| {
            let products = rows.dot(&items.t());
            let own = rows.rows().into_iter().map(|row| row.dot(&row));
            let missed = |(row, own): (ArrayView1<'_, f32>, f32)| {
                row.iter().copied().fold(f32::MIN, f32::max) < own - TIE
            };
            products.rows().into_iter().zip(own).filter(|(row, own)| missed((*row, *own))).count()
        };
        items.axis_chunks_iter(Axis(0), BLOCK).par_bridge().map(block).sum()
    }
}

impl Retrieval for Exact {
    fn search(&self, query: &[f32], k: usize, _ef: usize, filter: &dyn Fn(usize) -> bool) -> Vec<Found> {
        let (Ok(items), Ok(query)) = (self.vectors.matrix(), ArrayView2::from_shape((query.len(), 1), query))
        else {
            return Vec::new();
        };
        if items.ncols() != query.nrows() {
            return Vec::new();
        }
        // Two matrices rather than a matrix and a vector: that product has a vectorised kernel.
        let products = items.dot(&query);
        let distance =
            |(item, product): (usize, &f32)| filter(item).then(|| (item, (1.0 - product).max(0.0)));
        nearest(products.iter().enumerate().filter_map(distance).collect(), k)
    }

    fn name(&self) -> &'static str {
        "exact"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact() -> Exact {
        let values = vec![1.0, 0.0, 0.6, 0.8, 0.0, 1.0, 1.0, 0.0];
        Exact::new(Arc::new(ItemVectors::normalised(2, values).unwrap()))
    }

    #[test]
    fn the_nearest_come_first_and_ties_in_item_order() {
        let found = exact().search(&[1.0, 0.0], 3, 0, &|_| true);
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [0, 3, 1]);
        assert!((found[2].1 - 0.4).abs() < 1e-6);
    }

    #[test]
    fn what_the_filter_bars_is_not_found_and_asking_for_more_gives_all() {
        let found = exact().search(&[1.0, 0.0], 10, 0, &|item| item != 0);
        assert_eq!(found.iter().map(|found| found.0).collect::<Vec<_>>(), [3, 1, 2]);
        assert!(exact().search(&[1.0, 0.0], 0, 0, &|_| true).is_empty());
    }

    #[test]
    fn every_item_finds_itself() {
        assert_eq!(exact().unreached(), 0);
    }

    #[test]
    fn a_query_of_another_dimension_finds_nothing() {
        assert!(exact().search(&[1.0, 0.0, 0.0], 3, 0, &|_| true).is_empty());
    }
}

//! Exact search: queries against every item, as products of matrices.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Filter, Found, ItemVectors, Query, Retrieval, TIE, nearest};

/// Items compared with all others, and queries compared with all items, at a time.
const BLOCK: usize = 64;
/// Items in one product: with [`BLOCK`] queries it is 1 MiB, which stays in a core's cache.
const ITEMS: usize = 4_096;

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

    /// The `k` nearest items of each of a few queries.
    fn block(&self, queries: &[Query<'_>], k: usize) -> Vec<Vec<Found>> {
        let mut best: Vec<Best> = queries.iter().map(|_| Best::new(k)).collect();
        if let (Ok(items), Some(columns)) = (self.vectors.matrix(), self.columns(queries)) {
            for (part, rows) in items.axis_chunks_iter(Axis(0), ITEMS).enumerate() {
                let products = rows.dot(&columns);
                for (item, products) in (part * ITEMS..).zip(products.rows()) {
                    for ((best, query), product) in best.iter_mut().zip(queries).zip(products) {
                        best.offer(item, (1.0 - product).max(0.0), query.filter);
                    }
                }
            }
        }
        best.into_iter().map(|best| nearest(best.found, k)).collect()
    }

    /// The queries as the columns of a matrix; none when one is of another dimension.
    fn columns(&self, queries: &[Query<'_>]) -> Option<Array2<f32>> {
        let dimension = self.vectors.dimension();
        let fit = queries.iter().all(|query| query.vector.len() == dimension);
        fit.then(|| {
            Array2::from_shape_fn((dimension, queries.len()), |(row, query)| queries[query].vector[row])
        })
    }
}

impl Retrieval for Exact {
    fn search(&self, query: &[f32], k: usize, _ef: usize, filter: &Filter<'_>) -> Vec<Found> {
        self.block(&[Query { vector: query, filter }], k).pop().unwrap_or_default()
    }

    fn search_many(&self, queries: &[Query<'_>], k: usize, _ef: usize) -> Vec<Vec<Found>> {
        queries.par_chunks(BLOCK).flat_map_iter(|block| self.block(block, k)).collect()
    }

    fn name(&self) -> &'static str {
        "exact"
    }
}

/// The nearest items so far: at most twice as many as wanted.
struct Best {
    wanted: usize,
    /// What is further away than this is not among them.
    limit: f32,
    found: Vec<Found>,
}

impl Best {
    fn new(wanted: usize) -> Self {
        Self { wanted, limit: if wanted == 0 { f32::MIN } else { f32::MAX }, found: Vec::new() }
    }

    fn offer(&mut self, item: usize, distance: f32, filter: &Filter<'_>) {
        if distance > self.limit || !filter(item) {
            return;
        }
        self.found.push((item, distance));
        if self.found.len() >= 2 * self.wanted {
            self.found = nearest(std::mem::take(&mut self.found), self.wanted);
            self.limit = self.found.last().map_or(self.limit, |found| found.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::clustered;
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

    #[test]
    fn many_queries_find_what_sorting_all_distances_finds() {
        let vectors = Arc::new(clustered(2 * ITEMS + 100, 8, 9));
        let exact = Exact::new(Arc::clone(&vectors));
        let odd = |item: usize| item % 2 == 1;
        let queries: Vec<Query<'_>> =
            (0..BLOCK + 5).map(|at| Query { vector: vectors.get(at * 50), filter: &odd }).collect();
        for (query, found) in queries.iter().zip(exact.search_many(&queries, 40, 0)) {
            let distance = |item: usize| {
                let product: f32 = vectors.get(item).iter().zip(query.vector).map(|(a, b)| a * b).sum();
                (1.0 - product).max(0.0)
            };
            let all = (0..vectors.len()).filter(|item| odd(*item)).map(|item| (item, distance(item)));
            let limit = nearest(all.collect(), 40)[39].1;
            assert_eq!(found.len(), 40);
            assert!(found.iter().all(|(item, _)| odd(*item) && distance(*item) <= limit + TIE));
        }
    }
}

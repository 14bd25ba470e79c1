//! Retrieval: from a user's vector to the nearest items, behind one trait.
//!
//! Distances are `1 - cosine` of unit vectors. [`Exact`] compares with everything, many queries in one matrix product,
//! and [`Product`] does so on a graphics card; [`Graph`] walks an HNSW graph, that of `hnsw_rs` or that of `usearch`. [`build`] makes the one asked for, checks it,
//! and falls back to the exact one, saying so, when the graph fails.

mod build;
mod check;
mod exact;
mod graph;
mod hnsw;
mod multiply;
mod product;
#[cfg(feature = "usearch")]
mod usearch;
mod vectors;

pub use build::{Built, Kind, build};
pub use check::{Quality, TIE, recall_at, unreached};
pub use exact::Exact;
pub use graph::{Graph, Shape};
pub use multiply::multiply_rate;
pub use product::Product;
pub use vectors::ItemVectors;
pub(crate) use vectors::normalise;

use rayon::prelude::*;

/// An item found: its place among the vectors, and `1 - cosine` to the query.
pub type Found = (usize, f32);

/// Says of an item whether it may be found.
pub type Filter<'a> = dyn Fn(usize) -> bool + Sync + 'a;

/// One of many queries: a unit vector, and the items that may be found by it.
pub struct Query<'a> {
    /// A unit vector of the items' dimension.
    pub vector: &'a [f32],
    /// Items that may be found.
    pub filter: &'a Filter<'a>,
}

/// Finds the items nearest to a query.
pub trait Retrieval: Send + Sync {
    /// The `k` nearest items that `filter` lets through, nearest first; equal distances in item order.
    ///
    /// `ef` is how many items a graph looks at before it is content (at least `k`); exact search ignores it.
    fn search(&self, query: &[f32], k: usize, ef: usize, filter: &Filter<'_>) -> Vec<Found>;

    /// What [`Retrieval::search`] finds for each query, on all cores.
    fn search_many(&self, queries: &[Query<'_>], k: usize, ef: usize) -> Vec<Vec<Found>> {
        queries.par_iter().map(|query| self.search(query.vector, k, ef, query.filter)).collect()
    }

    /// The method's name in reports.
    fn name(&self) -> &'static str;
}

/// Sorts by distance, then by item, and keeps the first `k`.
pub(crate) fn nearest(mut found: Vec<Found>, k: usize) -> Vec<Found> {
    let order = |one: &Found, other: &Found| one.1.total_cmp(&other.1).then(one.0.cmp(&other.0));
    if k == 0 {
        return Vec::new();
    }
    if found.len() > k {
        found.select_nth_unstable_by(k - 1, order);
        found.truncate(k);
    }
    found.sort_unstable_by(order);
    found
}

#[cfg(test)]
pub(crate) mod tests_support {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::ItemVectors;

    /// Unit vectors drawn around a few centres, as items of a catalogue are.
    pub(crate) fn clustered(count: usize, dimension: usize, seed: u64) -> ItemVectors {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = move || random.next_u32() as f32 / u32::MAX as f32 - 0.5;
        let centres: Vec<f32> = (0..10 * dimension).map(|_| draw()).collect();
        let values = (0..count)
            .flat_map(|row| {
                let start = row % 10 * dimension;
                (0..dimension).map(|at| centres[start + at] + 0.4 * draw()).collect::<Vec<_>>()
            })
            .collect();
        ItemVectors::normalised(dimension, values).unwrap()
    }
}

//! Approximate search in an HNSW graph (Malkov and Yashunin, TPAMI 2020), whoever keeps the graph.
//!
//! Items with equal vectors are one node: a cluster of equal points would only link to itself. Items are inserted one
//! after the other, which makes the same graph each time. Some points cannot be reached where neighbours are many:
//! those are found by searching for each, and compared with every query. Distances are computed here, from the vectors
//! themselves, so that every graph's answers are comparable. Filtering happens here too, by asking for more until
//! enough are left.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hnsw_rs::prelude::{DistL2, Distance};

use super::hnsw::HnswRs;
#[cfg(feature = "usearch")]
use super::usearch::Usearch;
use super::{Exact, Filter, Found, ItemVectors, Retrieval, nearest};

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Links per item and layer.
    pub links: usize,
    /// Items looked at while inserting one.
    pub breadth: usize,
}

impl Shape {
    /// Links and breadth that pass the checks on every data set tried.
    pub const USUAL: Self = Self { links: 16, breadth: 100 };
    /// A denser graph, for vectors on which the usual one fails.
    pub const DENSE: Self = Self { links: 32, breadth: 400 };
}

/// A graph of points and its walk.
pub(super) trait Walk: Send + Sync {
    /// Adds point `node`; nodes are counted from 0.
    ///
    /// # Errors
    /// When the graph takes no more.
    fn insert(&mut self, node: usize, vector: &[f32]) -> anyhow::Result<()>;

    /// The `count` nodes nearest to `query` about, and maybe more of those near to it, having looked at `ef`; none when the
    /// walk fails.
    fn near(&self, query: &[f32], count: usize, ef: usize) -> Vec<usize>;

    /// The graph's name in reports.
    fn name(&self) -> &'static str;
}

/// Walks an HNSW graph.
pub struct Graph {
    walk: Box<dyn Walk>,
    /// Items of each node, ascending.
    nodes: Vec<Vec<u32>>,
    /// Nodes that the graph does not lead to.
    strays: Vec<usize>,
    exact: Exact,
    vectors: Arc<ItemVectors>,
}

impl Graph {
    /// Inserts every vector into a graph of `hnsw_rs`; `progress` hears how many items are in so far.
    ///
    /// # Errors
    /// When the graph takes no more.
    pub fn hnsw(vectors: &Arc<ItemVectors>, shape: Shape, progress: &dyn Fn(usize)) -> anyhow::Result<Self> {
        Self::fill(vectors, progress, |nodes| Ok(Box::new(HnswRs::new(shape, nodes))))
    }

    /// As [`Graph::hnsw`] with a graph of `usearch`, whose vectors are of 16 bits.
    ///
    /// # Errors
    /// When memory runs out.
    #[cfg(feature = "usearch")]
    pub fn usearch(
        vectors: &Arc<ItemVectors>,
        shape: Shape,
        progress: &dyn Fn(usize),
    ) -> anyhow::Result<Self> {
        Self::fill(vectors, progress, |nodes| Ok(Box::new(Usearch::new(vectors.dimension(), shape, nodes)?)))
    }

    fn fill(
        vectors: &Arc<ItemVectors>,
        progress: &dyn Fn(usize),
        make: impl FnOnce(usize) -> anyhow::Result<Box<dyn Walk>>,
    ) -> anyhow::Result<Self> {
        let nodes = nodes(vectors);
        let mut walk = make(nodes.len())?;
        let mut inserted = 0;
        for (node, items) in nodes.iter().enumerate() {
            walk.insert(node, vectors.get(items[0] as usize))?;
            inserted += items.len();
            progress(inserted);
        }
        let exact = Exact::new(Arc::clone(vectors));
        Ok(Self { walk, nodes, strays: Vec::new(), exact, vectors: Arc::clone(vectors) })
    }

    /// Compares these items with every query from now on, because the graph does not lead to them.
    pub fn adopt(&mut self, unreached: &[usize]) {
        let unreached: HashSet<usize> = unreached.iter().copied().collect();
        let is_stray = |items: &[u32]| items.iter().any(|item| unreached.contains(&(*item as usize)));
        self.strays = (0..self.nodes.len()).filter(|node| is_stray(&self.nodes[*node])).collect();
    }

    /// How many items the graph does not lead to; they are compared with every query.
    #[must_use]
    pub fn strays(&self) -> usize {
        self.strays.iter().map(|node| self.nodes[*node].len()).sum()
    }

    fn items_near(&self, query: &[f32], count: usize, ef: usize) -> Vec<Found> {
        let mut nodes = self.walk.near(query, count, ef.max(count));
        // A stray may be within reach of this query all the same.
        nodes.extend(&self.strays);
        nodes.sort_unstable();
        nodes.dedup();
        let items = |node: usize| {
            let distance = self.distance(query, node);
            self.nodes.get(node).into_iter().flatten().map(move |&item| (item as usize, distance))
        };
        nodes.into_iter().flat_map(items).collect()
    }

    /// `1 - cosine` of unit vectors is half their squared distance.
    fn distance(&self, query: &[f32], node: usize) -> f32 {
        let distance = DistL2.eval(query, self.vectors.get(self.nodes[node][0] as usize));
        distance * distance / 2.0
    }
}

impl Retrieval for Graph {
    fn search(&self, query: &[f32], k: usize, ef: usize, filter: &Filter<'_>) -> Vec<Found> {
        let mut count = k;
        // Past a quarter of the catalogue comparing with everything costs less than walking.
        while count > 0 && count < self.vectors.len().div_ceil(4).max(k) + 1 && count <= self.nodes.len() {
            let found: Vec<Found> =
                self.items_near(query, count, ef).into_iter().filter(|found| filter(found.0)).collect();
            if found.len() >= k {
                return nearest(found, k);
            }
            count *= 2;
        }
        self.exact.search(query, k, ef, filter)
    }

    fn name(&self) -> &'static str {
        self.walk.name()
    }
}

/// Items grouped by equal vectors, in order of each group's first item.
fn nodes(vectors: &ItemVectors) -> Vec<Vec<u32>> {
    let mut places: HashMap<Vec<u32>, usize> = HashMap::with_capacity(vectors.len());
    let mut nodes: Vec<Vec<u32>> = Vec::new();
    for item in 0..vectors.len() {
        if vectors.get(item).iter().all(|value| *value == 0.0) {
            // Nothing is known about it, so nothing is near it.
            continue;
        }
        // Adding zero turns -0 into 0, so that both are one point.
        let bits = vectors.get(item).iter().map(|value| (value + 0.0).to_bits()).collect();
        let place = *places.entry(bits).or_insert_with(|| {
            nodes.push(Vec::new());
            nodes.len() - 1
        });
        nodes[place].extend(u32::try_from(item));
    }
    nodes
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "usearch")]
    use super::super::recall_at;
    use super::super::tests_support::clustered;
    use super::super::unreached;
    use super::*;

    fn items(found: &[Found]) -> Vec<usize> {
        found.iter().map(|found| found.0).collect()
    }

    #[test]
    fn the_same_vectors_give_the_same_answers_each_time() {
        let vectors = Arc::new(clustered(600, 16, 1));
        let build = || Graph::hnsw(&vectors, Shape::USUAL, &|_| ()).unwrap();
        let (one, other) = (build(), build());
        for query in 0..20 {
            let search = |graph: &Graph| graph.search(vectors.get(query), 10, 50, &|_| true);
            assert_eq!(search(&one), search(&other));
        }
    }

    #[cfg(feature = "usearch")]
    #[test]
    fn both_graphs_find_what_exact_search_finds() {
        let vectors = Arc::new(clustered(3_000, 16, 8));
        let exact = Exact::new(Arc::clone(&vectors));
        let queries: Vec<Vec<f32>> = (0..30).map(|item| vectors.get(item * 97).to_vec()).collect();
        for build in [Graph::hnsw, Graph::usearch] {
            let graph = build(&vectors, Shape::USUAL, &|_| ()).unwrap();
            let recall = recall_at(50, &graph, &exact, &queries, 100, 200);
            assert!(recall >= 0.99, "{}: {recall}", graph.name());
            let (one, other) =
                (graph.search(&queries[0], 5, 99, &|_| true), exact.search(&queries[0], 5, 0, &|_| true));
            assert_eq!(items(&one), items(&other));
        }
    }

    #[test]
    fn distances_are_those_of_exact_search() {
        let vectors = Arc::new(clustered(300, 16, 2));
        let graph = Graph::hnsw(&vectors, Shape::USUAL, &|_| ()).unwrap();
        let exact = Exact::new(Arc::clone(&vectors));
        let (approximate, all) = (
            graph.search(vectors.get(7), 5, 100, &|_| true),
            exact.search(vectors.get(7), 5, 100, &|_| true),
        );
        for (one, other) in approximate.iter().zip(&all) {
            assert!((one.1 - other.1).abs() < 1e-5, "{approximate:?} {all:?}");
        }
    }

    #[test]
    fn items_with_equal_vectors_are_all_found() {
        let mut values = [1.0, 0.0].repeat(50);
        values.extend([0.0, 1.0].repeat(50));
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        let graph = Graph::hnsw(&vectors, Shape::USUAL, &|_| ()).unwrap();
        assert_eq!(items(&graph.search(&[0.0, 1.0], 50, 50, &|_| true)), (50..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_filter_that_bars_nearly_everything_still_gets_its_items() {
        let vectors = Arc::new(clustered(500, 16, 3));
        let graph = Graph::hnsw(&vectors, Shape::USUAL, &|_| ()).unwrap();
        let found = graph.search(vectors.get(0), 3, 50, &|item| item >= 497);
        let mut places = items(&found);
        places.sort_unstable();
        assert_eq!(places, [497, 498, 499]);
        assert!(graph.search(vectors.get(0), 3, 50, &|_| false).is_empty());
    }

    #[test]
    fn what_the_graph_does_not_lead_to_is_found_all_the_same() {
        let vectors = Arc::new(clustered(2_000, 32, 7));
        // So sparse a graph loses many.
        let mut sparse = Graph::hnsw(&vectors, Shape { links: 2, breadth: 4 }, &|_| ()).unwrap();
        let lost = unreached(&sparse, &vectors, 10);
        assert!(!lost.is_empty());
        sparse.adopt(&lost);
        assert_eq!(sparse.strays(), lost.len());
        assert!(unreached(&sparse, &vectors, 10).is_empty());
    }

    #[test]
    fn an_item_of_zeros_is_near_to_nobody() {
        let values = vec![0.0, 0.0, 1.0, 0.0, -1.0, 0.0];
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        let graph = Graph::hnsw(&vectors, Shape::USUAL, &|_| ()).unwrap();
        assert_eq!(items(&graph.search(&[1.0, 0.0], 2, 9, &|_| true)), [1, 2]);
        assert_eq!(items(&graph.search(&[1.0, 0.0], 3, 9, &|_| true)), [1, 0, 2]);
    }

    #[test]
    fn no_item_and_one_item_are_catalogues_too() {
        let none = Arc::new(ItemVectors::normalised(2, Vec::new()).unwrap());
        assert!(
            Graph::hnsw(&none, Shape::USUAL, &|_| ())
                .unwrap()
                .search(&[1.0, 0.0], 3, 9, &|_| true)
                .is_empty()
        );
        let one = Arc::new(ItemVectors::normalised(2, vec![0.0, 1.0]).unwrap());
        let graph = Graph::hnsw(&one, Shape::USUAL, &|_| ()).unwrap();
        assert_eq!(items(&graph.search(&[1.0, 0.0], 3, 9, &|_| true)), [0]);
    }
}

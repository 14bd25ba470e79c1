//! The graph of the crate `usearch` (C++): several times faster than `hnsw_rs` and, with vectors of 16 bits, a fraction of
//! its memory. For catalogues above about a million items.
//!
//! Its breadth of search is a setting of the whole index, so here as many nodes as it is to look at are asked for. All of
//! them come back: 16 bits put neighbours that are almost equally far in another order, and the graph's keeper orders them
//! by the vectors themselves.

use anyhow::Context;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

use super::graph::{Shape, Walk};

/// Searches at once; each keeps its own workspace. More than cores there may be, since services search too.
const THREADS: usize = 256;

/// A graph of `usearch`.
pub(super) struct Usearch(Index);

impl Usearch {
    /// An empty graph for `nodes` points of `dimension` entries.
    ///
    /// # Errors
    /// When memory runs out.
    pub(super) fn new(dimension: usize, shape: Shape, nodes: usize) -> anyhow::Result<Self> {
        let options = IndexOptions {
            dimensions: dimension,
            metric: MetricKind::L2sq,
            quantization: ScalarKind::F16,
            connectivity: shape.links,
            expansion_add: shape.breadth,
            expansion_search: shape.breadth,
            multi: false,
        };
        let index = Index::new(&options).context("making a usearch index")?;
        index
            .reserve_capacity_and_threads(nodes, THREADS)
            .with_context(|| format!("usearch has no room for {nodes} items"))?;
        Ok(Self(index))
    }
}

impl Walk for Usearch {
    fn insert(&mut self, node: usize, vector: &[f32]) -> anyhow::Result<()> {
        self.0.add(node as u64, vector).context("usearch takes no more items")
    }

    fn near(&self, query: &[f32], count: usize, ef: usize) -> Vec<usize> {
        let Ok(found) = self.0.search(query, ef.max(count)) else { return Vec::new() };
        found.keys.iter().filter_map(|key| usize::try_from(*key).ok()).collect()
    }

    fn name(&self) -> &'static str {
        "usearch"
    }
}

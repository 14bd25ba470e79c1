//! The graph of the crate `hnsw_rs`: the default, pure Rust.
//!
//! Three properties of that crate shape its use. Concurrent insertion now and then leaves an item that its own vector
//! does not find, and makes another graph each time. Its dot distance asserts on rounding, so unit vectors are compared
//! by Euclidean distance. Its filter can end in an unwrap of nothing. And where neighbours are many it drops a new
//! point's only incoming links again; [`super::Graph`] finds those points.

use hnsw_rs::prelude::{DistL2, Hnsw};

use super::graph::{Shape, Walk};

const LAYERS: usize = 16;

/// A graph of `hnsw_rs`.
pub(super) struct HnswRs(Hnsw<'static, f32, DistL2>);

impl HnswRs {
    /// An empty graph for `nodes` points.
    pub(super) fn new(shape: Shape, nodes: usize) -> Self {
        Self(Hnsw::new(shape.links, nodes.max(1), LAYERS, shape.breadth, DistL2))
    }
}

impl Walk for HnswRs {
    fn insert(&mut self, node: usize, vector: &[f32]) -> anyhow::Result<()> {
        self.0.insert((vector, node));
        Ok(())
    }

    fn near(&self, query: &[f32], count: usize, ef: usize) -> Vec<usize> {
        self.0.search(query, count, ef).iter().map(|neighbour| neighbour.d_id).collect()
    }

    fn name(&self) -> &'static str {
        "hnsw"
    }
}

//! Builds an index that passes its checks.

use std::sync::Arc;

use rayon::prelude::*;

use super::check::{finds_itself, share_without};
use super::{Exact, Graph, ItemVectors, Product, Quality, Retrieval, Shape, recall_at, unreached};
use crate::onnx::{Device, Provider};

/// Which method retrieves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An HNSW graph in Rust: cost grows little with the catalogue.
    Hnsw,
    /// An HNSW graph of usearch: faster and smaller, for catalogues above about a million items.
    #[cfg(feature = "usearch")]
    Usearch,
    /// Comparing with every item: no loss, and cheap for small catalogues.
    Exact,
}

/// An index and how it did in its checks.
pub struct Built {
    /// The index.
    pub index: Box<dyn Retrieval>,
    /// What the checks measured.
    pub quality: Quality,
    /// How many items a search looks at before it is content.
    pub ef: usize,
    /// What had to be done differently, in words.
    pub remarks: Vec<String>,
}

type Builder = fn(&Arc<ItemVectors>, Shape, &dyn Fn(usize)) -> anyhow::Result<Graph>;

/// Builds an index over `vectors` and checks it with `queries` (users' vectors), asked for `k` items as retrieval is.
///
/// A graph that fails is searched more broadly, then built more densely; if that fails too, search is exact.
#[must_use]
pub fn build(
    kind: Kind,
    vectors: &Arc<ItemVectors>,
    queries: &[Vec<f32>],
    k: usize,
    progress: &dyn Fn(usize),
) -> Built {
    let exact = Exact::new(Arc::clone(vectors));
    let mut remarks = Vec::new();
    let graph = match kind {
        Kind::Hnsw => Some(Graph::hnsw as Builder),
        #[cfg(feature = "usearch")]
        Kind::Usearch => Some(Graph::usearch as Builder),
        Kind::Exact => None,
    };
    if let Some(graph) = graph {
        for shape in [Shape::USUAL, Shape::DENSE] {
            let graph = match graph(vectors, shape, progress) {
                Ok(graph) => graph,
                Err(error) => {
                    remarks.push(format!("a graph with {} links could not be built: {error:#}", shape.links));
                    continue;
                }
            };
            match check(graph, vectors, &exact, queries, k) {
                Ok((index, quality, ef)) => {
                    if index.strays() > 0 {
                        remarks.push(format!(
                            "{} items the graph does not lead to are compared one by one",
                            index.strays()
                        ));
                    }
                    return Built { index: Box::new(index), quality, ef, remarks };
                }
                Err(quality) => remarks.push(format!(
                    "a graph with {} links failed: self-recall {:.5}, recall@100 {:.4}",
                    shape.links, quality.self_recall, quality.recall_at_100
                )),
            }
        }
        remarks.push("search is exact instead; it costs more on a large catalogue".into());
    }
    let (self_recall, index) = (share_without(exact.unreached(), vectors.len()), on_card(&exact, vectors));
    let index = index.unwrap_or_else(|error| {
        remarks.push(format!("exact search is left to the processor: {error:#}"));
        Box::new(exact.clone())
    });
    let recall_at_100 = recall_at(100, &*index, &exact, queries, k, k);
    Built { index, quality: Quality { self_recall, recall_at_100 }, ef: k, remarks }
}

/// Exact search on a graphics card where there is one that works.
fn on_card(exact: &Exact, vectors: &Arc<ItemVectors>) -> anyhow::Result<Box<dyn Retrieval>> {
    let device = Device::in_force();
    match device.provider {
        Provider::Cpu => Ok(Box::new(exact.clone())),
        Provider::Cuda => Ok(Box::new(Product::new(vectors, device)?)),
    }
}

/// The graph with the smallest breadth that is enough, or what the largest one reached.
fn check(
    mut graph: Graph,
    vectors: &ItemVectors,
    exact: &Exact,
    queries: &[Vec<f32>],
    k: usize,
) -> Result<(Graph, Quality, usize), Quality> {
    let lost = unreached(&graph, vectors, k);
    graph.adopt(&lost);
    // What was found before is found all the same: strays only add to what the graph finds.
    let missing = lost.par_iter().filter(|item| !finds_itself(&graph, vectors, **item, k)).count();
    let mut quality = Quality { self_recall: share_without(missing, vectors.len()), recall_at_100: 0.0 };
    for ef in [k, 2 * k, 4 * k] {
        quality.recall_at_100 = recall_at(100, &graph, exact, queries, k, ef);
        if quality.is_enough() {
            return Ok((graph, quality, ef));
        }
    }
    Err(quality)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::clustered;
    use super::*;

    #[test]
    fn a_graph_over_a_catalogue_passes() {
        let vectors = Arc::new(clustered(1_500, 16, 5));
        let queries: Vec<Vec<f32>> = (0..10).map(|item| vectors.get(item * 7).to_vec()).collect();
        let kinds = [
            (Kind::Hnsw, "hnsw"),
            #[cfg(feature = "usearch")]
            (Kind::Usearch, "usearch"),
        ];
        for (kind, name) in kinds {
            let built = build(kind, &vectors, &queries, 200, &|_| ());
            assert_eq!(built.index.name(), name);
            assert!(built.quality.is_enough(), "{:?}", built.quality);
        }
    }

    #[test]
    fn exact_search_is_there_for_who_asks() {
        let vectors = Arc::new(clustered(50, 8, 6));
        let built = build(Kind::Exact, &vectors, &[vectors.get(0).to_vec()], 20, &|_| ());
        assert_eq!((built.index.name(), built.quality.recall_at_100), ("exact", 1.0));
    }
}

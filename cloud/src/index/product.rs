//! Exact search as one graph of ONNX: queries times items, and of each row of products the largest.
//!
//! The same graph runs on a graphics card and on the processor, wherever ONNX Runtime puts it; [`build`](super::build)
//! takes it where a card is there, since on the processor [`Exact`] is as quick and needs no library. Its bytes are made
//! here, with the items inside, so that they lie on the card once. A graph may hold two gigabytes, so a large catalogue is
//! several of them.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use ort::session::Session;
use ort::value::Tensor;

use super::message::Message;
use super::{Exact, Filter, Found, ItemVectors, Query, Retrieval, nearest};
use crate::towers::onnx::{self, Provider};

/// Bytes of vectors in one graph.
const PART_BYTES: usize = 1 << 30;
/// Bytes of the products of one run.
const PRODUCT_BYTES: usize = 256 << 20;
/// Queries of one run at most.
const QUERIES: usize = 1_024;
/// How many times as many are asked for where filters left too few.
const WIDER: usize = 4;

/// Some of the items.
struct Part {
    first: usize,
    count: usize,
    /// A session answers one run at a time.
    session: Mutex<Session>,
}

/// Compares with every item by ONNX Runtime.
pub struct Product {
    parts: Vec<Part>,
    dimension: usize,
    /// Answers what a run cannot: the filters of somebody bar nearly everything, or the card fails.
    exact: Exact,
}

impl Product {
    /// Searches `vectors` on `provider`.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded, or the card has no room.
    pub fn new(vectors: &Arc<ItemVectors>, provider: Provider) -> anyhow::Result<Self> {
        Self::in_parts(vectors, provider, PART_BYTES / (4 * vectors.dimension()).max(1))
    }

    fn in_parts(vectors: &Arc<ItemVectors>, provider: Provider, items: usize) -> anyhow::Result<Self> {
        let part = |first: usize| {
            let count = items.min(vectors.len() - first);
            let session = onnx::session_on(&graph(vectors, first, count), 0, provider)?;
            Ok(Part { first, count, session: Mutex::new(session) })
        };
        let firsts = (0..vectors.len()).step_by(items.max(1));
        let parts = firsts.map(part).collect::<anyhow::Result<_>>()?;
        Ok(Self { parts, dimension: vectors.dimension(), exact: Exact::new(Arc::clone(vectors)) })
    }

    /// The items nearest to each query, of which `k` pass its filter; none for a query of which too few were asked for.
    fn run(&self, queries: &[&Query<'_>], k: usize, asked: usize) -> anyhow::Result<Vec<Option<Vec<Found>>>> {
        let mut found: Vec<Vec<Found>> = vec![Vec::new(); queries.len()];
        let mut is_all = true;
        for part in &self.parts {
            is_all &= asked >= part.count;
            let (products, items) = part.largest(queries, self.dimension, asked.min(part.count))?;
            let width = asked.min(part.count);
            let rows = products.chunks_exact(width).zip(items.chunks_exact(width));
            for ((found, query), (products, items)) in found.iter_mut().zip(queries).zip(rows) {
                let near = items.iter().zip(products).filter_map(|(item, product)| {
                    let item = part.first + usize::try_from(*item).ok()?;
                    (query.filter)(item).then_some((item, (1.0 - product).max(0.0)))
                });
                found.extend(near);
            }
        }
        // Of each part as many were asked for as of all, so nothing nearer was left out once `k` are there.
        let enough = |found: Vec<Found>| (is_all || found.len() >= k).then(|| nearest(found, k));
        Ok(found.into_iter().map(enough).collect())
    }

    /// Asks for more and more until each query has its items.
    fn answer(&self, queries: &[Query<'_>], k: usize) -> anyhow::Result<Vec<Vec<Found>>> {
        let mut answers: Vec<Option<Vec<Found>>> = vec![None; queries.len()];
        let largest = self.parts.iter().map(|part| part.count).max().unwrap_or(0);
        let mut asked = k.saturating_mul(2).min(largest);
        loop {
            let open: Vec<usize> = (0..queries.len()).filter(|at| answers[*at].is_none()).collect();
            if open.is_empty() {
                return Ok(answers.into_iter().flatten().collect());
            }
            let rows = (PRODUCT_BYTES / (4 * largest.max(1))).clamp(1, QUERIES);
            for places in open.chunks(rows) {
                let some: Vec<&Query<'_>> = places.iter().map(|place| &queries[*place]).collect();
                for (place, found) in places.iter().zip(self.run(&some, k, asked)?) {
                    answers[*place] = found;
                }
            }
            asked = asked.saturating_mul(WIDER).min(largest);
        }
    }
}

impl Part {
    /// The `count` largest products of each query, largest first, and the items that they are of.
    fn largest(
        &self,
        queries: &[&Query<'_>],
        dimension: usize,
        count: usize,
    ) -> anyhow::Result<(Vec<f32>, Vec<i64>)> {
        let values: Vec<f32> = queries.iter().flat_map(|query| query.vector.iter().copied()).collect();
        let values = Tensor::from_array(([queries.len(), dimension], values))?;
        let wanted = Tensor::from_array(([1_usize], vec![i64::try_from(count)?]))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session
            .run(ort::inputs!["queries" => values, "count" => wanted])
            .context("the products of queries and items")?;
        let (_, products) = outputs["products"].try_extract_tensor::<f32>()?;
        let (_, items) = outputs["items"].try_extract_tensor::<i64>()?;
        Ok((products.to_vec(), items.to_vec()))
    }
}

impl Retrieval for Product {
    fn search(&self, query: &[f32], k: usize, ef: usize, filter: &Filter<'_>) -> Vec<Found> {
        self.search_many(&[Query { vector: query, filter }], k, ef).pop().unwrap_or_default()
    }

    fn search_many(&self, queries: &[Query<'_>], k: usize, ef: usize) -> Vec<Vec<Found>> {
        let fit = queries.iter().all(|query| query.vector.len() == self.dimension);
        if k == 0 || !fit || self.parts.is_empty() {
            return self.exact.search_many(queries, k, ef);
        }
        self.answer(queries, k).unwrap_or_else(|error| {
            tracing::warn!("exact search goes on without ONNX Runtime: {error:#}");
            self.exact.search_many(queries, k, ef)
        })
    }

    fn name(&self) -> &'static str {
        "exact"
    }
}

/// `products, items = TopK(MatMul(queries, vectors transposed), count)` (opset 13), with `count` of the items from `first`
/// on inside.
fn graph(vectors: &ItemVectors, first: usize, count: usize) -> Vec<u8> {
    let columns = (0..vectors.dimension())
        .flat_map(|row| (first..first + count).flat_map(move |item| vectors.get(item)[row].to_le_bytes()));
    let columns: Vec<u8> = columns.collect();
    let shape = [vectors.dimension(), count];
    let multiply = Message::new().text(1, "queries").text(1, "vectors").text(2, "all").text(4, "MatMul");
    let choose =
        Message::new().text(1, "all").text(1, "count").text(2, "products").text(2, "items").text(4, "TopK");
    let graph = Message::new()
        .message(1, multiply)
        .message(1, choose)
        .text(2, "exact")
        .message(5, tensor("vectors", &shape, columns))
        .message(11, value("queries", FLOAT, &[None, Some(vectors.dimension())]))
        .message(11, value("count", INTEGER, &[Some(1)]))
        .message(12, value("products", FLOAT, &[None, None]))
        .message(12, value("items", INTEGER, &[None, None]));
    let opset = Message::new().text(1, "").number(2, 13);
    Message::new().number(1, 8).message(7, graph).message(8, opset).into_bytes()
}

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const INTEGER: u64 = 7;

/// A `TensorProto` of floats.
fn tensor(name: &str, shape: &[usize], bytes: Vec<u8>) -> Message {
    let shaped = shape.iter().fold(Message::new(), |message, size| message.number(1, *size as u64));
    shaped.number(2, FLOAT).text(8, name).bytes(9, &bytes)
}

/// A `ValueInfoProto`; a size that is not known is none.
fn value(name: &str, kind: u64, shape: &[Option<usize>]) -> Message {
    let size = |message: Message, size: &Option<usize>| {
        let size = match size {
            Some(size) => Message::new().number(1, *size as u64),
            None => Message::new(),
        };
        message.message(1, size)
    };
    let shape = shape.iter().fold(Message::new(), size);
    let tensor = Message::new().number(1, kind).message(2, shape);
    Message::new().text(1, name).message(2, Message::new().message(1, tensor))
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::clustered;
    use super::*;

    #[test]
    fn the_graph_finds_what_exact_search_finds_in_one_part_or_in_several() {
        if std::env::var_os(onnx::LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let vectors = Arc::new(clustered(1_000, 16, 4));
        let exact = Exact::new(Arc::clone(&vectors));
        let (anything, few) = (|_: usize| true, |item: usize| item % 97 == 5);
        let queries: Vec<Query<'_>> = (0..40)
            .map(|at| {
                let filter: &Filter<'_> = if at % 4 == 3 { &few } else { &anything };
                Query { vector: vectors.get(at * 20), filter }
            })
            .collect();
        for items in [1_000, 300] {
            let product = Product::in_parts(&vectors, Provider::Cpu, items).unwrap();
            assert_eq!(product.parts.len(), 1_000_usize.div_ceil(items));
            for k in [1, 10, 25] {
                let (found, wanted) =
                    (product.search_many(&queries, k, 0), exact.search_many(&queries, k, 0));
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert_eq!(found.len(), wanted.len());
                    let near = |(one, other): (&Found, &Found)| (one.1 - other.1).abs() < 1e-5;
                    assert!(found.iter().zip(wanted).all(near), "{found:?}\n{wanted:?}");
                }
            }
        }
        let product = Product::new(&vectors, Provider::Cpu).unwrap();
        assert!(product.search(vectors.get(0), 0, 0, &anything).is_empty());
        assert!(product.search(&[1.0], 3, 0, &anything).is_empty(), "of another dimension");
    }
}

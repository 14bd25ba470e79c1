//! Exact search as one graph of ONNX: queries times items, and of each row of products the largest.
//!
//! The same graph runs on a graphics card and on the processor, wherever ONNX Runtime puts it; [`build`](super::build)
//! takes it where a card is there, since on the processor [`Exact`] is as quick and needs no library. Its bytes are made
//! here, with the items inside, so that they lie on the card once. A graph may hold two gigabytes, so a large catalogue is
//! several of them.
//!
//! Products of 16 bits only choose: what is found is compared again in 32 bits, and taken where nothing that was not found
//! can be nearer by what such a product may be wrong.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use ort::session::Session;
use ort::value::Tensor;
use rayon::prelude::*;

use super::{Exact, Filter, Found, ItemVectors, Query, Retrieval, nearest};
use crate::onnx::message::Message;
use crate::onnx::parts::{FLOAT, HALF, INTEGER, cast, half, model, node, tensor, value};
use crate::onnx::{Device, Precision, card, plain};

/// Bytes of vectors in one graph.
const PART_BYTES: usize = 1 << 30;
/// Queries of one run at most.
const QUERIES: usize = 1_024;
/// How many times as many are asked for where filters left too few.
const WIDER: usize = 4;
/// By how much a product of 16 bits may be wrong at most: both vectors are of length one and rounded by 2^-11 of each value,
/// sums are of 32 bits, and the product is rounded once more.
const ROUGH: f32 = 0.002;
/// How many times as many as are wanted may be asked for to be sure of products of 16 bits. Who has more items than that so
/// near to each other gets some of those.
const SURE_AMONG: usize = 2 * WIDER;

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
    vectors: Arc<ItemVectors>,
    precision: Precision,
    /// Bytes of the products of one run.
    product_bytes: usize,
    /// Answers what a run cannot: the filters of somebody bar nearly everything, or the card fails.
    exact: Exact,
}

impl Product {
    /// Searches `vectors` on `device`, by products of its precision.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded, or the card has no room.
    pub fn new(vectors: &Arc<ItemVectors>, device: Device) -> anyhow::Result<Self> {
        let bytes = match device.precision {
            Precision::Half => 2,
            Precision::Single => 4,
        };
        Self::in_parts(vectors, device, PART_BYTES / (bytes * vectors.dimension()).max(1))
    }

    fn in_parts(vectors: &Arc<ItemVectors>, device: Device, items: usize) -> anyhow::Result<Self> {
        let Device { provider, precision } = device;
        let part = |first: usize| {
            let count = items.min(vectors.len() - first);
            let session = plain(&graph(vectors, precision, first, count), 0, provider)?;
            Ok(Part { first, count, session: Mutex::new(session) })
        };
        let firsts = (0..vectors.len()).step_by(items.max(1));
        let parts = firsts.map(part).collect::<anyhow::Result<_>>()?;
        let product_bytes = card::in_force().memory_bytes;
        let exact = Exact::new(Arc::clone(vectors));
        Ok(Self { parts, vectors: Arc::clone(vectors), precision, product_bytes, exact })
    }

    /// The items nearest to each query, of which `k` pass its filter; none for a query of which too few were asked for.
    fn run(&self, queries: &[&Query<'_>], k: usize, asked: usize) -> anyhow::Result<Vec<Option<Vec<Found>>>> {
        // What passed the filter, and the largest product that something not found may have.
        let mut found: Vec<(Vec<Found>, f32)> = vec![(Vec::new(), f32::MIN); queries.len()];
        let mut is_all = true;
        for part in &self.parts {
            let width = asked.min(part.count);
            let is_whole = width == part.count;
            is_all &= is_whole;
            let (products, items) = part.largest(queries, self.vectors.dimension(), width)?;
            let rows = products.par_chunks_exact(width).zip(items.par_chunks_exact(width));
            found.par_iter_mut().zip(queries).zip(rows).for_each(|((found, query), (products, items))| {
                found.0.extend(self.passing(part, query, (products, items)));
                if let (false, Some(least)) = (is_whole, products.last()) {
                    found.1 = found.1.max(*least);
                }
            });
        }
        // Of each part as many were asked for as of all, so nothing nearer was left out once `k` are there.
        let enough = |(found, left): (Vec<Found>, f32)| {
            let found = nearest(found, k);
            let is_enough = is_all || (found.len() >= k && self.is_sure(&found, left, asked, k));
            is_enough.then_some(found)
        };
        Ok(found.into_iter().map(enough).collect())
    }

    /// The items of a row of products that pass the query's filter, with their distances.
    fn passing(&self, part: &Part, query: &Query<'_>, (products, items): (&[f32], &[i64])) -> Vec<Found> {
        let near = items.iter().zip(products).filter_map(|(item, product)| {
            let item = part.first + usize::try_from(*item).ok()?;
            (query.filter)(item).then(|| {
                let product = match self.precision {
                    Precision::Single => *product,
                    Precision::Half => {
                        self.vectors.get(item).iter().zip(query.vector).map(|(one, other)| one * other).sum()
                    }
                };
                (item, (1.0 - product).max(0.0))
            })
        });
        near.collect()
    }

    /// Whether nothing is nearer than what was found, of which something that was not has a product of `left` at most.
    fn is_sure(&self, found: &[Found], left: f32, asked: usize, k: usize) -> bool {
        let furthest = found.last().map_or(f32::MAX, |found| found.1);
        match self.precision {
            Precision::Single => true,
            Precision::Half => 1.0 - furthest >= left + ROUGH || asked >= k.saturating_mul(SURE_AMONG),
        }
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
            let rows = (self.product_bytes / (4 * largest.max(1))).clamp(1, QUERIES);
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
        let fit = queries.iter().all(|query| query.vector.len() == self.vectors.dimension());
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
/// on inside; the factors of 16 bits where `precision` says so, on a processor too.
fn graph(vectors: &ItemVectors, precision: Precision, first: usize, count: usize) -> Vec<u8> {
    let columns = (0..vectors.dimension())
        .flat_map(|row| (first..first + count).map(move |item| vectors.get(item)[row]));
    let shape = [vectors.dimension(), count];
    let graph = match precision {
        Precision::Single => {
            let columns: Vec<u8> = columns.flat_map(f32::to_le_bytes).collect();
            Message::new()
                .message(1, node("MatMul", &["queries", "vectors"], &["all"]))
                .message(5, tensor("vectors", FLOAT, &shape, &columns))
        }
        Precision::Half => {
            let columns: Vec<u8> = columns.flat_map(|value| half(value).to_le_bytes()).collect();
            Message::new()
                .message(1, cast("queries", "halves", HALF))
                .message(1, node("MatMul", &["halves", "vectors"], &["rough"]))
                .message(1, cast("rough", "all", FLOAT))
                .message(5, tensor("vectors", HALF, &shape, &columns))
        }
    };
    let graph = graph
        .message(1, node("TopK", &["all", "count"], &["products", "items"]))
        .text(2, "exact")
        .message(11, value("queries", FLOAT, &[None, Some(vectors.dimension())]))
        .message(11, value("count", INTEGER, &[Some(1)]))
        .message(12, value("products", FLOAT, &[None, None]))
        .message(12, value("items", INTEGER, &[None, None]));
    model(graph)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::clustered;
    use super::*;
    use crate::onnx::{LIBRARY, Provider};

    fn on_processor(precision: Precision) -> Device {
        Device { provider: Provider::Cpu, precision }
    }

    #[test]
    fn the_graph_finds_what_exact_search_finds_in_one_part_or_in_several() {
        if std::env::var_os(LIBRARY).is_none() {
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
        for (precision, items) in [
            (Precision::Single, 1_000),
            (Precision::Single, 300),
            (Precision::Half, 1_000),
            (Precision::Half, 300),
        ] {
            let product = Product::in_parts(&vectors, on_processor(precision), items).unwrap();
            assert_eq!(product.parts.len(), 1_000_usize.div_ceil(items));
            for k in [1, 10, 25] {
                let (found, wanted) =
                    (product.search_many(&queries, k, 0), exact.search_many(&queries, k, 0));
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert_eq!(found.len(), wanted.len());
                    let near = |(one, other): (&Found, &Found)| (one.1 - other.1).abs() < 1e-5;
                    assert!(found.iter().zip(wanted).all(near), "{precision:?} {k}\n{found:?}\n{wanted:?}");
                }
            }
        }
        let product = Product::new(&vectors, Device::PROCESSOR).unwrap();
        assert!(product.search(vectors.get(0), 0, 0, &anything).is_empty());
        assert!(product.search(&[1.0], 3, 0, &anything).is_empty(), "of another dimension");
    }

    #[test]
    fn products_of_16_bits_are_not_believed_where_they_cannot_tell_items_apart() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        // All within a hair of each other, each a little nearer to the first axis than the one before: of equal products the
        // graph takes the first.
        let values = (0..40).flat_map(|at| [1.0, 0.01 + (39 - at) as f32 * 1e-4]).collect();
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        let rough = Product::new(&vectors, on_processor(Precision::Half)).unwrap();
        let found = rough.search(&[1.0, 0.0], 5, 0, &|_| true);
        let exact = Exact::new(Arc::clone(&vectors)).search(&[1.0, 0.0], 5, 0, &|_| true);
        assert_eq!(found.len(), 5);
        let near = |(one, other): (&Found, &Found)| (one.1 - other.1).abs() < 1e-6;
        assert!(found.iter().zip(&exact).all(near), "{found:?}\n{exact:?}");
    }
}

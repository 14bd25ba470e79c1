//! Is the index good enough to publish?

use rayon::prelude::*;

use super::{ItemVectors, Retrieval};

/// Distances closer than this are equal.
pub const TIE: f32 = 1e-6;

/// Breadths tried first when searching for an item by its own vector.
const BREADTHS: [usize; 2] = [64, 256];

/// What the checks measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Share of items that their own vector finds, or finds an item at the same distance.
    pub self_recall: f64,
    /// Share of the exact 100 nearest items that users' vectors find; ties are hits.
    pub recall_at_100: f64,
}

impl Quality {
    /// Whether a generation may be published with it.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.self_recall >= 1.0 && self.recall_at_100 >= 0.95
    }

    /// The lower figure of both, of each kind.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        Self {
            self_recall: self.self_recall.min(other.self_recall),
            recall_at_100: self.recall_at_100.min(other.recall_at_100),
        }
    }
}

/// Items that their own vector does not find first, nor one that is as near, with the breadth of retrieval.
#[must_use]
pub fn unreached(index: &dyn Retrieval, vectors: &ItemVectors, ef: usize) -> Vec<usize> {
    (0..vectors.len()).into_par_iter().filter(|item| !finds_itself(index, vectors, *item, ef)).collect()
}

/// Whether item `item` is found by its own vector, or one as near.
pub(super) fn finds_itself(index: &dyn Retrieval, vectors: &ItemVectors, item: usize, ef: usize) -> bool {
    let query = vectors.get(item);
    // In the vectors' own arithmetic: an item of zeros is at distance one from itself.
    let own = (1.0 - query.iter().map(|value| value * value).sum::<f32>()).max(0.0);
    // What a narrow search finds, a broader one finds too, so most items cost little.
    let breadths = BREADTHS.iter().copied().filter(|breadth| *breadth < ef).chain([ef]);
    breadths.into_iter().any(|breadth| {
        let found = index.search(query, 1, breadth, &|_| true);
        found.first().is_some_and(|(place, distance)| *place == item || *distance <= own + TIE)
    })
}

/// The share of `all` items that is left without `missing` ones; 1 of none.
pub(super) fn share_without(missing: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { (all - missing) as f64 / all as f64 }
}

/// Share of the exact `k` nearest items that `index` finds with the same `asked` and `ef` as retrieval uses.
///
/// An item counts when its distance is no larger than that of the `k`-th exact one (with [`TIE`]).
#[must_use]
pub fn recall_at(
    k: usize,
    index: &dyn Retrieval,
    exact: &dyn Retrieval,
    queries: &[Vec<f32>],
    asked: usize,
    ef: usize,
) -> f64 {
    let hits: Vec<(usize, usize)> = queries
        .par_iter()
        .map(|query| {
            let truth = exact.search(query, k, ef, &|_| true);
            let Some((_, limit)) = truth.last() else { return (0, 0) };
            let found = index.search(query, asked.max(k), ef, &|_| true);
            (found.iter().take(truth.len()).filter(|found| found.1 <= limit + TIE).count(), truth.len())
        })
        .collect();
    let (found, wanted) = hits.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests_support::clustered;
    use super::super::{Exact, Filter, Found};
    use super::*;

    /// Exact search that never finds even items.
    struct Blind(Exact);

    impl Retrieval for Blind {
        fn search(&self, query: &[f32], k: usize, ef: usize, filter: &Filter<'_>) -> Vec<Found> {
            self.0.search(query, k, ef, &|item| item % 2 == 1 && filter(item))
        }

        fn name(&self) -> &'static str {
            "blind"
        }
    }

    #[test]
    fn exact_search_is_perfect_and_a_blind_one_is_caught() {
        let vectors = Arc::new(clustered(400, 16, 4));
        let exact = Exact::new(Arc::clone(&vectors));
        let blind = Blind(exact.clone());
        let queries: Vec<Vec<f32>> = (0..20).map(|item| vectors.get(item).to_vec()).collect();
        assert!(unreached(&exact, &vectors, 100).is_empty());
        assert_eq!(recall_at(100, &exact, &exact, &queries, 100, 100), 1.0);
        assert_eq!(share_without(unreached(&blind, &vectors, 100).len(), vectors.len()), 0.5);
        assert!(recall_at(100, &blind, &exact, &queries, 100, 100) < 0.8);
    }

    #[test]
    fn equal_vectors_and_zeros_count_as_found() {
        let mut values = [1.0, 0.0].repeat(20);
        values.extend([0.0; 8]);
        let vectors = Arc::new(ItemVectors::normalised(2, values).unwrap());
        assert!(unreached(&Exact::new(Arc::clone(&vectors)), &vectors, 100).is_empty());
        let empty = Arc::new(ItemVectors::normalised(2, Vec::new()).unwrap());
        assert!(unreached(&Exact::new(Arc::clone(&empty)), &empty, 100).is_empty());
        assert_eq!(share_without(0, 0), 1.0);
    }

    #[test]
    fn less_than_perfect_self_recall_is_not_enough() {
        assert!(Quality { self_recall: 1.0, recall_at_100: 0.95 }.is_enough());
        assert!(!Quality { self_recall: 0.9999, recall_at_100: 1.0 }.is_enough());
        assert!(!Quality { self_recall: 1.0, recall_at_100: 0.94 }.is_enough());
    }
}

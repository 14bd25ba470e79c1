//! Ranking metrics of one target in one list, and their means.

use serde::Serialize;

/// Depth of the NDCG and of the hit rate.
const DEPTH: usize = 10;

/// Sums over steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    steps: usize,
    ndcg: f64,
    hits_10: usize,
    hits_30: usize,
    reciprocal: f64,
}

/// Means over steps, as printed and written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What ordered the candidates.
    pub method: &'static str,
    /// Mean of `1 / log2(rank + 1)` of the target within the first 10, ranks from 1 (Järvelin and Kekäläinen, 2002).
    pub ndcg10: f64,
    /// Share of steps whose target is within the first 10.
    pub hr10: f64,
    /// Share of steps whose target is within the first 30.
    pub hr30: f64,
    /// Mean of `1 / rank` of the target.
    pub mrr: f64,
}

impl Sums {
    /// Adds one step; `rank` counts from 0 and is `None` when the target was not in the list.
    pub fn add(&mut self, rank: Option<usize>) {
        self.steps += 1;
        let Some(rank) = rank else { return };
        self.reciprocal += 1.0 / (rank + 1) as f64;
        self.hits_30 += usize::from(rank < 30);
        if rank < DEPTH {
            self.hits_10 += 1;
            self.ndcg += 1.0 / libm::log2((rank + 2) as f64);
        }
    }

    /// Adds another part's sums.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        self.steps += other.steps;
        self.ndcg += other.ndcg;
        self.hits_10 += other.hits_10;
        self.hits_30 += other.hits_30;
        self.reciprocal += other.reciprocal;
        self
    }

    /// The means.
    #[must_use]
    pub fn row(&self, method: &'static str) -> Row {
        let steps = self.steps.max(1) as f64;
        Row {
            method,
            ndcg10: self.ndcg / steps,
            hr10: self.hits_10 as f64 / steps,
            hr30: self.hits_30 as f64 / steps,
            mrr: self.reciprocal / steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_follow_their_definitions() {
        let mut sums = Sums::default();
        [Some(0), Some(2), Some(20), None].into_iter().for_each(|rank| sums.add(rank));
        let row = sums.row("made");
        assert!((row.ndcg10 - (1.0 + 0.5) / 4.0).abs() < 1e-12);
        assert_eq!((row.hr10, row.hr30), (0.5, 0.75));
        assert!((row.mrr - (1.0 + 1.0 / 3.0 + 1.0 / 21.0) / 4.0).abs() < 1e-12);
    }
}

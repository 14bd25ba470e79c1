//! Made-up candidates for tests: the same ones for the same seed.

use crate::pack::{Candidate, Columns};
use crate::scramble::scramble;

/// A candidate with nothing but what list rules look at.
pub(crate) fn candidate(item: &str, creator: &str, category: &str, vector: [f32; 2]) -> Candidate {
    Candidate {
        item: item.into(),
        vector: vector.into(),
        score: 0.0,
        creator: creator.into(),
        categories: vec![category.into()],
        columns: Columns::default(),
        regions: [].into(),
        ends_ms: None,
        display: None,
    }
}

/// Whole numbers below `end`, one after the other.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 += 1;
        scramble(self.0) % end
    }

    pub(crate) fn share(&mut self) -> f32 {
        self.below(1_000_000) as f32 / 1e6
    }
}

/// Candidates of some creators and categories, a third of them open to exploration, with vectors that lie closer within a category.
pub(crate) fn candidates(numbers: &mut Numbers, count: usize) -> Vec<Candidate> {
    let one = |at: usize| {
        let name = |kind: &str, number: u64| format!("{kind}{number}");
        let (creator, kind) = (name("by", numbers.below(9)), numbers.below(5));
        let category = name("of", kind);
        let mut vector: Vec<f32> = (0..16).map(|_| numbers.share() - 0.5).collect();
        vector[kind as usize] += 1.5;
        crate::features::normalise(&mut vector);
        let mut columns = vec![("age_days", numbers.share() * 9.0), ("popularity_rank", numbers.share())];
        if numbers.below(3) == 0 {
            let count = numbers.below(40) as f32;
            columns.extend([("explore_successes", count), ("explore_failures", numbers.below(60) as f32)]);
        }
        Candidate {
            item: format!("t{at:03}"),
            vector,
            score: 1.0 - at as f32 / 100.0,
            columns: columns.into_iter().collect(),
            regions: [].into(),
            ..candidate("", &creator, &category, [0.0, 0.0])
        }
    };
    (0..count).map(one).collect()
}

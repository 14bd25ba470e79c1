//! Which candidates may be shown at all.

use std::collections::BTreeMap;

use crate::features::similarity;
use crate::pack::Candidate;
use crate::session::State;

/// Candidates that may be shown, as indices into the pack in the pack's order.
pub(crate) struct Eligible {
    pub(crate) indices: Vec<usize>,
    /// Nothing else was left, so items already played in this session are among them.
    pub(crate) seen_relaxed: bool,
}

impl Eligible {
    /// Barred items never come back; when nothing else is left, "seen" is relaxed first.
    pub(crate) fn of(candidates: &[Candidate], state: &State, near: f32, now_ms: i64) -> Self {
        let refused: Vec<&[f32]> = state.refused_vectors().collect();
        let barred_categories = |candidate: &Candidate| {
            candidate.categories.iter().any(|category| state.is_category_barred(category))
        };
        let allowed: Vec<usize> = (0..candidates.len())
            .filter(|&index| {
                let candidate = &candidates[index];
                let ended = candidate.ends_ms.is_some_and(|end| now_ms >= end);
                let near_refused =
                    || refused.iter().any(|vector| similarity(vector, &candidate.vector) > near);
                !ended
                    && !state.is_barred(&candidate.item)
                    && !state.is_creator_barred(&candidate.creator)
                    && !barred_categories(candidate)
                    && !near_refused()
            })
            .collect();
        let fresh: Vec<usize> =
            allowed.iter().copied().filter(|&index| !state.is_played(&candidates[index].item)).collect();
        match fresh.is_empty() {
            true => Self { indices: allowed, seen_relaxed: true },
            false => Self { indices: fresh, seen_relaxed: false },
        }
    }

    /// Each candidate's place among the eligible ones in the pack's order.
    pub(crate) fn positions(&self) -> BTreeMap<usize, u32> {
        self.indices.iter().copied().zip(0..).collect()
    }
}

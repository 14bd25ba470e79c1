//! Where the session is heading, from the newest events that spoke for their item.

use super::{Remembered, State};
use crate::features::{normalise, similarity};

/// How many of the newest positive events are looked at.
const RECENT: usize = 8;
/// How many of them are the newest, when they are compared with those before.
const NEWEST: usize = 3;

impl State {
    /// How close the newest 8 items spoken for are to each other: the mean cosine over their pairs, 0 (nothing in
    /// common, or fewer than two) to 1 (all alike).
    #[must_use]
    pub fn focus(&self) -> f32 {
        let vectors: Vec<Vec<f32>> = self.recent_vectors().collect();
        let count = vectors.len() as f32;
        if count < 2.0 {
            return 0.0;
        }
        // The length of a sum of unit vectors holds every pair twice and each vector once.
        let sum = sum(&vectors);
        within((similarity(&sum, &sum) - count) / (count * (count - 1.0)))
    }

    /// Share of the newest 8 events spoken for whose creator the session had not met before, 0 to 1; 0 without any.
    #[must_use]
    pub fn discovery(&self) -> f32 {
        let recent = || self.positives().filter(|event| !event.creator.is_empty()).take(RECENT);
        let novel = recent().filter(|event| event.novel).count();
        novel as f32 / recent().count().max(1) as f32
    }

    /// How far the newest 3 items spoken for have moved away from the 8 before them: 1 less the cosine of the two
    /// sums, 0 (same direction, or none before) to 1 (nothing in common).
    #[must_use]
    pub fn drift(&self) -> f32 {
        let vectors: Vec<Vec<f32>> = self.unit_vectors().take(NEWEST + RECENT).collect();
        let Some((newest, earlier)) = vectors.split_at_checked(NEWEST) else { return 0.0 };
        if earlier.is_empty() {
            return 0.0;
        }
        let (mut newest, mut earlier) = (sum(newest), sum(earlier));
        normalise(&mut newest);
        normalise(&mut earlier);
        within(1.0 - similarity(&newest, &earlier))
    }

    /// Events that spoke for their item, newest first.
    fn positives(&self) -> impl Iterator<Item = &Remembered> {
        self.remembered().rev().filter(|event| event.strength > 0.0)
    }

    fn unit_vectors(&self) -> impl Iterator<Item = Vec<f32>> {
        self.positives().filter(|event| !event.vector.is_empty()).map(|event| {
            let mut vector = event.vector.clone();
            normalise(&mut vector);
            vector
        })
    }

    fn recent_vectors(&self) -> impl Iterator<Item = Vec<f32>> {
        self.unit_vectors().take(RECENT)
    }
}

/// All of one dimension: vectors of another model are forgotten when its packs come.
fn sum(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vectors.first().cloned().unwrap_or_default();
    for vector in vectors.iter().skip(1) {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    sum
}

fn within(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}

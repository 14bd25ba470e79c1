//! Draws that are the same on every machine: ChaCha8 and `libm`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded source of draws.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The draws of one stream of a seed; streams are independent of each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`; 0 for an empty range.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Independent normals of this standard deviation.
    pub fn normals<const N: usize>(&mut self, deviation: f64) -> [f64; N] {
        std::array::from_fn(|_| deviation * self.normal())
    }

    /// One of the entries.
    pub fn pick<'a, T>(&mut self, entries: &'a [T]) -> Option<&'a T> {
        let place = self.below(entries.len());
        entries.get(place)
    }

    /// A place in a running sum of weights, in proportion to the weights.
    pub fn weighted(&mut self, running_sum: &[f64]) -> usize {
        let total = running_sum.last().copied().unwrap_or_default();
        let point = self.unit() * total;
        running_sum.partition_point(|sum| *sum <= point).min(running_sum.len().saturating_sub(1))
    }
}

/// The running sum of some weights.
#[must_use]
pub fn running_sum(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    weights
        .into_iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_stream_name_one_sequence() {
        let draws = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..5).map(|_| random.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draws(7, 1), draws(7, 1));
        assert_ne!(draws(7, 1), draws(7, 2));
        assert_ne!(draws(7, 1), draws(8, 1));
    }

    #[test]
    fn normals_have_mean_zero_and_deviation_one() {
        let mut random = Random::new(1, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|draw| draw * draw).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn heavier_entries_are_drawn_more_often() {
        let sums = running_sum([1.0, 0.0, 3.0]);
        let mut random = Random::new(1, 0);
        let mut counts = [0; 3];
        for _ in 0..4_000 {
            counts[random.weighted(&sums)] += 1;
        }
        assert!(counts[1] == 0 && counts[2] > 2 * counts[0], "{counts:?}");
    }
}

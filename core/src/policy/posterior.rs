//! Thompson sampling without sampling: the probability that each of some Beta distributions gives the largest draw.
//!
//! P(arm i is the best) is the integral of its density times the other arms' cumulative distributions (Thompson,
//! Biometrika 1933; Chapelle and Li, NIPS 2011). Here it is a sum over a fixed grid. With the sum of the logarithms of
//! all cumulative distributions, an arm costs one pass over the grid, not one per other arm.

use super::explore::Arm;

/// Points of the grid, evenly spread over 0..1.
const POINTS: usize = 256;

/// Per arm and point: the logarithm of its cumulative distribution, and its mass over that distribution.
pub(crate) struct Posteriors {
    logarithms: Vec<f32>,
    ratios: Vec<f32>,
}

impl Posteriors {
    /// Tables of Beta(1 + successes, 1 + failures) for each arm.
    pub(crate) fn new(arms: &[Arm]) -> Self {
        let mut logarithms = Vec::with_capacity(arms.len() * POINTS);
        let mut ratios = Vec::with_capacity(arms.len() * POINTS);
        let axis: Vec<(f64, f64)> = (0..POINTS).map(axis).collect();
        for arm in arms {
            let masses = masses(*arm, &axis);
            let mut below = 0.0;
            for mass in masses {
                // Half of a point's own mass lies below it. Where nothing lies below, nothing can be the largest.
                let cumulative = (below + mass / 2.0).max(f64::MIN_POSITIVE);
                logarithms.push(libm::log(cumulative) as f32);
                ratios.push((mass / cumulative) as f32);
                below += mass;
            }
        }
        Self { logarithms, ratios }
    }

    /// The probability of each arm in `open` to be the best of them, up to a common factor.
    pub(crate) fn best_of(&self, open: &[usize]) -> Vec<f64> {
        let mut sums = [0.0_f32; POINTS];
        for &arm in open {
            let row = row(&self.logarithms, arm);
            sums.iter_mut().zip(row).for_each(|(sum, logarithm)| *sum += logarithm);
        }
        let largest = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let all = sums.map(|sum| libm::expf(sum - largest));
        let share = |&arm: &usize| f64::from(crate::features::similarity(&all, row(&self.ratios, arm)));
        open.iter().map(share).collect()
    }
}

fn row(table: &[f32], arm: usize) -> &[f32] {
    table.get(arm * POINTS..(arm + 1) * POINTS).unwrap_or_default()
}

/// The logarithms of a point in the middle of its cell, and of its complement.
fn axis(point: usize) -> (f64, f64) {
    let middle = (point as f64 + 0.5) / POINTS as f64;
    (libm::log(middle), libm::log(1.0 - middle))
}

/// The mass of each cell; they sum up to 1.
fn masses(arm: Arm, axis: &[(f64, f64)]) -> Vec<f64> {
    let density = |(log, complement): &(f64, f64)| {
        f64::from(arm.successes) * log + f64::from(arm.failures) * complement
    };
    let logarithms: Vec<f64> = axis.iter().map(density).collect();
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let masses: Vec<f64> = logarithms.iter().map(|logarithm| libm::exp(logarithm - largest)).collect();
    let total: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(arms: &[(f32, f32)]) -> Vec<f64> {
        let arms: Vec<Arm> = arms.iter().map(|&(successes, failures)| Arm { successes, failures }).collect();
        let open: Vec<usize> = (0..arms.len()).collect();
        let weights = Posteriors::new(&arms).best_of(&open);
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    #[test]
    fn equal_arms_are_equally_likely_to_be_the_best() {
        assert!(shares(&[(3.0, 9.0); 5]).iter().all(|share| (share - 0.2).abs() < 1e-4));
    }

    /// Beta(2, 1) has the density 2x, Beta(1, 1) is uniform: P(first is larger) = ∫ 2x · x dx = 2/3.
    #[test]
    fn the_probability_is_that_of_the_closed_form() {
        let shares = shares(&[(1.0, 0.0), (0.0, 0.0)]);
        assert!((shares[0] - 2.0 / 3.0).abs() < 1e-4, "{shares:?}");
    }

    #[test]
    fn a_well_tried_bad_arm_is_nearly_never_the_best_and_counts_of_any_size_are_sound() {
        let shares = shares(&[(2.0, 2_000.0), (30.0, 10.0), (1e9, 1e9)]);
        assert!(shares[0] < 1e-6, "{shares:?}");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && shares.iter().all(|share| *share >= 0.0));
    }
}

//! Draws with a known probability: from probabilities in millionths, with one whole number.
//!
//! A draw here needs one number of 64 bits, which [`scramble`] gives; a stream cipher's generator would add code to
//! every download and no quality that matters.

use crate::scramble::scramble;

/// All of the probability, in millionths.
pub(crate) const CERTAIN: u32 = 1_000_000;

/// The one whole number in `0..1_000_000` that decides a place.
pub(crate) fn lot(seed: u64, generation: u64, place: u64) -> u32 {
    let mixed = scramble(scramble(scramble(seed) ^ generation) ^ place);
    ((u128::from(mixed) * u128::from(CERTAIN)) >> 64) as u32
}

/// Weights as shares in millionths whose sum is exactly [`CERTAIN`], by largest remainder, ties to the first.
///
/// Weights that do not sum up to anything are taken as equal.
pub(crate) fn millionths(weights: &[f64]) -> Vec<u32> {
    let sane = |weight: &f64| if weight.is_finite() && *weight > 0.0 { *weight } else { 0.0 };
    let total: f64 = weights.iter().map(sane).sum();
    if weights.is_empty() {
        return Vec::new();
    }
    if !(total > 0.0 && total.is_finite()) {
        return millionths(&vec![1.0; weights.len()]);
    }
    let exact: Vec<f64> = weights.iter().map(|weight| sane(weight) / total * f64::from(CERTAIN)).collect();
    let mut shares: Vec<u32> = exact.iter().map(|exact| (*exact as u32).min(CERTAIN)).collect();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let remainder = |at: usize| exact[at] - f64::from(shares[at]);
    order.sort_by(|&one, &other| remainder(other).total_cmp(&remainder(one)).then(one.cmp(&other)));
    let missing = CERTAIN.saturating_sub(shares.iter().sum()) as usize;
    for &at in order.iter().cycle().take(missing) {
        shares[at] += 1;
    }
    shares
}

/// Which of the shares the lot falls into, and that share: the probability with which it was drawn.
pub(crate) fn draw(shares: &[u32], lot: u32) -> Option<(usize, u32)> {
    let mut below = 0;
    shares.iter().copied().enumerate().find(|(_, share)| {
        below += share;
        lot < below
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_up_exactly_and_keep_their_order() {
        for weights in [&[1.0, 1.0, 1.0][..], &[0.0, 0.0], &[1e-12, 1.0, 2.0, f64::NAN], &[5.0]] {
            let shares = millionths(weights);
            assert_eq!(shares.iter().sum::<u32>(), CERTAIN, "{weights:?}");
        }
        assert_eq!(millionths(&[1.0, 1.0, 1.0]), [333_334, 333_333, 333_333]);
        assert!(millionths(&[]).is_empty());
    }

    #[test]
    fn every_lot_falls_into_one_share_and_lots_are_spread_evenly() {
        let shares = millionths(&[1.0, 0.0, 3.0]);
        let mut counts = [0_u32; 3];
        for seed in 0..40_000 {
            let (drawn, share) = draw(&shares, lot(seed, 7, 3)).unwrap();
            assert_eq!(share, shares[drawn]);
            counts[drawn] += 1;
        }
        assert_eq!(counts[1], 0);
        // Four standard deviations of 40,000 draws with probability 1/4 are 346.
        assert!(counts[0].abs_diff(10_000) < 346, "{counts:?}");
        assert_eq!(draw(&shares, 0).unwrap().0, 0);
        assert_eq!(draw(&shares, CERTAIN - 1).unwrap().0, 2);
    }
}

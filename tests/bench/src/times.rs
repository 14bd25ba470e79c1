//! Medians, percentiles and ratios.

use std::time::Instant;

use anyhow::Result;

/// Measured values, sorted.
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Sorts them.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value that `share` of them do not exceed (nearest rank).
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.clamp(1, self.0.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
    }
}

/// How long `work` takes, in milliseconds.
pub(crate) fn milliseconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Median over pairs of (their time / our time), one right after the other.
pub(crate) fn ratio(
    pairs: usize,
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<f64>,
) -> Result<f64> {
    let pair = |_| -> Result<f64> {
        let (own, other) = (ours()?, theirs()?);
        Ok(other / own)
    };
    Ok(Times::new((0..pairs).map(pair).collect::<Result<_>>()?).quantile(0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let times = Times::new((1..=200).rev().map(f64::from).collect());
        assert_eq!([0.5, 0.99, 1.0].map(|share| times.quantile(share)), [100.0, 198.0, 200.0]);
    }

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        let mut drift = 0.0;
        let mut ours = move || {
            drift += 1.0;
            Ok(drift)
        };
        let mut drift = 0.0;
        let theirs = move || {
            drift += 3.0;
            Ok(drift)
        };
        assert_eq!(ratio(5, &mut ours, theirs).unwrap(), 3.0);
    }
}

//! Intervals: people are drawn again with replacement (Efron, 1979), and every figure is computed from those drawn.
//! Methods see the same draws, so differences between them are paired.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Sums and weights of `N` figures; a figure is its sum divided by its weight.
pub type Parts<const N: usize> = [(f64, f64); N];

/// Draws.
const DRAWS: u64 = 1_000;
/// Share of the draws on each side of an interval.
const TAIL: f64 = 0.025;

/// Every figure of every draw.
#[derive(Debug, Clone)]
pub struct Figures<const N: usize> {
    whole: Vec<Parts<N>>,
    draws: Vec<Vec<[f64; N]>>,
}

/// Lower and upper end of a 95 % interval.
pub type Interval = (f64, f64);

impl<const N: usize> Figures<N> {
    /// The figures of `units` (people, then methods); the draws follow from their number alone.
    #[must_use]
    pub fn new(units: &[Vec<Parts<N>>], methods: usize) -> Self {
        let whole = total(units, methods, &vec![1.0; units.len()]);
        let draw = |seed: u64| ratios(&total(units, methods, &drawn(units.len(), seed)));
        Self { whole, draws: (0..DRAWS).into_par_iter().map(draw).collect() }
    }

    /// The figure itself; none where its weight is 0.
    #[must_use]
    pub fn value(&self, method: usize, figure: impl Into<usize>) -> Option<f64> {
        let value = ratio(self.whole.get(method)?[figure.into()]);
        value.is_finite().then_some(value)
    }

    /// Its interval.
    #[must_use]
    pub fn interval(&self, method: usize, figure: impl Into<usize>) -> Option<Interval> {
        let figure = figure.into();
        self.value(method, figure)?;
        self.of_draws(|draw| draw[method][figure])
    }

    /// The interval of `one`'s figure less `other`'s.
    #[must_use]
    pub fn difference(&self, one: usize, other: usize, figure: impl Into<usize>) -> Option<Interval> {
        let figure = figure.into();
        self.value(one, figure).zip(self.value(other, figure))?;
        self.of_draws(|draw| draw[one][figure] - draw[other][figure])
    }

    /// The share of the way from `base` to `ceiling` that `one` goes, with its interval; none where the ceiling is not
    /// above the base with 95 %.
    #[must_use]
    pub fn gap(
        &self,
        one: usize,
        base: usize,
        ceiling: usize,
        figure: impl Into<usize>,
    ) -> Option<(f64, Interval)> {
        let figure = figure.into();
        let (least, _) = self.difference(ceiling, base, figure)?;
        if least <= 0.0 {
            return None;
        }
        let share = |one: f64, base: f64, ceiling: f64| (one - base) / (ceiling - base);
        let value = |method| self.value(method, figure);
        let interval = self.of_draws(|draw| {
            let at = |method: usize| draw[method][figure];
            share(at(one), at(base), at(ceiling))
        });
        Some((share(value(one)?, value(base)?, value(ceiling)?), interval?))
    }

    fn of_draws(&self, figure: impl Fn(&[[f64; N]]) -> f64) -> Option<Interval> {
        ends(self.draws.iter().map(|draw| figure(draw)).collect())
    }
}

/// The interval of a figure that is no ratio of sums: `figure` is told how often each of the units was drawn.
#[must_use]
pub fn interval(units: usize, figure: impl Fn(&[f64]) -> f64 + Sync) -> Option<Interval> {
    ends((0..DRAWS).into_par_iter().map(|seed| figure(&drawn(units, seed))).collect())
}

/// Where the middle 95 % of the draws that have a figure end.
fn ends(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values[(share * last as f64).round() as usize];
    Some((at(TAIL), at(1.0 - TAIL)))
}

/// How often each unit is drawn.
fn drawn(units: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut times = vec![0.0; units];
    for _ in 0..units {
        times[(random.next_u64() % units as u64) as usize] += 1.0;
    }
    times
}

fn total<const N: usize>(units: &[Vec<Parts<N>>], methods: usize, times: &[f64]) -> Vec<Parts<N>> {
    let mut sums = vec![[(0.0, 0.0); N]; methods];
    for (rows, times) in units.iter().zip(times).filter(|(_, times)| **times > 0.0) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (sum, part) in sums.iter_mut().zip(row) {
                sum.0 += times * part.0;
                sum.1 += times * part.1;
            }
        }
    }
    sums
}

fn ratios<const N: usize>(rows: &[Parts<N>]) -> Vec<[f64; N]> {
    rows.iter().map(|parts| parts.map(ratio)).collect()
}

fn ratio((sum, weight): (f64, f64)) -> f64 {
    if weight > 0.0 { sum / weight } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRIC: usize = 0;
    /// What nothing was measured of.
    const OTHER: usize = 1;

    /// People whose figure of method 1 lies 0.1 above that of method 0, which differs widely between them; method 2 lies
    /// 0.2 above.
    fn figures(people: usize) -> Figures<2> {
        let row = |value: f64| [(value, 1.0), (0.0, 0.0)];
        let unit = |at: usize| {
            let base = (at % 10) as f64 / 10.0;
            vec![row(base), row(base + 0.1), row(base + 0.2)]
        };
        Figures::new(&(0..people).map(unit).collect::<Vec<_>>(), 3)
    }

    #[test]
    fn a_figure_lies_in_its_interval_and_more_people_make_it_narrower() {
        let (few, many) = (figures(50), figures(5_000));
        for figures in [&few, &many] {
            let (low, high) = figures.interval(0, METRIC).unwrap();
            assert!((low..=high).contains(&figures.value(0, METRIC).unwrap()));
        }
        let width = |figures: &Figures<2>| figures.interval(0, METRIC).map(|(low, high)| high - low).unwrap();
        assert!(width(&many) < width(&few) / 5.0);
    }

    #[test]
    fn differences_are_paired_by_person() {
        let (low, high) = figures(50).difference(1, 0, METRIC).unwrap();
        assert!((low - 0.1).abs() < 1e-9 && (high - 0.1).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn a_gap_needs_a_ceiling_above_the_base() {
        let figures = figures(50);
        let (gap, (low, high)) = figures.gap(1, 0, 2, METRIC).unwrap();
        assert!((gap - 0.5).abs() < 1e-9 && low > 0.49 && high < 0.51);
        assert_eq!(figures.gap(1, 2, 0, METRIC), None);
        assert_eq!(figures.gap(1, 0, 0, METRIC), None);
    }

    #[test]
    fn what_was_never_measured_has_no_figure() {
        let figures = figures(5);
        assert_eq!(figures.value(0, OTHER), None);
        assert_eq!(figures.interval(0, OTHER), None);
        assert_eq!(figures.difference(0, 1, OTHER), None);
        assert_eq!(Figures::<2>::new(&[], 3).value(0, METRIC), None);
    }
}

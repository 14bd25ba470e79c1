//! Numbers brought together along an axis, in an order that is the same on every platform.

use super::lanes::{Function, Lane, apply};

/// How numbers are brought together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Reduction {
    Sum,
    Maximum,
}

impl Reduction {
    /// What nothing comes to.
    pub(in super::super) fn start(self) -> f32 {
        match self {
            Self::Sum => 0.0,
            Self::Maximum => f32::NEG_INFINITY,
        }
    }

    fn function(self) -> Function {
        match self {
            Self::Sum => Function::Add,
            Self::Maximum => Function::Greatest,
        }
    }

    fn of(self, one: f32, other: f32) -> f32 {
        match self {
            Self::Sum => one + other,
            Self::Maximum => {
                if one > other {
                    one
                } else {
                    other
                }
            }
        }
    }
}

/// Brings a run together with the number in `out`: eight sums side by side, then one after the other.
pub(in super::super) fn fold(reduction: Reduction, out: &mut f32, run: &[f32]) {
    let (eights, rest) = run.as_chunks::<8>();
    let mut side = [reduction.start(); 8];
    for eight in eights {
        side.iter_mut().zip(eight).for_each(|(sum, number)| *sum = reduction.of(*sum, *number));
    }
    let side = if eights.is_empty() { &[][..] } else { &side };
    *out = side.iter().chain(rest).fold(*out, |sum, number| reduction.of(sum, *number));
}

/// Brings each number of a run together with the number in the same place of `out`.
pub(in super::super) fn join(reduction: Reduction, out: &mut [f32], run: Lane<'_>, copy: &mut Vec<f32>) {
    copy.clear();
    copy.extend_from_slice(out);
    apply(reduction.function(), out, [Lane::Run(copy), run, run]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_every_length_are_brought_together() {
        for length in 0..20 {
            let run: Vec<f32> = (0..length).map(|at| at as f32).collect();
            let (mut sum, mut most) = (1.0, -3.0);
            fold(Reduction::Sum, &mut sum, &run);
            fold(Reduction::Maximum, &mut most, &run);
            assert_eq!(sum, 1.0 + run.iter().sum::<f32>());
            assert_eq!(most, run.iter().copied().fold(-3.0, f32::max));
        }
    }

    #[test]
    fn places_are_joined_one_by_one() {
        let (mut out, mut copy) = ([1.0, 5.0, 2.0], Vec::new());
        join(Reduction::Maximum, &mut out, Lane::Run(&[3.0, 1.0, 2.0]), &mut copy);
        assert_eq!(out, [3.0, 5.0, 2.0]);
        join(Reduction::Sum, &mut out, Lane::One(1.0), &mut copy);
        assert_eq!(out, [4.0, 6.0, 3.0]);
    }
}

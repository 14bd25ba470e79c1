//! Sums of tallies, some of which count for less.

use std::ops::AddAssign;

use super::tally::Tally;

/// The weight of what counts in full: sums are whole numbers of this fraction, so their order does not matter.
const ONE: u64 = 1 << 32;
/// Days with events after which a listen counts half.
const HALF_LIFE_DAYS: f32 = 14.0;

/// How much of a tally counts, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// All of it.
    pub(super) const WHOLE: Self = Self(ONE);

    /// After so many days on which something happened nothing is left.
    pub(super) const FADED: usize = 463;

    /// What is left after so many days on which something happened.
    pub(super) fn after(days: usize) -> Self {
        Self((f64::from(libm::exp2f(-(days as f32) / HALF_LIFE_DAYS)) * ONE as f64).round() as u64)
    }
}

/// A sum of tallies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    shown: u128,
    played: u128,
    well: u128,
    liked: u128,
    worth: u128,
}

impl Sum {
    /// Adds so much of a tally.
    pub(crate) fn add(&mut self, tally: &Tally, share: Share) {
        let part = |count: u64| u128::from(count) * u128::from(share.0);
        self.shown += part(tally.shown.into());
        self.played += part(tally.played.into());
        self.well += part(tally.well.into());
        self.liked += part(tally.liked.into());
        self.worth += part(tally.worth);
    }

    /// Impressions.
    #[must_use]
    pub fn shown(&self) -> f64 {
        self.shown as f64 / ONE as f64
    }

    /// Plays.
    #[must_use]
    pub fn played(&self) -> f64 {
        self.played as f64 / ONE as f64
    }

    /// Plays that ended well.
    #[must_use]
    pub fn well(&self) -> f64 {
        self.well as f64 / ONE as f64
    }

    /// Likes.
    #[must_use]
    pub fn liked(&self) -> f64 {
        self.liked as f64 / ONE as f64
    }

    /// How much was taken up, in completions.
    #[must_use]
    pub fn worth(&self) -> f64 {
        self.worth as f64 / ONE as f64 / 1_000.0
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.shown += other.shown;
        self.played += other.played;
        self.well += other.well;
        self.liked += other.liked;
        self.worth += other.worth;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_faded_counts_nothing_and_what_has_not_a_little() {
        assert_eq!(Share::after(Share::FADED), Share(0));
        assert_ne!(Share::after(Share::FADED - 1), Share(0));
    }
}

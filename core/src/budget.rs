//! How long a ranking may take, in work units, so that a host with a frame to draw can say when to stop.
//!
//! The core has no clock: the host's check is asked before each unit. The number of units taken is all that a replay
//! needs to give the same list again.

/// What a ranking may spend.
pub struct Budget<'a> {
    expired: Option<&'a mut dyn FnMut() -> bool>,
    allowed: u32,
    taken: u32,
    exhausted: bool,
}

impl<'a> Budget<'a> {
    /// As much as it takes.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { expired: None, allowed: u32::MAX, taken: 0, exhausted: false }
    }

    /// Until `expired` says so; it is asked before each unit, and not again once it said so.
    #[must_use]
    pub fn until(expired: &'a mut dyn FnMut() -> bool) -> Self {
        Self { expired: Some(expired), ..Self::unlimited() }
    }

    /// So many units: a replay of a ranking that took as many.
    #[must_use]
    pub fn of_units(allowed: u32) -> Self {
        Self { allowed, ..Self::unlimited() }
    }

    /// Units taken so far.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether a unit was asked for and not granted.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Takes the next unit; `false` when the work has to stop here.
    pub fn take(&mut self) -> bool {
        let expired = self.expired.as_mut().is_some_and(|expired| expired());
        self.exhausted = self.exhausted || self.taken >= self.allowed || expired;
        if self.exhausted {
            return false;
        }
        self.taken += 1;
        true
    }
}

impl std::fmt::Debug for Budget<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { allowed, taken, exhausted, .. } = self;
        formatter
            .debug_struct("Budget")
            .field("allowed", allowed)
            .field("taken", taken)
            .field("exhausted", exhausted)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_as_many_units_stops_at_the_same_one() {
        let mut left = 3;
        let mut expired = || {
            left -= 1;
            left < 0
        };
        let mut live = Budget::until(&mut expired);
        while live.take() {}
        let mut replay = Budget::of_units(live.taken());
        while replay.take() {}
        assert_eq!((live.taken(), replay.taken()), (3, 3));
        assert!(live.is_exhausted() && replay.is_exhausted() && !replay.take());
    }
}

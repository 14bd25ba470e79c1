//! The ids of events received lately, so that one that is sent again counts once.

use std::collections::HashSet;
use std::time::Duration;

use super::ledger::Fingerprint;

/// Ids that are known however long ago they came: what a clock that leaps ahead cannot make forgotten.
const LEAST: usize = 1 << 20;

/// Ids of the events of a window at least, in two halves: the older one goes when the newer one is as old as the window.
#[derive(Debug)]
pub(super) struct Ids {
    window_ms: i64,
    least: usize,
    most: usize,
    newer: HashSet<Fingerprint>,
    older: HashSet<Fingerprint>,
    /// When the first of the newer ones came.
    begun_ms: i64,
}

impl Ids {
    /// Of a window, and of so many at most.
    pub(super) fn new(window: Duration, most: usize) -> Self {
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let (newer, older) = (HashSet::new(), HashSet::new());
        Self { window_ms, least: LEAST, most, newer, older, begun_ms: i64::MAX }
    }

    pub(super) fn contains(&self, id: Fingerprint) -> bool {
        self.newer.contains(&id) || self.older.contains(&id)
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether more may be taken in at `now_ms`. Where there are too many, those that are older than the window go first.
    pub(super) fn has_room(&mut self, now_ms: i64) -> bool {
        if self.len() >= self.most {
            self.turn(now_ms, 0);
        }
        self.len() < self.most
    }

    /// Takes in ids that came at `now_ms`; a clock that was set back begins the window anew.
    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = Fingerprint>, now_ms: i64) {
        self.turn(now_ms, self.least);
        self.newer.extend(ids);
    }

    /// Lets go of the older half where the newer one is as old as the window and has so many.
    fn turn(&mut self, now_ms: i64, least: usize) {
        self.begun_ms = self.begun_ms.min(now_ms);
        if now_ms.saturating_sub(self.begun_ms) >= self.window_ms && self.newer.len() >= least {
            self.older = std::mem::take(&mut self.newer);
            self.begun_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Each hour ten ids, from the hour's number times ten on.
    fn after(hours: impl Iterator<Item = i64>, least: usize) -> Ids {
        let mut ids = Ids { least, ..Ids::new(Duration::from_secs(24 * 3_600), usize::MAX) };
        for hour in hours {
            ids.extend((0..10).map(|at| (hour * 10 + at) as Fingerprint), hour * HOUR);
        }
        ids
    }

    #[test]
    fn an_id_is_known_for_the_window_at_least_and_memory_has_a_bound() {
        for last in 1..200 {
            let ids = after(0..=last, 1);
            let known = |hour: i64| (0..10).all(|at| ids.contains((hour * 10 + at) as Fingerprint));
            assert!((0..=last).filter(|hour| last - hour < 24).all(known), "hour {last}");
            assert!(ids.newer.len() + ids.older.len() <= 48 * 10);
        }
    }

    #[test]
    fn however_long_ago_the_last_ones_are_known() {
        let ids = after((0..20).map(|at| at * 1_000), 50);
        assert!((150..200).all(|at| ids.contains((at / 10 * 10_000 + at % 10) as Fingerprint)));
        assert!(ids.newer.len() + ids.older.len() <= 110);
    }

    #[test]
    fn there_is_room_for_so_many_and_again_when_the_window_is_over() {
        let mut ids = Ids::new(Duration::from_secs(24 * 3_600), 30);
        let mut taken = Vec::new();
        for hour in 0..100 {
            if ids.has_room(hour * HOUR) {
                ids.extend((0..10).map(|at| (hour * 10 + at) as Fingerprint), hour * HOUR);
                taken.push(hour);
            }
            assert!(ids.len() <= 30, "hour {hour}");
            let lately = taken.iter().filter(|at| hour - **at < 24);
            assert!(lately.flat_map(|at| at * 10..at * 10 + 10).all(|id| ids.contains(id as Fingerprint)));
        }
        // The first three are the older half after a day, and gone after two.
        assert_eq!(taken, [0, 1, 2, 48, 49, 50, 96, 97, 98]);
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_does_not_make_the_window_endless() {
        let ids = after((0..10).chain([100_000]).chain(10..200), 1);
        assert!(ids.newer.len() + ids.older.len() <= 60 * 10);
        assert!((1_770..2_000).all(|at| ids.contains(at)));
    }
}

//! What is known of one item, one creator or one category.

use serde::{Deserialize, Serialize};

use super::sums::Decayed;
use super::table::Facts;

/// An exposure tires half as much after this time, in milliseconds: six hours.
pub const FATIGUE_HALF_LIFE_MS: i64 = 6 * 3_600_000;
/// How much being shown tires, where being played tires by 1.
const SHOWN: f32 = 0.25;

/// What is known of one item in this session. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemFacts {
    pub(super) liked: bool,
    pub(super) barred: bool,
    impressions: u32,
    plays: u32,
    seen_ms: Option<i64>,
    shown_ms: Option<i64>,
    /// Fingerprint of the slate of the newest impression that nothing followed from, 0 for none.
    unanswered: u64,
    /// When the newest opinion that decided `liked` and `barred` was given.
    pub(super) decided_ms: Option<i64>,
    fatigue: f32,
    fatigue_ms: i64,
}

impl ItemFacts {
    /// Whether the item is liked now.
    #[must_use]
    pub fn is_liked(&self) -> bool {
        self.liked
    }

    /// Whether the person said never to show the item again.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.barred
    }

    /// Whether it was played through, skipped, played again or bought.
    #[must_use]
    pub fn is_played(&self) -> bool {
        self.plays > 0
    }

    /// How often it was.
    #[must_use]
    pub fn plays(&self) -> u32 {
        self.plays
    }

    /// How often it was shown without being acted upon.
    #[must_use]
    pub fn impressions(&self) -> u32 {
        self.impressions
    }

    /// When it was last played through, skipped, played again or bought.
    #[must_use]
    pub fn last_seen_ms(&self) -> Option<i64> {
        self.seen_ms
    }

    /// When it was last shown.
    #[must_use]
    pub fn last_shown_ms(&self) -> Option<i64> {
        self.shown_ms
    }

    /// How tired of it the person is at `now_ms`: 1 for each play and 0.25 for each impression, each halved every
    /// [`FATIGUE_HALF_LIFE_MS`]; 0 up. What lies ahead of `now_ms` counts as happening now.
    #[must_use]
    pub fn fatigue(&self, now_ms: i64) -> f32 {
        self.fatigue * halved(now_ms.saturating_sub(self.fatigue_ms))
    }

    pub(super) fn note_play(&mut self, time_ms: i64, late: bool) {
        self.plays = self.plays.saturating_add(1);
        newer(&mut self.seen_ms, time_ms, late);
        self.tire(1.0, time_ms, late);
    }

    pub(super) fn take_plays_back(&mut self, count: u32) {
        self.plays = self.plays.saturating_sub(count);
    }

    pub(super) fn note_impression(&mut self, time_ms: i64, late: bool, slate: u64) {
        self.impressions = self.impressions.saturating_add(1);
        self.unanswered = slate;
        newer(&mut self.shown_ms, time_ms, late);
        self.tire(SHOWN, time_ms, late);
    }

    /// Something followed from `slate`: an impression counted for it was none. Whether there was one.
    pub(super) fn answer(&mut self, slate: u64) -> bool {
        let answered = slate != 0 && self.unanswered == slate;
        if answered {
            self.impressions = self.impressions.saturating_sub(1);
            self.unanswered = 0;
        }
        answered
    }

    fn tire(&mut self, weight: f32, time_ms: i64, late: bool) {
        let elapsed = time_ms.saturating_sub(self.fatigue_ms);
        if late && elapsed < 0 {
            self.fatigue += weight * halved(elapsed.saturating_neg());
            return;
        }
        self.fatigue = self.fatigue * halved(elapsed) + weight;
        self.fatigue_ms = time_ms;
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.fatigue.is_finite() && self.fatigue >= 0.0 {
            return Ok(());
        }
        Err(format!("an item's fatigue is {}.", self.fatigue))
    }
}

impl Facts for ItemFacts {
    fn is_kept(&self) -> bool {
        self.barred
    }
}

/// An event that is late changes nothing that a newer one said.
fn newer(newest: &mut Option<i64>, time_ms: i64, late: bool) {
    if !late || newest.is_none_or(|newest| newest < time_ms) {
        *newest = Some(time_ms);
    }
}

/// What is left after so many milliseconds; time does not run backwards.
fn halved(elapsed_ms: i64) -> f32 {
    libm::exp2f(-(elapsed_ms.max(0) as f32) / FATIGUE_HALF_LIFE_MS as f32)
}

/// What is known of one creator or category.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    /// From events no longer remembered, and from all of them.
    pub(super) past: Affinity,
    pub(super) now: Affinity,
    pub(super) barred: bool,
    pub(super) followed: bool,
    pub(super) decided_ms: Option<i64>,
}

/// What events said of a name.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Affinity {
    pub(super) sum: Decayed,
    /// Some event said something.
    pub(super) met: bool,
}

impl Facts for Standing {
    fn is_kept(&self) -> bool {
        self.barred
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatigue_halves_with_time_and_does_not_depend_on_the_order_of_arrival() {
        let (mut one, mut other) = (ItemFacts::default(), ItemFacts::default());
        one.note_play(1_000, false);
        one.note_impression(61_000, false, 0);
        other.note_impression(61_000, false, 0);
        other.note_play(1_000, true);
        assert!((one.fatigue(61_000) - other.fatigue(61_000)).abs() < 1e-6);
        assert!((one.fatigue(61_000 + FATIGUE_HALF_LIFE_MS) - one.fatigue(61_000) / 2.0).abs() < 1e-6);
        assert_eq!((one.last_seen_ms(), one.last_shown_ms()), (Some(1_000), Some(61_000)));
    }

    #[test]
    fn what_lies_ahead_counts_as_happening_now() {
        let mut facts = ItemFacts::default();
        facts.note_play(i64::MAX, false);
        assert_eq!(facts.fatigue(0), 1.0);
    }
}

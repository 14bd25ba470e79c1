//! What is known of one item, one creator or one category.

use serde::{Deserialize, Serialize};

use super::sums::Decayed;
use super::table::{Facts, Weight};

/// What is known of one item in this session. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemFacts {
    pub(super) liked: bool,
    pub(super) barred: bool,
    /// Fingerprint of the item near to this one that the person was not interested in, 0 for none.
    pub(super) near: u64,
    impressions: u32,
    plays: u32,
    /// One of the plays was in the session as it is now.
    played: bool,
    seen_ms: Option<i64>,
    shown_ms: Option<i64>,
    /// Fingerprint of the slate of the newest impression that nothing followed from, 0 for none.
    unanswered: u64,
    /// When the newest opinion that decided `liked` and `barred` was given.
    pub(super) decided_ms: Option<i64>,
}

impl ItemFacts {
    /// Whether the item is liked now.
    #[must_use]
    pub fn is_liked(&self) -> bool {
        self.liked
    }

    /// Whether the person said never to show the item again, or one that it is near to.
    #[must_use]
    pub fn is_barred(&self) -> bool {
        self.barred || self.near != 0
    }

    /// Whether it was played through, skipped, played again or bought in this session.
    #[must_use]
    pub fn is_played(&self) -> bool {
        self.played
    }

    /// How often it was, in earlier sessions too.
    #[must_use]
    pub fn plays(&self) -> u32 {
        self.plays
    }

    /// How often it was shown in this session without being acted upon.
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

    pub(super) fn note_play(&mut self, time_ms: i64, late: bool) {
        self.plays = self.plays.saturating_add(1);
        self.played = true;
        newer(&mut self.seen_ms, time_ms, late);
    }

    pub(super) fn take_plays_back(&mut self, count: u32) {
        self.plays = self.plays.saturating_sub(count);
    }

    /// Another session begins: what was decided stays, and so does when the item was seen.
    pub(super) fn rest(&mut self) {
        (self.played, self.impressions, self.unanswered) = (false, 0, 0);
    }

    pub(super) fn note_impression(&mut self, time_ms: i64, late: bool, slate: u64) {
        self.impressions = self.impressions.saturating_add(1);
        self.unanswered = slate;
        newer(&mut self.shown_ms, time_ms, late);
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
}

impl Facts for ItemFacts {
    fn weight(&self) -> Weight {
        match self {
            _ if self.is_barred() => Weight::Barred,
            _ if self.liked || self.plays > 0 => Weight::Chosen,
            _ => Weight::Met,
        }
    }
}

/// An event that is late changes nothing that a newer one said.
fn newer(newest: &mut Option<i64>, time_ms: i64, late: bool) {
    if !late || newest.is_none_or(|newest| newest < time_ms) {
        *newest = Some(time_ms);
    }
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

impl Standing {
    /// Another session begins: what was decided stays.
    pub(super) fn rest(&mut self) {
        (self.past, self.now) = (Affinity::default(), Affinity::default());
    }
}

impl Facts for Standing {
    fn weight(&self) -> Weight {
        match self {
            _ if self.barred => Weight::Barred,
            _ if self.followed => Weight::Chosen,
            _ => Weight::Met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_times_do_not_depend_on_the_order_of_arrival() {
        let (mut one, mut other) = (ItemFacts::default(), ItemFacts::default());
        for (facts, times) in [(&mut one, [1, 2]), (&mut other, [2, 1])] {
            times.iter().for_each(|&time| facts.note_play(time, time == 1));
            times.iter().for_each(|&time| facts.note_impression(time, time == 1, 0));
        }
        assert_eq!(one, other);
        assert_eq!((one.last_seen_ms(), one.last_shown_ms()), (Some(2), Some(2)));
    }
}

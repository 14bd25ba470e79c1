//! What one event counts for.

use std::ops::AddAssign;

use segue_core::session::EventKind;
use serde::{Deserialize, Serialize};

use crate::catalog::Event;
use crate::towers::history::feedback_weight;

/// How often something happened, in whole numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Impressions.
    pub shown: u32,
    /// Plays and what stands for one: completions, skips, clicks, purchases, ratings, likes.
    pub played: u32,
    /// Those that ended well: all but skips.
    pub well: u32,
    /// Likes.
    pub liked: u32,
    /// How much it was taken up, in thousandths of a completion ([`feedback_weight`]); what speaks against it is 0.
    pub worth: u64,
}

impl Tally {
    /// What `event` counts for.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let (played, well) = match event.kind {
            EventKind::Complete
            | EventKind::Click
            | EventKind::Purchase
            | EventKind::Rating
            | EventKind::Like => (1, 1),
            EventKind::Skip => (1, 0),
            _ => (0, 0),
        };
        let one_if = |kind| u32::from(event.kind == kind);
        Self {
            shown: one_if(EventKind::Impression),
            played,
            well,
            liked: one_if(EventKind::Like),
            worth: (f64::from(feedback_weight(event).max(0.0)) * 1_000.0).round() as u64,
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How often it could have done well: shown, or played without anybody saying that it was shown.
    #[must_use]
    pub fn trials(&self) -> u32 {
        self.shown.max(self.played)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.shown = self.shown.saturating_add(other.shown);
        self.played = self.played.saturating_add(other.played);
        self.well = self.well.saturating_add(other.well);
        self.liked = self.liked.saturating_add(other.liked);
        self.worth = self.worth.saturating_add(other.worth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_counts_for_what_it_says() {
        let tally = |kind| Tally::of(&Event::new("e", "i", kind, 0));
        let like = Tally { played: 1, well: 1, liked: 1, worth: 2_000, ..Tally::default() };
        assert_eq!(tally(EventKind::Like), like);
        assert_eq!(tally(EventKind::Skip), Tally { played: 1, ..Tally::default() });
        assert_eq!(tally(EventKind::Save), Tally { worth: 5_000, ..Tally::default() });
        assert_eq!(tally(EventKind::Impression).trials(), 1);
        assert!(tally(EventKind::Search).is_empty() && tally(EventKind::Dislike).is_empty());
    }
}

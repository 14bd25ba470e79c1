//! Training examples: the exact model inputs that serving computes, as `.npy` arrays.
//!
//! [`towers`] writes what the two towers learn from, [`ranker`] what the session
//! ranker learns from, [`logged`] the same from what was served. All use only training events: what items looked like is
//! taken at the middle of the training events ([`Snapshot`]), the sessions to learn
//! from come after it, so that no count contains the answer.

mod arrays;
pub mod logged;
pub mod npy;
pub mod ranker;
mod sample;
pub mod schema;
pub mod towers;

use crate::catalog::{Catalogue, SessionLog};
use crate::towers::features::{self, FeatureMatrix};
use crate::towers::history::{Histories, Signal};

/// What was known of the items at the middle of the training events, and what people did all through them.
pub struct Snapshot {
    /// The middle of the training events, in milliseconds since 1970.
    pub time_ms: i64,
    /// The items' rows at that time.
    pub items: FeatureMatrix,
    /// How often each item was taken up before it.
    pub counts: Vec<f32>,
    histories: Histories,
}

impl Snapshot {
    /// Reads the catalogue's training events.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(catalogue: &Catalogue) -> anyhow::Result<Self> {
        let training: Vec<usize> = catalogue.training_events().collect();
        anyhow::ensure!(!training.is_empty(), "there are no training events: import or generate data first");
        let time_ms = catalogue.events[training[training.len() / 2]].time_ms;
        let before = Histories::before(catalogue, Some(time_ms));
        Ok(Self {
            time_ms,
            items: features::item_matrix(catalogue, &before),
            counts: before.counts,
            histories: Histories::of(catalogue, training.into_iter()),
        })
    }

    /// The training sessions of known users that begin when it was taken or later, at most `most`, spread evenly.
    #[must_use]
    pub fn sessions(&self, catalogue: &Catalogue, most: usize) -> Vec<SessionLog> {
        let mut sessions = catalogue.sessions();
        sessions.retain(|session| {
            let begins = session.events.first().map(|&event| catalogue.events[event as usize].time_ms);
            !session.held_out && session.user.is_some() && begins.is_some_and(|time| time >= self.time_ms)
        });
        let step = sessions.len().div_ceil(most.max(1)).max(1);
        sessions.into_iter().step_by(step).collect()
    }

    /// The user's row just before a time.
    #[must_use]
    pub fn user_row(&self, catalogue: &Catalogue, user: usize, time_ms: i64) -> Vec<f32> {
        features::user_row(&catalogue.users[user], self.signals(user, time_ms), &self.items)
    }

    fn signals(&self, user: usize, time_ms: i64) -> &[Signal] {
        let signals = &self.histories.users[user];
        &signals[..signals.partition_point(|signal| signal.time_ms < time_ms)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn sessions_to_learn_from_are_in_training_and_after_the_snapshot() {
        let catalogue = samples::catalogue();
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let sessions = snapshot.sessions(&catalogue, 100);
        assert!(!sessions.is_empty());
        for session in sessions {
            let first = session.events[0] as usize;
            assert!(!session.held_out && catalogue.events[first].time_ms >= snapshot.time_ms);
        }
    }

    #[test]
    fn an_event_after_the_snapshot_changes_no_item_row() {
        let catalogue = samples::catalogue();
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let mut later = catalogue.clone();
        later.events.retain(|event| event.time_ms < snapshot.time_ms);
        let known = Histories::before(&catalogue, Some(snapshot.time_ms));
        assert_eq!(known.counts, snapshot.counts);
        assert_eq!(snapshot.counts.iter().sum::<f32>() as usize, later.events.len());
    }

    #[test]
    fn a_users_row_knows_nothing_from_its_own_time_on() {
        let catalogue = samples::catalogue();
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let first = catalogue.events[0].time_ms;
        let blank = snapshot.user_row(&catalogue, 0, first);
        assert!(blank[..3 * snapshot.items.columns.len()].iter().all(|value| *value == 0.0));
        assert_ne!(snapshot.user_row(&catalogue, 0, i64::MAX), blank);
    }
}

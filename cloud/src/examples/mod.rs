//! Training examples: the exact model inputs that serving computes, as `.npy` arrays.
//!
//! [`towers`] writes what the two towers learn from, [`baskets`] what item vectors learn from, [`ranker`] what the
//! session ranker learns from, [`logged`] the same from what was served. All use only training events: what items looked
//! like is taken at the middle of the training events ([`Snapshot`]), the sessions to learn
//! from come after it, so that no count contains the answer. Where times mean nothing, some of the sessions say what
//! items look like and the others are learned from; [`Snapshot::parts`] goes round until all were learned from.

mod arrays;
pub mod baskets;
mod choice;
pub mod logged;
pub mod npy;
pub mod ranker;
mod sample;
pub mod schema;
pub mod towers;

use std::collections::BTreeMap;

use crate::catalog::{Catalogue, Rule, SessionLog, User, split};
use crate::towers::features::{self, FeatureMatrix};
use crate::towers::history::{Histories, Signal};

/// Steps at the end of a history that are learned from where the last event of each user is held out.
const LAST_STEPS: usize = 8;
/// Shares that sessions are divided into where times mean nothing.
const PARTS: u32 = 5;

/// What was known of the items at the middle of the training events, and what people did all through them.
pub struct Snapshot {
    /// The middle of the training events, in milliseconds since 1970; the end of them where times mean nothing.
    pub time_ms: i64,
    /// Indices of the events that say what items look like, in time order.
    pub known: Vec<usize>,
    /// The items' rows at that time.
    pub items: FeatureMatrix,
    /// How often each item was taken up before it.
    pub counts: Vec<f32>,
    histories: Histories,
    part: Part,
}

/// Where times mean nothing: of `folds` shares of the sessions, this one is learned from and the others describe the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    folds: u32,
    fold: u32,
}

impl Part {
    fn learns_from(self, session: &str) -> bool {
        split::fold_of(session, self.folds) == self.fold
    }
}

impl Snapshot {
    /// Reads the catalogue's training events; where times mean nothing, one half of the sessions describes the items.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(catalogue: &Catalogue) -> anyhow::Result<Self> {
        Self::of(catalogue, Part { folds: 2, fold: 1 })
    }

    /// Snapshots that together learn from as many sessions as they can: where times mean nothing each of five shares of the
    /// sessions once, described by the other four (cross-fitting); else the one of [`Self::new`].
    ///
    /// # Errors
    /// When there are no training events.
    pub fn parts(catalogue: &Catalogue) -> anyhow::Result<Vec<Self>> {
        match catalogue.dataset.timed {
            true => Ok(vec![Self::new(catalogue)?]),
            false => (0..PARTS).map(|fold| Self::of(catalogue, Part { folds: PARTS, fold })).collect(),
        }
    }

    fn of(catalogue: &Catalogue, part: Part) -> anyhow::Result<Self> {
        let training: Vec<usize> = catalogue.training_events().collect();
        anyhow::ensure!(!training.is_empty(), "there are no training events: import or generate data first");
        let middle = catalogue.events[training[training.len() / 2]].time_ms;
        let last = catalogue.events[training[training.len() - 1]].time_ms;
        let is_known = |index: &usize| match catalogue.dataset.timed {
            true => catalogue.events[*index].time_ms < middle,
            false => !part.learns_from(&catalogue.events[*index].session),
        };
        let known: Vec<usize> = training.iter().copied().filter(is_known).collect();
        let before = Histories::of(catalogue, known.iter().copied());
        Ok(Self {
            time_ms: if catalogue.dataset.timed { middle } else { last },
            items: features::item_matrix(catalogue, &before),
            counts: before.counts,
            histories: Histories::of(catalogue, training.into_iter()),
            known,
            part,
        })
    }

    /// The training sessions that begin when it was taken or later (the part's share of them where times mean nothing),
    /// at most `most`, spread evenly. None has an event that is held out.
    #[must_use]
    pub fn sessions(&self, catalogue: &Catalogue, most: usize) -> Vec<SessionLog> {
        let mut sessions = catalogue.sessions();
        for session in &mut sessions {
            session.events.retain(|&event| !catalogue.held_out[event as usize]);
        }
        sessions.retain(|session| {
            let first = session.events.first().map(|&event| &catalogue.events[event as usize]);
            first.is_some_and(|first| match catalogue.dataset.timed {
                true => first.time_ms >= self.time_ms,
                false => self.part.learns_from(&first.session),
            })
        });
        let step = sessions.len().div_ceil(most.max(1)).max(1);
        sessions.into_iter().step_by(step).collect()
    }

    /// From where on a session's steps are learned from, as a place among its events: the beginning, but the last few
    /// where each user's one session is a whole history.
    #[must_use]
    pub fn learns_from(&self, catalogue: &Catalogue, session: &SessionLog) -> usize {
        match catalogue.split.rule {
            Rule::LeaveOneOut => session.events.len().saturating_sub(LAST_STEPS),
            _ => 0,
        }
    }

    /// The row of a user, or of somebody unknown, just before the session's steps are learned from.
    #[must_use]
    pub fn user_row(&self, catalogue: &Catalogue, session: &SessionLog) -> Vec<f32> {
        let person = session.user.map(|user| &catalogue.users[user as usize]);
        let history = self.history(catalogue, session);
        features::user_row(person.unwrap_or(&User::default()), history, &self.items)
    }

    /// What a session's person did before its steps are learned from, oldest first; nothing where nobody is known.
    #[must_use]
    pub fn history(&self, catalogue: &Catalogue, session: &SessionLog) -> &[Signal] {
        let begins = session.events.get(self.learns_from(catalogue, session));
        let time_ms = begins.map_or(i64::MIN, |&event| catalogue.events[event as usize].time_ms);
        session.user.map_or(&[], |user| self.signals(user as usize, time_ms))
    }

    fn signals(&self, user: usize, time_ms: i64) -> &[Signal] {
        let signals = &self.histories.users[user];
        &signals[..signals.partition_point(|signal| signal.time_ms < time_ms)]
    }
}

pub(crate) use sample::outcomes as outcomes_of_events;

/// What became of each item of a session: labels of the heads `complete`, `skip`, `like`.
pub(crate) fn outcomes(catalogue: &Catalogue, session: &SessionLog) -> BTreeMap<u32, [f32; 3]> {
    sample::outcomes(sample::about_items(catalogue, session))
}

/// Whose session it is, for keeping people on one side: the user's place in the table, behind them each stranger's own.
fn group_of(catalogue: &Catalogue, session: &SessionLog) -> u32 {
    let stranger = || catalogue.users.len() as u32 + session.events.first().copied().unwrap_or_default();
    session.user.unwrap_or_else(stranger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Split;
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
    fn a_users_row_knows_nothing_from_the_session_on() {
        let catalogue = samples::catalogue();
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let sessions = catalogue.sessions();
        let (first, last) = (&sessions[0], &sessions[sessions.len() - 1]);
        let blank = snapshot.user_row(&catalogue, first);
        assert!(blank[..3 * snapshot.items.columns.len()].iter().all(|value| *value == 0.0));
        assert_ne!(snapshot.user_row(&catalogue, last), blank);
    }

    #[test]
    fn without_a_clock_each_session_is_learned_from_once() {
        let mut catalogue = samples::catalogue();
        catalogue.dataset.timed = false;
        catalogue.divide(Rule::Folds { folds: 5, held_out: 0 });
        let parts = Snapshot::parts(&catalogue).unwrap();
        let begins = |part: &Snapshot| -> Vec<u32> {
            part.sessions(&catalogue, 100).iter().map(|session| session.events[0]).collect()
        };
        let mut learned: Vec<u32> = parts.iter().flat_map(begins).collect();
        learned.sort_unstable();
        let training = catalogue.sessions().into_iter().filter(|session| !session.held_out);
        assert_eq!(learned, training.map(|session| session.events[0]).collect::<Vec<_>>());
        assert!(!learned.is_empty());
    }

    #[test]
    fn without_a_clock_no_session_describes_the_items_it_is_learned_with() {
        let mut catalogue = samples::catalogue();
        catalogue.dataset.timed = false;
        catalogue.split = Split::new(Rule::LeaveOneOut);
        catalogue.divide(Rule::LeaveOneOut);
        let snapshot = Snapshot::new(&catalogue).unwrap();
        let learned = snapshot.sessions(&catalogue, 100);
        let learned: Vec<usize> = learned.iter().flat_map(|one| &one.events).map(|at| *at as usize).collect();
        assert!(!learned.is_empty() && !snapshot.known.is_empty());
        assert!(learned.iter().all(|event| !snapshot.known.contains(event) && !catalogue.held_out[*event]));
    }
}

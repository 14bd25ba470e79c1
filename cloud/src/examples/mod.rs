//! Training examples: the exact model inputs that serving computes, as `.npy` arrays.
//!
//! [`towers`] writes what the two towers learn from, [`baskets`] what item vectors learn from, [`ranker`] what the
//! session ranker learns from, [`logged`] the same from what was served. All use only training events: what items looked
//! like is taken at a moment in the later half of the training events ([`Snapshot`]), the sessions to learn
//! from come after it, so that no count contains the answer. Where times mean nothing, some of the sessions say what
//! items look like and the others are learned from; [`Snapshot::parts`] goes round until all were learned from.

mod arrays;
pub mod baskets;
mod choice;
mod circumstances;
pub mod logged;
pub mod npy;
mod programs;
pub mod ranker;
mod sample;
pub mod schema;
pub mod towers;
pub(crate) mod window;

use std::collections::BTreeMap;

use anyhow::Context as _;
use segue_core::session::Event;

use crate::catalog::{Catalogue, Rule, SessionLog, User, split};
use crate::evaluate::LabelRules;
use crate::towers::features::{self, FeatureMatrix};
use crate::towers::history::{Histories, Signal};

/// Steps at the end of a history that are learned from where the last event of each user is held out.
const LAST_STEPS: usize = 8;
/// Shares that sessions are divided into where times mean nothing.
const PARTS: u32 = 5;
/// Moments in the later half of the training events at which items are described, where times mean something.
const MOMENTS: usize = 4;
const NO_EVENTS: &str = "there are no training events: import or generate data first";

/// What was known of the items at a moment of the training events, and what people did all through them.
pub struct Snapshot {
    /// When the items looked like that, in milliseconds since 1970; the end of the training events where times mean nothing.
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

/// Which sessions are learned from; the events that describe the items are the others, or those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Of `folds` shares of the sessions this one, where times mean nothing.
    Fold { folds: u32, fold: u32 },
    /// Those that begin in this time, in milliseconds since 1970.
    Time { from_ms: i64, until_ms: i64 },
}

impl Part {
    fn learns_from(self, first: &Event) -> bool {
        match self {
            Self::Fold { folds, fold } => split::fold_of(&first.session, folds) == fold,
            Self::Time { from_ms, until_ms } => (from_ms..until_ms).contains(&first.time_ms),
        }
    }

    fn describes(self, event: &Event) -> bool {
        match self {
            Self::Fold { .. } => !self.learns_from(event),
            Self::Time { from_ms, .. } => event.time_ms < from_ms,
        }
    }
}

impl Snapshot {
    /// Reads the catalogue's training events; where times mean nothing, one half of the sessions describes the items.
    ///
    /// # Errors
    /// When there are none.
    pub fn new(catalogue: &Catalogue) -> anyhow::Result<Self> {
        match catalogue.dataset.timed {
            true => Self::of(catalogue, Part::Time { from_ms: moment(catalogue, 0, 1)?, until_ms: i64::MAX }),
            false => Self::of(catalogue, Part::Fold { folds: 2, fold: 1 }),
        }
    }

    /// Snapshots that together learn from as many sessions as they can, each described by what is nearest to what is served:
    /// where times mean nothing each of five shares of the sessions once, described by the other four (cross-fitting); else
    /// the sessions of the later half of the training events, described by what came before each eighth of it begins.
    ///
    /// # Errors
    /// When there are no training events.
    pub fn parts(catalogue: &Catalogue) -> anyhow::Result<Vec<Self>> {
        if !catalogue.dataset.timed {
            return (0..PARTS).map(|fold| Self::of(catalogue, Part::Fold { folds: PARTS, fold })).collect();
        }
        let mut begins: Vec<i64> =
            (0..MOMENTS).map(|at| moment(catalogue, at, MOMENTS)).collect::<anyhow::Result<_>>()?;
        begins.dedup();
        let ends = begins.iter().skip(1).copied().chain([i64::MAX]);
        let part = |(&from_ms, until_ms)| Self::of(catalogue, Part::Time { from_ms, until_ms });
        begins.iter().zip(ends).map(part).collect()
    }

    fn of(catalogue: &Catalogue, part: Part) -> anyhow::Result<Self> {
        let training: Vec<usize> = catalogue.training_events().collect();
        let last = training.last().context(NO_EVENTS)?;
        let known: Vec<usize> =
            training.iter().copied().filter(|index| part.describes(&catalogue.events[*index])).collect();
        let before = Histories::of(catalogue, known.iter().copied());
        Ok(Self {
            time_ms: match part {
                Part::Time { from_ms, .. } => from_ms,
                Part::Fold { .. } => catalogue.events[*last].time_ms,
            },
            items: features::item_matrix(catalogue, &before),
            counts: before.counts,
            histories: Histories::of(catalogue, training.into_iter()),
            known,
            part,
        })
    }

    /// The training sessions that are learned from, at most `most`, spread evenly. None has an event that is held out, or one from
    /// after the end of learning.
    #[must_use]
    pub fn sessions(&self, catalogue: &Catalogue, most: usize) -> Vec<SessionLog> {
        let mut sessions = catalogue.sessions();
        for session in &mut sessions {
            session.events.retain(|&event| catalogue.teaches(event as usize));
        }
        sessions.retain(|session| {
            let first = session.events.first().map(|&event| &catalogue.events[event as usize]);
            first.is_some_and(|first| self.part.learns_from(first))
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

/// When the later half of the training events is `at` of `of` parts over, in milliseconds since 1970.
fn moment(catalogue: &Catalogue, at: usize, of: usize) -> anyhow::Result<i64> {
    let training: Vec<usize> = catalogue.training_events().collect();
    anyhow::ensure!(!training.is_empty(), NO_EVENTS);
    let half = training.len() / 2;
    Ok(catalogue.events[training[half + (training.len() - half) * at / of]].time_ms)
}

pub(crate) use sample::outcomes as outcomes_of_events;

/// What became of each item of a session: labels of the heads `complete`, `skip`, `like`.
pub(crate) fn outcomes(
    catalogue: &Catalogue,
    session: &SessionLog,
    rules: &LabelRules,
) -> BTreeMap<u32, [f32; 3]> {
    sample::outcomes(sample::about_items(catalogue, session), rules)
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
    fn nothing_is_learned_from_what_a_session_did_after_the_boundary() {
        let mut catalogue = samples::catalogue();
        let mut late = samples::event("late", 0, 7, 360_000);
        late.session = "s0-1".into();
        catalogue.add_events(vec![late]);
        let late = catalogue.events.iter().position(|event| event.event_id == "late").unwrap();
        assert!(!catalogue.held_out[late], "its session began before the boundary");
        for snapshot in Snapshot::parts(&catalogue).unwrap() {
            let sessions = snapshot.sessions(&catalogue, 100);
            assert!(sessions.iter().all(|session| !session.events.contains(&(late as u32))));
            assert!(!snapshot.known.contains(&late));
            assert!(snapshot.histories.users[0].iter().all(|signal| signal.time_ms < 350_000));
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
    fn with_a_clock_each_later_session_is_learned_from_once_and_described_by_what_came_before() {
        let catalogue = samples::catalogue();
        let parts = Snapshot::parts(&catalogue).unwrap();
        let mut learned = Vec::new();
        for part in &parts {
            let known = part.known.last().map_or(0, |last| catalogue.events[*last].time_ms);
            for session in part.sessions(&catalogue, 100) {
                assert!(catalogue.events[session.events[0] as usize].time_ms > known);
                learned.push(session.events[0]);
            }
        }
        learned.sort_unstable();
        let whole = Snapshot::new(&catalogue).unwrap().sessions(&catalogue, 100);
        assert_eq!(learned, whole.iter().map(|session| session.events[0]).collect::<Vec<_>>());
        assert!(parts.len() > 1 && !learned.is_empty());
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

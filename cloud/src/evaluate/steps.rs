//! From a session's log to the steps it is judged at and learned from, and to what it played.

use std::collections::BTreeSet;

use segue_core::session::EventKind;

use crate::catalog::{Catalogue, SessionLog};
use crate::evaluate::LabelRules;

/// One step: the list is asked for before `event`, and `target` is the next item that did well from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Place of the event within the session: events before it are known.
    pub known: usize,
    /// Index of the target item in the catalogue.
    pub target: usize,
}

/// The steps of a session: one before each event that played something, as long as a positive item follows.
///
/// An item that did well already is no target again: the list would not show it twice.
#[must_use]
pub fn steps(catalogue: &Catalogue, session: &SessionLog, labels: &LabelRules) -> Vec<Step> {
    let mut steps = Vec::new();
    for known in 0..session.events.len() {
        if is_step(catalogue, session, known) {
            let target = next_positive(catalogue, session, known, labels);
            steps.extend(target.map(|target| Step { known, target }));
        }
    }
    steps
}

/// Feedback about the item just played (a like after its completion) is no new step.
#[must_use]
pub(super) fn is_step(catalogue: &Catalogue, session: &SessionLog, known: usize) -> bool {
    let item = |at: usize| catalogue.event_items[session.events[at] as usize];
    item(known).is_some() && (known == 0 || item(known) != item(known - 1))
}

/// Items that were really played in a session, whether they did well, were skipped, or nobody knows.
pub(super) fn played(catalogue: &Catalogue, session: &SessionLog) -> BTreeSet<u32> {
    let events = session.events.iter().map(|event| *event as usize);
    let played = events.filter(|event| is_play(&catalogue.events[*event].kind));
    played.filter_map(|event| catalogue.event_items[event]).collect()
}

/// Whether an event says that its item was played, or stands for that where the log tells of no plays: not what was merely shown,
/// put aside for later or waved away.
fn is_play(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Play
            | EventKind::Progress
            | EventKind::Complete
            | EventKind::Skip
            | EventKind::Stop
            | EventKind::Seek
            | EventKind::Replay
            | EventKind::Like
            | EventKind::Rating
            | EventKind::Click
            | EventKind::Purchase
    )
}

fn next_positive(
    catalogue: &Catalogue,
    session: &SessionLog,
    known: usize,
    labels: &LabelRules,
) -> Option<usize> {
    let before = &session.events[..known];
    session.events[known..].iter().find_map(|&index| {
        let item = catalogue.event_items[index as usize]?;
        let fresh = before.iter().all(|&earlier| catalogue.event_items[earlier as usize] != Some(item));
        (fresh && labels.is_positive(&catalogue.events[index as usize])).then_some(item as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    /// What `tell` makes of a session of somebody who was never met before, with these events; no item is what was searched.
    fn of_session<T>(
        events: &[(Option<usize>, EventKind)],
        tell: impl FnOnce(&Catalogue, &SessionLog) -> T,
    ) -> T {
        let mut catalogue = samples::catalogue();
        catalogue.add_events(samples::stranger(events, 1_000_000, 1));
        let sessions = catalogue.sessions();
        let is_new = |session: &&SessionLog| catalogue.events[session.events[0] as usize].session == "new";
        tell(&catalogue, sessions.iter().find(is_new).unwrap())
    }

    fn steps_of(events: &[(Option<usize>, EventKind)]) -> Vec<Step> {
        let rules = LabelRules::of("radio").unwrap();
        of_session(events, |catalogue, session| steps(catalogue, session, &rules))
    }

    #[test]
    fn a_person_with_one_event_is_asked_once_with_nothing_known() {
        assert_eq!(steps_of(&[(Some(3), EventKind::Complete)]), [Step { known: 0, target: 3 }]);
        assert!(steps_of(&[(Some(3), EventKind::Skip)]).is_empty());
    }

    #[test]
    fn a_session_in_which_nothing_was_played_has_no_step() {
        assert!(steps_of(&[(None, EventKind::Search), (None, EventKind::Search)]).is_empty());
    }

    #[test]
    fn an_item_that_nobody_ever_played_is_a_target_like_any_other() {
        let never = samples::ITEMS - 1;
        let steps = steps_of(&[(Some(0), EventKind::Complete), (Some(never), EventKind::Complete)]);
        assert_eq!(steps, [Step { known: 0, target: 0 }, Step { known: 1, target: never }]);
    }

    #[test]
    fn what_was_skipped_or_stopped_was_played_and_what_was_merely_shown_was_not() {
        use EventKind::{Complete, Custom, Dislike, Impression, Like, Play, Save, Search, Skip, Stop};
        let events = [
            (Some(0), Complete),
            (Some(0), Like),
            (Some(1), Skip),
            (Some(2), Play),
            (Some(3), Stop),
            (None, Search),
            (Some(4), Impression),
            (Some(5), Save),
            (Some(6), Dislike),
            (Some(7), Custom("waved".into())),
        ];
        assert_eq!(of_session(&events, played), [0, 1, 2, 3].into());
    }
}

//! From a session's log to the steps it is judged at and learned from.

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

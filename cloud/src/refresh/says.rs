//! What an event says of its person, by which it is held while a refresh reads and kept in the log when it is old.

use super::barred::is_seen;
use crate::catalog::{Event, EventKind};
use crate::towers::history::profile_weight;

/// What an event says of its person: the latest of each are held, so that a month of lists that were shown does not make
/// anybody forget what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// What they want and what they never want to see again: likes, refusals, follows, and what takes them back. Of nobody
    /// these are deeds.
    Lasting,
    /// What else they took up, skipped or rated.
    Deed,
    /// Nothing: it was shown, played on, looked for.
    Nothing,
}

impl Says {
    /// What it says of whom it names.
    pub(crate) fn of(event: &Event) -> Self {
        match Self::of_somebody(event) {
            Self::Lasting if event.user.is_empty() => Self::Deed,
            says => says,
        }
    }

    /// What it says of whoever it is, or becomes by a later sign-in.
    pub(crate) fn of_somebody(event: &Event) -> Self {
        let follows = matches!(event.kind, EventKind::Follow | EventKind::Unfollow);
        if follows || event.bars("", &[]).is_some() {
            Self::Lasting
        } else if profile_weight(event) != 0.0 || is_seen(&event.kind) {
            Self::Deed
        } else {
            Self::Nothing
        }
    }
}

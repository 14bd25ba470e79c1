//! What was played, one item after another: a list that is a queue goes on from there.

use serde::{Deserialize, Serialize};

use super::seen::fingerprint;
use super::{Event, EventKind, Remembered, State};

/// How far the queue got.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Plays {
    count: u64,
    /// Fingerprint of the item played last.
    newest: u64,
}

impl Plays {
    /// The start and the end of one item, reported one after the other, are one play.
    pub(super) fn note(&mut self, event: &Event, late: bool) {
        let mark = fingerprint(&event.item);
        if is_play(&event.kind) && !late && mark != self.newest {
            *self = Self { count: self.count.saturating_add(1), newest: mark };
        }
    }
}

impl State {
    /// Number of items played in this session, one after another.
    #[must_use]
    pub fn plays(&self) -> u64 {
        self.plays.count
    }

    /// The remembered plays, newest first, the start and the end of one item as one.
    pub(crate) fn played(&self) -> impl Iterator<Item = &Remembered> {
        let mut newer = "";
        let plays = self.window.iter().rev().filter(|event| is_play(&event.kind));
        plays.filter(move |event| std::mem::replace(&mut newer, &event.item) != event.item)
    }
}

fn is_play(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Play | EventKind::Complete | EventKind::Skip | EventKind::Replay)
}

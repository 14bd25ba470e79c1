//! One event in, the next state out. `docs/EVENTS.md` has the rules as a table.

use super::{Event, EventKind, Remembered, State};
use crate::error::Result;
use crate::pack::Candidate;
use crate::policy::Feedback;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The session reflects it.
    Yes,
    /// It happened before the newest one and counts where its time puts it.
    Late,
    /// It happened before everything that is remembered: what it says of its item is noted, what it says about
    /// taste would have faded.
    TooLate,
    /// What it takes back leaves no trace.
    TookBack,
    /// It shows that an earlier event was wrong: a watch that ended after its skip was counted, or an impression
    /// of something that was acted upon. The earlier one leaves no trace.
    Corrected,
    /// An impression of something that was acted upon already: it has no effect.
    ActedUpon,
    /// An event with this id was applied before: it has no effect.
    Duplicate,
    /// Its kind is unknown to this version: it is to be forwarded, and has no effect here.
    UnknownKind,
}

impl Applied {
    /// The stable word for it, the same in every language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "applied",
            Self::Late => "late",
            Self::TooLate => "too_late",
            Self::TookBack => "took_back",
            Self::Corrected => "corrected",
            Self::ActedUpon => "acted_upon",
            Self::Duplicate => "duplicate_event",
            Self::UnknownKind => "unknown_kind",
        }
    }

    /// Whether the session is another one after it.
    #[must_use]
    pub fn is_applied(self) -> bool {
        !matches!(self, Self::ActedUpon | Self::Duplicate | Self::UnknownKind)
    }
}

impl State {
    /// Applies one event; `candidate` is the item as the pack describes it, if it does.
    ///
    /// # Errors
    /// `event_invalid` when a field is missing or exceeds its limit; the state then stays as it was.
    pub fn apply(
        &mut self,
        event: &Event,
        candidate: Option<&Candidate>,
        feedback: &Feedback,
    ) -> Result<Applied> {
        event.check()?;
        if !self.seen_ids.insert(&event.event_id) {
            return Ok(Applied::Duplicate);
        }
        if matches!(event.kind, EventKind::Custom(_)) {
            return Ok(Applied::UnknownKind);
        }
        let place = self.place(event.time_ms);
        let late = place < self.window.len();
        if event.kind == EventKind::Impression {
            return Ok(match self.note_impression(event, late) {
                true => Applied::Yes,
                false => Applied::ActedUpon,
            });
        }
        self.applied = self.applied.saturating_add(1);
        let remembered = Remembered::of(event, candidate, feedback);
        let corrected = self.note(event, &remembered, late, feedback.not_interested_similarity);
        Ok(match self.remember(remembered, place) {
            Applied::Yes if corrected => Applied::Corrected,
            applied => applied,
        })
    }
}

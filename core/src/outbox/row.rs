//! One waiting event: the bytes to send, its place in the order, and what it is worth when room runs out.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::limits;
use crate::session::{Event, EventKind};

/// What an event is worth when the queue is full; the least goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// Impressions, progress and seeks: many, and each says little.
    Passing,
    /// What was played, skipped, opened or searched, and kinds of the host's own.
    Ordinary,
    /// What the person decided: likes, refusals, ratings, saves, follows, purchases. Never dropped.
    Lasting,
}

impl Worth {
    /// The worth of a kind of event.
    #[must_use]
    pub fn of(kind: &EventKind) -> Self {
        use EventKind as Kind;
        match kind {
            Kind::Impression | Kind::Progress | Kind::Seek => Self::Passing,
            Kind::Play | Kind::Complete | Kind::Skip | Kind::Stop | Kind::Click => Self::Ordinary,
            Kind::Search | Kind::Replay | Kind::Custom(_) => Self::Ordinary,
            _ => Self::Lasting,
        }
    }

    /// The stable word: `"lasting"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Ordinary => "ordinary",
            Self::Lasting => "lasting",
        }
    }

    /// The worth of a [`Worth::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Passing, Self::Ordinary, Self::Lasting].into_iter().find(|worth| worth.name() == name)
    }
}

/// One waiting event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its place in the order; unique in its store, later ones are greater.
    pub sequence: u64,
    /// What it is worth when room runs out.
    pub worth: Worth,
    /// The event as it is sent: one JSON object.
    pub json: String,
}

impl Row {
    /// The row of `event` at the place `sequence`.
    ///
    /// # Errors
    /// `event_invalid` without an id or kind, by which alone an event sent twice counts once; `too_large` above
    /// [`limits::OUTBOX_EVENT_BYTES`].
    pub fn of(event: &Event, sequence: u64) -> Result<Self> {
        if event.event_id.is_empty() || event.kind.name().is_empty() {
            return Err(Error::new(Code::EventInvalid, "an event without an id or kind."));
        }
        let json = serde_json::to_string(event)
            .map_err(|error| Error::new(Code::EventInvalid, format!("{error}.")))?;
        if json.len() > limits::OUTBOX_EVENT_BYTES {
            let detail = format!("an event of {} bytes, at most {}.", json.len(), limits::OUTBOX_EVENT_BYTES);
            return Err(Error::new(Code::TooLarge, detail));
        }
        Ok(Self { sequence, worth: Worth::of(&event.kind), json })
    }

    /// The event's id, where its JSON has one.
    #[must_use]
    pub fn event_id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            event_id: String,
        }
        serde_json::from_str(&self.json).ok().map(|Named { event_id }| event_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_kind_has_a_worth_and_decisions_are_lasting() {
        for kind in EventKind::KNOWN {
            let worth = Worth::of(&kind);
            assert_eq!(Worth::from_name(worth.name()), Some(worth));
        }
        for kind in [EventKind::Like, EventKind::Unlike, EventKind::Purchase, EventKind::NotInterested] {
            assert_eq!(Worth::of(&kind), Worth::Lasting);
        }
        assert_eq!(Worth::of(&EventKind::Impression), Worth::Passing);
        assert_eq!(Worth::of(&EventKind::Custom("x_cheer".into())), Worth::Ordinary);
    }

    #[test]
    fn an_event_without_an_id_or_of_unreasonable_size_is_refused() {
        let nameless = Event::new("", "t1", EventKind::Like, 1);
        assert_eq!(Row::of(&nameless, 1).unwrap_err().code(), Code::EventInvalid);
        let mut large = Event::new("e1", "t1", EventKind::Like, 1);
        large.candidates = vec!["c".repeat(100); 500];
        assert_eq!(Row::of(&large, 1).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn a_row_is_the_event_and_names_it() {
        let event = Event::new("e1", "t1", EventKind::Like, 1);
        let row = Row::of(&event, 4).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&row.json).unwrap(), event);
        assert_eq!(row.event_id().as_deref(), Some("e1"));
    }
}

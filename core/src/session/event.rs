//! What happened: the one record hosts hand to the engine and post to the cloud.
//!
//! The field names are the columns of `docs/EVENTS.md`; the same object is
//! applied to the session, kept in the outbox and sent to `POST /api/v1/events`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the person (or the player) did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The item was shown and not acted upon.
    Impression,
    /// Playback began.
    Play,
    /// Playback reached `played_ms`.
    Progress,
    /// Played through to the end.
    Complete,
    /// Left for the next item after `played_ms`.
    Skip,
    /// Playback was stopped or paused; never a skip.
    Stop,
    /// Liked.
    Like,
    /// A like was taken back.
    Unlike,
    /// Disliked.
    Dislike,
    /// Rated with `value` in 0..=5.
    Rating,
    /// "Not for me": the item and its near neighbours should go; with `context["scope"]` `creator` or `category`,
    /// everything of that creator or category.
    NotInterested,
    /// Saved for later.
    Save,
    /// Added to a playlist or library.
    AddToCollection,
    /// Shared with someone.
    Share,
    /// The creator was followed.
    Follow,
    /// The creator was unfollowed.
    Unfollow,
    /// Put into the shopping cart.
    AddToCart,
    /// Bought, for `value` in the shop's currency.
    Purchase,
    /// Opened.
    Click,
    /// Searched; `context["query"]` may hold the words.
    Search,
    /// Played again.
    Replay,
    /// Jumped within the item.
    Seek,
    /// A dislike or "not interested" was taken back; `context["scope"]` as there.
    Restore,
    /// A kind this version does not know; kept, forwarded, and without effect on the ranking.
    #[serde(untagged)]
    Custom(String),
}

impl EventKind {
    /// Every kind the engine knows, in the order used by the feature schema.
    pub const KNOWN: [Self; 23] = [
        Self::Impression,
        Self::Play,
        Self::Progress,
        Self::Complete,
        Self::Skip,
        Self::Stop,
        Self::Like,
        Self::Unlike,
        Self::Dislike,
        Self::Rating,
        Self::NotInterested,
        Self::Save,
        Self::AddToCollection,
        Self::Share,
        Self::Follow,
        Self::Unfollow,
        Self::AddToCart,
        Self::Purchase,
        Self::Click,
        Self::Search,
        Self::Replay,
        Self::Seek,
        Self::Restore,
    ];

    /// The kind's name as written in every format: `"not_interested"`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Impression => "impression",
            Self::Play => "play",
            Self::Progress => "progress",
            Self::Complete => "complete",
            Self::Skip => "skip",
            Self::Stop => "stop",
            Self::Like => "like",
            Self::Unlike => "unlike",
            Self::Dislike => "dislike",
            Self::Rating => "rating",
            Self::NotInterested => "not_interested",
            Self::Save => "save",
            Self::AddToCollection => "add_to_collection",
            Self::Share => "share",
            Self::Follow => "follow",
            Self::Unfollow => "unfollow",
            Self::AddToCart => "add_to_cart",
            Self::Purchase => "purchase",
            Self::Click => "click",
            Self::Search => "search",
            Self::Replay => "replay",
            Self::Seek => "seek",
            Self::Restore => "restore",
            Self::Custom(name) => name,
        }
    }
}

/// One thing that happened, in the columns of `docs/EVENTS.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Unique id made by the host; a second event with the same id has no effect.
    pub event_id: String,
    /// Who did it; empty for anonymous people.
    #[serde(default)]
    pub user: String,
    /// The session it belongs to.
    #[serde(default)]
    pub session: String,
    /// The item it is about; empty where there is none (a search).
    #[serde(default)]
    pub item: String,
    /// What happened.
    pub kind: EventKind,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
    /// Place in the slate it was shown at, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// The slate (shown list) it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slate: Option<String>,
    /// How much was played, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub played_ms: Option<u64>,
    /// The item's whole length, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Rating, price paid or another amount the kind calls for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Circumstances: `surface`, `region`, `device`, `network`, `local_hour`, `weekday`, ...; and whom the event is
    /// about beside the item: `scope`, `creator`, `category`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// What could have been shown instead (only in logged data).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
}

impl Event {
    /// An event with only the required fields; set the others directly.
    #[must_use]
    pub fn new(event_id: impl Into<String>, item: impl Into<String>, kind: EventKind, time_ms: i64) -> Self {
        Self {
            event_id: event_id.into(),
            user: String::new(),
            session: String::new(),
            item: item.into(),
            kind,
            time_ms,
            position: None,
            slate: None,
            played_ms: None,
            total_ms: None,
            value: None,
            context: BTreeMap::new(),
            candidates: Vec::new(),
        }
    }

    /// Whether it names what its kind is about: an item, or the creator or category of a wider scope.
    #[must_use]
    pub fn has_subject(&self) -> bool {
        let named = |name: &str| self.context.get(name).is_some_and(|text| !text.is_empty());
        match self.kind {
            EventKind::Search | EventKind::Custom(_) => true,
            _ if !self.item.is_empty() => true,
            EventKind::Follow | EventKind::Unfollow => named("creator"),
            EventKind::NotInterested | EventKind::Restore => {
                self.context.get("scope").is_some_and(|scope| named(scope))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_survives_a_round_trip() {
        let event: Event =
            serde_json::from_str(r#"{"event_id":"1","item":"a","kind":"x_cheer","time_ms":5}"#).unwrap();
        assert_eq!(event.kind, EventKind::Custom("x_cheer".into()));
        assert!(serde_json::to_string(&event).unwrap().contains(r#""kind":"x_cheer""#));
    }

    #[test]
    fn every_known_kind_is_written_by_its_name() {
        for kind in EventKind::KNOWN {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }
}

//! What became of something that was shown.

use std::collections::HashSet;

use crate::catalog::{Event, EventKind};
use crate::evaluate::LabelRules;
use crate::events::Arrival;
use crate::examples::outcomes_of_events;
use crate::examples::window::{self, Shown, Who, who};

/// A place of a list that somebody saw.
type Sight<'a> = (Who<'a>, &'a str, &'a str);

/// The place that the event tells of; none where it tells of no list.
fn sight(event: &Event) -> Option<Sight<'_>> {
    let is_shown = event.kind == EventKind::Impression || event.slate.is_some() || event.position.is_some();
    let slate = event.slate.as_deref().unwrap_or_default();
    (is_shown && !event.item.is_empty()).then(|| (who(event), slate, event.item.as_str()))
}

/// The first event about each place of a list among `hour`, but for places that `earlier` events told of.
pub(super) fn sights<'a>(
    earlier: impl Iterator<Item = &'a Arrival>,
    hour: impl Iterator<Item = &'a Arrival>,
) -> Vec<&'a Arrival> {
    let mut known: HashSet<Sight<'_>> = earlier.filter_map(|arrival| sight(&arrival.event)).collect();
    hour.filter(|arrival| sight(&arrival.event).is_some_and(|sight| known.insert(sight))).collect()
}

/// What is known of one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// Of the heads `complete`, `skip`, `like`: 1 or 0, or absent where nothing says it.
    pub(super) outcome: Option<[f32; 3]>,
    /// What followed, in words, in order.
    pub(super) kinds: String,
    /// When the first of it happened.
    pub(super) first_ms: Option<i64>,
    /// The most that was played.
    pub(super) played_ms: Option<u64>,
    /// The last rating or price.
    pub(super) value: Option<f64>,
}

/// Events about items, by who did it.
pub(super) struct Followed<'a>(window::Followed<'a>);

impl<'a> Followed<'a> {
    pub(super) fn new(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        Self(window::Followed::new(arrivals.map(|arrival| &arrival.event)))
    }

    /// What followed within the label window from the same list, or without a word of any list; `rules` judge it.
    pub(super) fn label(&self, shown: &Event, rules: &LabelRules) -> Label {
        let events = self.0.of(Shown::of(shown));
        let outcome = outcomes_of_events(events.iter().map(|event| (event.item.as_str(), *event)), rules);
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
        Label {
            outcome: outcome.get(shown.item.as_str()).copied(),
            kinds: kinds.join(","),
            first_ms: events.first().map(|event| event.time_ms),
            played_ms: events.iter().filter_map(|event| event.played_ms).max(),
            value: events.iter().rev().find_map(|event| event.value),
        }
    }
}

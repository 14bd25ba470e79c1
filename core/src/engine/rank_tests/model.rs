//! What a person decided, told again without the session's tables: who may never be shown.

use crate::pack::Candidate;
use crate::session::{Event, EventKind};

/// The decisions in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Decisions(Vec<Event>);

impl Decisions {
    pub(super) fn note(&mut self, event: &Event) {
        self.0.push(event.clone());
    }

    /// Whether `one` was refused: itself, its creator, one of its categories, or something closer to it than `near`.
    pub(super) fn forbid(&self, one: &Candidate, all: &[Candidate], near: f32) -> bool {
        let by_creator = |event: &Event| event.context.get("creator") == Some(&one.creator);
        let by_category =
            |event: &Event| event.context.get("category").is_some_and(|name| one.categories.contains(name));
        self.refused(|event| scope(event) == "item" && event.item == one.item)
            || self.refused(|event| scope(event) == "creator" && by_creator(event))
            || self.refused(|event| scope(event) == "category" && by_category(event))
            || all.iter().any(|other| self.spreads_to(other, one, near))
    }

    /// Whether the newest of these decisions is a refusal.
    fn refused(&self, about: impl Fn(&Event) -> bool) -> bool {
        let newest = self.0.iter().rev().find(|event| about(event));
        newest.is_some_and(|event| matches!(event.kind, EventKind::Dislike | EventKind::NotInterested))
    }

    /// Whether no interest in `other` takes `one` with it, of which nothing was said since.
    fn spreads_to(&self, other: &Candidate, one: &Candidate, near: f32) -> bool {
        let newest = |item: &str| {
            let about = |(_, event): &(usize, &Event)| scope(event) == "item" && event.item == item;
            self.0.iter().enumerate().rev().find(about)
        };
        let Some((at, _)) = newest(&other.item).filter(|(_, event)| event.kind == EventKind::NotInterested)
        else {
            return false;
        };
        let spared =
            newest(&one.item).is_some_and(|(said, event)| said >= at || event.kind == EventKind::Like);
        let cosine: f64 = one
            .vector
            .iter()
            .zip(&other.vector)
            .map(|(one, other)| f64::from(*one) * f64::from(*other))
            .sum();
        !spared && cosine > f64::from(near)
    }
}

fn scope(event: &Event) -> &str {
    event.context.get("scope").map_or("item", String::as_str)
}

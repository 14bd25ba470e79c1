//! Whom an event is about: an item as the pack describes it, a creator or a category.

use serde::{Deserialize, Serialize};

use super::opinion::Opinion;
use super::{Event, EventKind};
use crate::pack::Candidate;

/// How far an opinion reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Scope {
    #[default]
    Item,
    Creator,
    Category,
}

/// What the event says something about.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) scope: Scope,
    /// Empty when the pack does not hold the item, or when the event is about more than the item.
    pub(super) vector: Vec<f32>,
    pub(super) creator: String,
    pub(super) categories: Vec<String>,
}

/// Whom an opinion is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The event's item.
    Item,
    /// Everything of this creator.
    Creator(String),
    /// Everything of this category.
    Category(String),
}

impl Event {
    /// Whom the event bars (`true`: never show it again) or lets back in (`false`), `None` where it does neither.
    ///
    /// `creator` and `categories` are those of its item, empty where they are not known. What a session does with an
    /// event and what a service makes of a log of events both follow from this.
    #[must_use]
    pub fn bars(&self, creator: &str, categories: &[String]) -> Option<(About, bool)> {
        let about = about(self, creator, categories);
        let opinion = Opinion::of(&self.kind);
        let decides = about != About::Item || opinion.decides_item();
        opinion.barred.filter(|_| decides).map(|barred| (about, barred))
    }
}

/// A wider scope than the item needs a name: from the context, else from the item. Without one, and with a scope this
/// version does not know, the event is about its item alone.
fn about(event: &Event, creator: &str, categories: &[String]) -> About {
    let named = |name: &str| event.context.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let creator = || named("creator").or(Some(creator)).filter(|text| !text.is_empty());
    let category = || named("category").or(categories.first().map(String::as_str));
    let scoped = matches!(event.kind, EventKind::NotInterested | EventKind::Restore);
    let about_creator = matches!(event.kind, EventKind::Follow | EventKind::Unfollow);
    match event.context.get("scope").map(String::as_str) {
        _ if about_creator => creator().map_or(About::Item, |name| About::Creator(name.to_owned())),
        Some("creator") if scoped => creator().map_or(About::Item, |name| About::Creator(name.to_owned())),
        Some("category") if scoped => category().map_or(About::Item, |name| About::Category(name.to_owned())),
        _ => About::Item,
    }
}

impl Subject {
    pub(super) fn of(event: &Event, candidate: Option<&Candidate>) -> Self {
        let (creator, categories) =
            candidate.map_or(("", &[][..]), |one| (one.creator.as_str(), one.categories.as_slice()));
        match about(event, creator, categories) {
            About::Creator(creator) => Self { scope: Scope::Creator, creator, ..Self::default() },
            About::Category(name) => {
                Self { scope: Scope::Category, categories: vec![name], ..Self::default() }
            }
            About::Item => candidate.map(Self::item).unwrap_or_default(),
        }
    }

    fn item(candidate: &Candidate) -> Self {
        Self {
            scope: Scope::Item,
            vector: candidate.vector.clone(),
            creator: candidate.creator.clone(),
            categories: candidate.categories.clone(),
        }
    }
}

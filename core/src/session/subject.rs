//! Whom an event is about: an item as the pack describes it, a creator or a category.

use serde::{Deserialize, Serialize};

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

impl Subject {
    /// A wider scope than the item needs a name: from the context, else from the candidate. Without one, and with a
    /// scope this version does not know, the event is about its item alone.
    pub(super) fn of(event: &Event, candidate: Option<&Candidate>) -> Self {
        let named = |name: &str| event.context.get(name).filter(|text| !text.is_empty()).cloned();
        let creator = || {
            named("creator").or_else(|| candidate.map(|one| one.creator.clone()).filter(|it| !it.is_empty()))
        };
        let category =
            || named("category").or_else(|| candidate.and_then(|one| one.categories.first().cloned()));
        let item = || candidate.map(Self::item).unwrap_or_default();
        let scoped = matches!(event.kind, EventKind::NotInterested | EventKind::Restore);
        let about_creator = matches!(event.kind, EventKind::Follow | EventKind::Unfollow);
        match event.context.get("scope").map(String::as_str) {
            _ if about_creator => creator().map_or_else(item, Self::creator),
            Some("creator") if scoped => creator().map_or_else(item, Self::creator),
            Some("category") if scoped => category().map_or_else(item, Self::category),
            _ => item(),
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

    fn creator(creator: String) -> Self {
        Self { scope: Scope::Creator, creator, ..Self::default() }
    }

    fn category(category: String) -> Self {
        Self { scope: Scope::Category, categories: vec![category], ..Self::default() }
    }
}

//! What the engine remembers: bounded, and updated at a cost that does not grow with the session.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Remembered;
use super::facts::ItemFacts;
use super::plays::Plays;
use super::refused::Refused;
use super::seen::SeenIds;
use super::table::Table;
use super::taste::Taste;
use crate::features::normalise;
use crate::limits;
use crate::pack::VerifiedPack;

/// The session's state after its last event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// In the order in which they happened, newest last.
    pub(super) window: VecDeque<Remembered>,
    pub(super) seen_ids: SeenIds,
    pub(super) taste: Taste,
    pub(super) items: Table<ItemFacts, { limits::SESSION_ITEMS }>,
    /// Items the person does not want to see the like of.
    pub(super) refused: VecDeque<Refused>,
    pub(super) plays: Plays,
    /// Which vectors can be compared with those in here; empty before the first pack.
    pub(super) space: String,
    /// Events applied so far; what was merely shown is none.
    pub(super) applied: u64,
}

impl State {
    /// Events remembered with their features, oldest first; what was taken back is not among them.
    pub fn remembered(&self) -> impl DoubleEndedIterator<Item = &Remembered> + '_ {
        self.window.iter().filter(|event| event.is_shown())
    }

    /// Number of events applied so far. Impressions are not among them: being shown is not the person's doing.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether nothing has been said about taste yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taste.now.told == 0
    }

    /// Direction of what was liked lately, unit length; zeros before the first positive event.
    #[must_use]
    pub fn interest(&self) -> Vec<f32> {
        unit(&self.taste.now.interest)
    }

    /// Direction of what was liked among the remembered events, each counting the same; unit length, empty before the first.
    #[must_use]
    pub fn lasting_interest(&self) -> Vec<f32> {
        let mut sum: Vec<f32> = Vec::new();
        for event in self.remembered().filter(|event| event.strength > 0.0 && !event.vector.is_empty()) {
            sum.resize(event.vector.len(), 0.0);
            sum.iter_mut().zip(&event.vector).for_each(|(sum, value)| *sum += value);
        }
        normalise(&mut sum);
        sum
    }

    /// Direction of what was refused lately, unit length; zeros before the first negative event.
    #[must_use]
    pub fn aversion(&self) -> Vec<f32> {
        unit(&self.taste.now.aversion)
    }

    /// Decayed sum of event strengths on this creator's items.
    #[must_use]
    pub fn creator_affinity(&self, creator: &str) -> f32 {
        self.taste.creators.get(creator).map_or(0.0, |standing| standing.now.sum.at(self.taste.now.age))
    }

    /// Mean of the decayed sums over these categories.
    #[must_use]
    pub fn category_affinity(&self, categories: &[String]) -> f32 {
        let sum = |category: &String| {
            self.taste
                .categories
                .get(category)
                .map_or(0.0, |standing| standing.now.sum.at(self.taste.now.age))
        };
        categories.iter().map(sum).sum::<f32>() / categories.len().max(1) as f32
    }

    /// What is known of the item; `None` when nothing happened to it. One look-up for everything about it.
    #[must_use]
    pub fn item(&self, item: &str) -> Option<&ItemFacts> {
        self.items.get(item)
    }

    /// How often the item was shown without being acted upon.
    #[must_use]
    pub fn impressions(&self, item: &str) -> u32 {
        self.item(item).map_or(0, ItemFacts::impressions)
    }

    /// What is known of the candidates that something happened to, with their places in the pack: one pass over both,
    /// as both are in the order of their ids.
    pub(crate) fn met(&self, pack: &VerifiedPack) -> impl Iterator<Item = (usize, &ItemFacts)> {
        let mut known = self.items.by_name().peekable();
        pack.by_item().filter_map(move |(item, place)| {
            while known.next_if(|(other, _)| *other < item).is_some() {}
            known.next_if(|(other, _)| *other == item).map(|(_, facts)| (place, facts))
        })
    }

    /// Whether the item was played through, skipped or bought in this session.
    #[must_use]
    pub fn is_played(&self, item: &str) -> bool {
        self.item(item).is_some_and(ItemFacts::is_played)
    }

    /// When the item was last played through, skipped, played again or bought, in milliseconds since 1970.
    #[must_use]
    pub fn last_seen_ms(&self, item: &str) -> Option<i64> {
        self.item(item).and_then(ItemFacts::last_seen_ms)
    }

    /// Whether the person said never to show the item again, or one that it is near to.
    #[must_use]
    pub fn is_barred(&self, item: &str) -> bool {
        self.item(item).is_some_and(ItemFacts::is_barred)
    }

    /// Whether the person wants nothing of this creator.
    #[must_use]
    pub fn is_creator_barred(&self, creator: &str) -> bool {
        self.taste.creators.get(creator).is_some_and(|standing| standing.barred)
    }

    /// Whether the person wants nothing of this category.
    #[must_use]
    pub fn is_category_barred(&self, category: &str) -> bool {
        self.taste.categories.get(category).is_some_and(|standing| standing.barred)
    }

    /// The creators the person wants nothing of.
    pub fn barred_creators(&self) -> impl Iterator<Item = &str> {
        self.taste.creators.barred()
    }

    /// The categories the person wants nothing of.
    pub fn barred_categories(&self) -> impl Iterator<Item = &str> {
        self.taste.categories.barred()
    }

    /// Whether the person follows the creator since an event of this session.
    #[must_use]
    pub fn is_followed(&self, creator: &str) -> bool {
        self.taste.creators.get(creator).is_some_and(|standing| standing.followed)
    }

    /// Whether the item is liked now.
    #[must_use]
    pub fn is_liked(&self, item: &str) -> bool {
        self.item(item).is_some_and(ItemFacts::is_liked)
    }

    /// Share of remembered events that spoke against their item, 0 to 1.
    #[must_use]
    pub fn negative_share(&self) -> f32 {
        let negative = self.remembered().filter(|event| event.strength < 0.0).count();
        negative as f32 / self.remembered().count().max(1) as f32
    }
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let mut unit = vector.to_vec();
    normalise(&mut unit);
    unit
}

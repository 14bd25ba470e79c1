//! What the engine remembers: bounded, and updated at a cost that does not grow with the session.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::EventKind;
use crate::features::normalise;

/// The session's state after its last event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Newest last.
    pub(super) remembered: VecDeque<Remembered>,
    /// Ids of applied events, newest last, to recognise duplicates.
    pub(super) event_ids: VecDeque<String>,
    /// Decayed sums of liked and disliked vectors.
    pub(super) interest: Vec<f32>,
    pub(super) aversion: Vec<f32>,
    pub(super) creators: BTreeMap<String, Decayed>,
    pub(super) categories: BTreeMap<String, Decayed>,
    pub(super) items: BTreeMap<String, ItemFacts>,
    /// Vectors of items the person does not want to see the like of.
    pub(super) refused: VecDeque<Vec<f32>>,
    /// Events that said something about taste so far: the clock that decay runs on.
    pub(super) ticks: u64,
    pub(super) decay: f32,
    /// Events applied so far.
    pub(super) applied: u64,
}

/// One event with what its features need later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// The event's id.
    pub event_id: String,
    /// The item it was about.
    pub item: String,
    /// What happened.
    pub kind: EventKind,
    /// What it says about taste, by the policy: above 0 for, below 0 against.
    pub strength: f32,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// How much was played, in milliseconds.
    pub played_ms: Option<u64>,
    /// The item's whole length, in milliseconds.
    pub total_ms: Option<u64>,
    /// Place in the slate it was shown at.
    pub position: Option<u32>,
    /// The item's vector, empty when the pack did not hold the item.
    pub vector: Vec<f32>,
}

/// A sum that loses weight with each later event; kept with the tick it was last touched at.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Decayed {
    pub(super) value: f32,
    pub(super) tick: u64,
}

/// What is known of one item in this session.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ItemFacts {
    pub(super) played: bool,
    pub(super) barred: bool,
    pub(super) liked: bool,
    pub(super) impressions: u32,
}

impl Decayed {
    pub(super) fn at(self, tick: u64, decay: f32) -> f32 {
        self.value * libm::powf(decay, tick.saturating_sub(self.tick) as f32)
    }
}

impl State {
    /// Events remembered with their features, oldest first.
    pub fn remembered(&self) -> impl DoubleEndedIterator<Item = &Remembered> + '_ {
        self.remembered.iter()
    }

    /// Number of events applied so far.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether nothing has been said about taste yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticks == 0
    }

    /// Direction of what was liked lately, unit length; zeros before the first positive event.
    #[must_use]
    pub fn interest(&self) -> Vec<f32> {
        unit(&self.interest)
    }

    /// Direction of what was refused lately, unit length; zeros before the first negative event.
    #[must_use]
    pub fn aversion(&self) -> Vec<f32> {
        unit(&self.aversion)
    }

    /// Decayed sum of event strengths on this creator's items.
    #[must_use]
    pub fn creator_affinity(&self, creator: &str) -> f32 {
        self.creators.get(creator).map_or(0.0, |sum| sum.at(self.ticks, self.decay))
    }

    /// Mean of the decayed sums over these categories.
    #[must_use]
    pub fn category_affinity(&self, categories: &[String]) -> f32 {
        if categories.is_empty() {
            return 0.0;
        }
        let sum = |category: &String| {
            self.categories.get(category).map_or(0.0, |sum| sum.at(self.ticks, self.decay))
        };
        categories.iter().map(sum).sum::<f32>() / categories.len() as f32
    }

    /// How often the item was shown without being acted upon.
    #[must_use]
    pub fn impressions(&self, item: &str) -> u32 {
        self.items.get(item).map_or(0, |facts| facts.impressions)
    }

    /// Items that were shown without being acted upon, by id, with how often.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, u32)> + '_ {
        let shown = self.items.iter().filter(|(_, facts)| facts.impressions > 0);
        shown.map(|(item, facts)| (item.as_str(), facts.impressions))
    }

    /// Whether the item was played through, skipped or bought in this session.
    #[must_use]
    pub fn is_played(&self, item: &str) -> bool {
        self.items.get(item).is_some_and(|facts| facts.played)
    }

    /// Whether the person said never to show the item again.
    #[must_use]
    pub fn is_barred(&self, item: &str) -> bool {
        self.items.get(item).is_some_and(|facts| facts.barred)
    }

    /// Whether the item is liked now.
    #[must_use]
    pub fn is_liked(&self, item: &str) -> bool {
        self.items.get(item).is_some_and(|facts| facts.liked)
    }

    /// Share of remembered events that spoke against their item, 0 to 1.
    #[must_use]
    pub fn negative_share(&self) -> f32 {
        let negative = self.remembered.iter().filter(|event| event.strength < 0.0).count();
        negative as f32 / self.remembered.len().max(1) as f32
    }

    pub(crate) fn refused_vectors(&self) -> &VecDeque<Vec<f32>> {
        &self.refused
    }
}

fn unit(vector: &[f32]) -> Vec<f32> {
    let mut unit = vector.to_vec();
    normalise(&mut unit);
    unit
}

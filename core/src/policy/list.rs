//! What a policy says about the list as a whole: search, diversity, caps, pins, exploration, variety.

use serde::{Deserialize, Serialize};

/// How the list is put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListRules {
    /// The list is what plays next, as on a radio: what was played in this session stands above its first place, for caps
    /// that look at neighbours, and counts as places for exploration.
    #[serde(default)]
    pub queue: bool,
    /// How lists are searched for.
    #[serde(default)]
    pub search: Search,
    /// Weight of being unlike the places above, 0 (utility alone) to 1: maximal marginal relevance
    /// (Carbonell and Goldstein, SIGIR 1998).
    #[serde(default)]
    pub diversity: f32,
    /// Weight of keeping to the categories of the person's profile, 0 (off) to 10: what a place takes away from the
    /// Kullback-Leibler divergence of the list from the profile (Steck, RecSys 2018).
    #[serde(default)]
    pub calibration: f32,
    /// What young items get on top.
    #[serde(default)]
    pub fresh: Fresh,
    /// What popular items lose.
    #[serde(default)]
    pub popularity: Popularity,
    /// How often one creator may come.
    #[serde(default)]
    pub creator: Caps,
    /// How often one first category may come.
    #[serde(default)]
    pub category: Caps,
    /// Places that are given away before all others.
    #[serde(default)]
    pub pins: Vec<Pin>,
}

/// Adaptive beam search over the discounted list reward (Kuaishou, CIKM 2022, arXiv 2208.09577): the sum over places of
/// P(the person gets that far) times the value of the place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    /// Lists kept side by side, 1 (greedy) to 16.
    pub beams: u32,
    /// The beams are halved after a place where the least reward is at least this share of the largest, above 0 to 1.
    pub settled: f32,
    /// P(the person goes on after a place), above 0 to 1, where `continue_head` is absent or not a head of the ranker.
    #[serde(rename = "continue")]
    pub goes_on: f32,
    /// The head of the ranker that is P(the person goes on after this item).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_head: Option<String>,
}

impl Default for Search {
    fn default() -> Self {
        Self { beams: 1, settled: 0.95, goes_on: 1.0, continue_head: None }
    }
}

/// What young items get on top of their relevance (0 to 1 within a list).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Fresh {
    /// Added to the relevance of young items, 0 to 1.
    pub boost: f32,
    /// Up to which age, in hours, by the pack's column `age_days`; 48 unless stated.
    pub hours: f32,
}

impl Default for Fresh {
    fn default() -> Self {
        Self { boost: 0.0, hours: 48.0 }
    }
}

/// What popular items lose of their relevance (0 to 1 within a list).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Popularity {
    /// Taken away per unit of the pack's column `popularity_rank` above `above`, 0 to 1.
    pub penalty: f32,
    /// The rank from which on it counts, 0 to 1.
    pub above: f32,
}

/// How often one creator, or one category, may come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Most in a row; 0 turns it off.
    pub in_a_row: u32,
    /// Largest share of the list, above 0 to 1; at least one place.
    pub share: f32,
    /// Places that must lie between two of them.
    pub spacing: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { in_a_row: 0, share: 1.0, spacing: 0 }
    }
}

/// A place that is given away before all others: to one item, or to the best of a source. One of both is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The place, from 0.
    pub place: u32,
    /// This item, if it is in the pack and may be shown. Caps give way to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The best item whose pack column of this name is above 0, within the caps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How much of a list tries what is little known, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exploration {
    /// Share of places by how many interactions the person has; the first step that covers them counts.
    pub share: Vec<ShareStep>,
    /// How an item is chosen for such a place.
    pub method: Method,
    /// Whose posterior is looked at.
    #[serde(default)]
    pub arms: ArmsOf,
}

/// People with up to some interactions have this share of exploration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareStep {
    /// Fewer interactions than this; absent in the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    /// Share of the places, 0 to 0.5.
    pub share: f32,
}

/// How an item is chosen for a place of exploration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// With the probability that it is the best (Thompson, Biometrika 1933; Chapelle and Li, NIPS 2011).
    Thompson,
    /// The one with the best mean, or with probability `epsilon` any.
    EpsilonGreedy {
        /// Above 0 to 1.
        epsilon: f32,
    },
    /// The one with the highest upper bound, mean + sqrt(`width` ln(all trials) / its trials) (Auer and others, Machine
    /// Learning 2002); nothing is drawn.
    Ucb {
        /// Above 0 to 10; 2 is UCB1.
        width: f32,
    },
}

/// Whose posterior exploration looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ArmsOf {
    /// Each item's own.
    #[default]
    Item,
    /// That of all items of its first category together; within a category each item is equally likely.
    Category,
}

/// Chance among the first places, so that a screen seen often is not always the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Variety {
    /// How much chance, in units of relevance (0 to 1 within a list): the temperature of a softmax, 0 (off) to 1.
    pub temperature: f32,
    /// Places it applies to, from the first, 1 to 50.
    pub places: u32,
}

impl ListRules {
    /// No rule at all: for packs whose policy was refused.
    pub(crate) fn none() -> Self {
        Self {
            queue: false,
            search: Search::default(),
            diversity: 0.0,
            calibration: 0.0,
            fresh: Fresh::default(),
            popularity: Popularity::default(),
            creator: Caps::default(),
            category: Caps::default(),
            pins: Vec::new(),
        }
    }
}

impl Exploration {
    /// The share of places for a person with so many interactions.
    pub(crate) fn share_at(&self, interactions: u64) -> f32 {
        let covers = |step: &&ShareStep| step.below.is_none_or(|below| interactions < below);
        self.share.iter().find(covers).map_or(0.0, |step| step.share)
    }
}

//! What a policy says about one item at a time: whether it may come again, what an event means, what a head is worth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether and when an item may come again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// Never again.
    Never,
    /// Not within so many days.
    Window {
        /// Days since the last time.
        days: u32,
    },
    /// Again in a later session, but not within this one.
    Session,
    /// Again when the person is no longer tired of it: not while the number of plays, halved every `half_life_hours`
    /// since the last one, is above `most`.
    Fatigue {
        /// Hours in which the weariness falls by half, above 0 to 8,760.
        half_life_hours: f32,
        /// Above 0 to 10: with 0.5, one play tires for one half-life, two for two.
        most: f32,
    },
}

/// What each event says about taste: above 0 for, below 0 against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// What is left of an event's weight after each later one; above 0, at most 1.
    pub decay: f32,
    /// Strength by event kind, -5 to 5; kinds not named say nothing.
    pub strengths: BTreeMap<String, f32>,
    /// Strength of a skip by how much was played; the first step that covers it counts.
    pub skip: Vec<SkipStep>,
    /// After "not interested", candidates whose vectors are closer than this cosine go too; 1 or more turns it off.
    pub not_interested_similarity: f32,
}

/// Skips up to some played time have this strength.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SkipStep {
    /// Played less than this, in milliseconds; absent in the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_ms: Option<u64>,
    /// Strength, -5 to 5.
    pub strength: f32,
}

/// One term of the utility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// A head of the ranker, by the schema's name.
    pub head: String,
    /// Its weight.
    pub weight: f32,
    /// Applied to the head's value first.
    #[serde(default)]
    pub function: Function,
}

/// Applied to a head's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// The value itself.
    #[default]
    Identity,
    /// Natural logarithm of one plus the value: for amounts such as watch seconds.
    LogOnePlus,
    /// Logarithm of the odds of a probability.
    Logit,
}

impl Feedback {
    /// Feedback that says nothing about taste; played and barred items are noted all the same.
    pub(crate) fn neutral() -> Self {
        Self { decay: 1.0, strengths: BTreeMap::new(), skip: Vec::new(), not_interested_similarity: 2.0 }
    }

    /// What the event says: above 0 for, below 0 against, 0 nothing.
    #[must_use]
    pub fn strength(&self, kind: &crate::session::EventKind, played_ms: Option<u64>) -> f32 {
        use crate::session::EventKind;
        if *kind != EventKind::Skip {
            return self.strengths.get(kind.name()).copied().unwrap_or(0.0);
        }
        let played = played_ms.unwrap_or(0);
        let covers = |step: &&SkipStep| step.below_ms.is_none_or(|below| played < below);
        self.skip.iter().find(covers).map_or(0.0, |step| step.strength)
    }
}

impl Function {
    /// The function's value.
    #[must_use]
    pub fn apply(self, value: f32) -> f32 {
        match self {
            Self::Identity => value,
            Self::LogOnePlus => libm::log1pf(value.max(0.0)),
            Self::Logit => {
                let odds = value.clamp(1e-6, 1.0 - 1e-6);
                libm::logf(odds / (1.0 - odds))
            }
        }
    }
}

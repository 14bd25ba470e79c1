//! The policy: a surface's rules as data. `docs/POLICY.md` documents every field.

mod eligible;
mod select;

pub(crate) use eligible::Eligible;
pub(crate) use select::{Scored, select};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::limits;

/// A surface's rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of this record, [`Policy::FORMAT`].
    pub format: u16,
    /// The surface it is for: `radio`, `home`, `feed`, `shop`, `weekly`, or the host's own word.
    pub surface: String,
    /// Whether and when an item may come again.
    pub seen: Seen,
    /// What each event says about taste.
    pub feedback: Feedback,
    /// Utility of a candidate: the sum of weighted heads of the ranker.
    pub utility: Vec<Term>,
    /// Utility where there is no ranker: weights of candidate features by source name (see `docs/FEATURES.md`).
    pub linear: BTreeMap<String, f32>,
    /// How the list is put together.
    pub list: ListRules,
}

/// Whether and when an item may come again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

/// What each event says about taste: above 0 for, below 0 against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// How the list is put together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRules {
    /// Weight of being unlike the places above, 0 (utility alone) to 1: maximal marginal relevance
    /// (Carbonell and Goldstein, SIGIR 1998).
    pub diversity: f32,
    /// Places that must lie between two items of one creator.
    pub creator_spacing: u32,
    /// Most items of one first category in a row; 0 turns it off.
    pub category_in_a_row: u32,
    /// Largest share of the list one first category may take, above 0 to 1.
    pub category_share: f32,
}

impl Policy {
    /// The version this crate reads.
    pub const FORMAT: u16 = 1;

    /// Reads a policy file (JSON) and checks every range.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `policy_invalid` naming the value.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::POLICY_BYTES {
            return Err(Error::new(Code::TooLarge, format!("a policy of {} bytes.", bytes.len())));
        }
        let invalid = |detail: String| Error::new(Code::PolicyInvalid, detail);
        let crate::trust::FormatOnly { format } =
            serde_json::from_slice(bytes).map_err(|error| invalid(format!("{error}.")))?;
        if format != Self::FORMAT {
            let detail = format!("a policy of format {format}, this version reads {}.", Self::FORMAT);
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        let policy: Self = serde_json::from_slice(bytes).map_err(|error| invalid(format!("{error}.")))?;
        policy.check().map_err(invalid)?;
        Ok(policy)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let within = |name: &str, value: f32, low: f32, high: f32| {
            if value.is_finite() && (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("{name} is {value}, allowed is {low} to {high}."))
        };
        within("feedback.decay", self.feedback.decay, f32::MIN_POSITIVE, 1.0)?;
        within("feedback.not_interested_similarity", self.feedback.not_interested_similarity, 0.0, 2.0)?;
        for (kind, strength) in &self.feedback.strengths {
            within(&format!("feedback.strengths.{kind}"), *strength, -5.0, 5.0)?;
        }
        for step in &self.feedback.skip {
            within("feedback.skip.strength", step.strength, -5.0, 5.0)?;
        }
        within("list.diversity", self.list.diversity, 0.0, 1.0)?;
        within("list.category_share", self.list.category_share, f32::MIN_POSITIVE, 1.0)?;
        for term in &self.utility {
            within(&format!("utility.{}", term.head), term.weight, -1e6, 1e6)?;
        }
        let heads: BTreeSet<&str> = self.utility.iter().map(|term| term.head.as_str()).collect();
        if heads.len() != self.utility.len() {
            return Err("utility names a head twice.".into());
        }
        for (source, weight) in &self.linear {
            within(&format!("linear.{source}"), *weight, -1e6, 1e6)?;
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::EventKind;

    #[test]
    fn the_shipped_policies_are_valid() {
        for (surface, bytes) in crate::policies::ALL {
            assert_eq!(Policy::from_json(bytes).unwrap().surface, *surface);
        }
    }

    #[test]
    fn a_skip_counts_by_how_much_was_played() {
        let policy = Policy::from_json(crate::policies::RADIO).unwrap();
        let strength = |played| policy.feedback.strength(&EventKind::Skip, Some(played));
        assert!(strength(3_000) < strength(20_000));
        assert!(strength(20_000) < 0.0);
        assert!(strength(130_000) > 0.0);
        assert_eq!(policy.feedback.strength(&EventKind::Stop, Some(3_000)), 0.0);
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let mut policy = Policy::from_json(crate::policies::RADIO).unwrap();
        policy.list.category_share = 1.5;
        let error = Policy::from_json(&serde_json::to_vec(&policy).unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::PolicyInvalid);
        assert!(error.detail().contains("category_share is 1.5"), "{error}");
    }
}

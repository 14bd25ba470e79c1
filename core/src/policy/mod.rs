//! The policy: a surface's rules as data, and the rooms that carry them out. `docs/POLICY.md` documents every field.
//!
//! A list is made in this order, so that nothing can break a hard rule: `eligible` leaves out what may not be shown,
//! the ranker gives each candidate left a utility, `search` puts them in order, `explore` says what a place of
//! exploration may hold, and `place` fills the places within the caps.

mod calibrate;
mod caps;
mod check;
mod draw;
mod eligible;
mod explore;
#[cfg(test)]
pub(crate) mod fixtures;
mod list;
mod place;
mod posterior;
mod refill;
mod rules;
mod search;
mod traits;
mod worth;

pub(crate) use caps::Above;
pub(crate) use eligible::{Eligibility, Eligible};
pub(crate) use explore::Pool;
pub use list::{
    ArmsOf, Caps, Exploration, Fresh, ListRules, Method, Pin, Popularity, Search, ShareStep, Variety,
};
pub(crate) use place::{How, Placed, Placement};
pub use refill::RefillRules;
pub use rules::{Feedback, Function, Seen, SkipStep, Term};
pub(crate) use search::search;
pub(crate) use traits::Traits;
pub(crate) use worth::entrants;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::limits;

/// A surface's rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of this record, [`Policy::FORMAT`].
    pub format: u16,
    /// The surface it is for: `radio`, `home`, `feed`, `shop`, `weekly`, or the host's own word.
    pub surface: String,
    /// Why the rules are as they are, for people: text by the name of a field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
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
    /// When a new pack is wanted; absent for the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<RefillRules>,
    /// How much of a list tries what is little known; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploration: Option<Exploration>,
    /// Chance among the first places; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variety: Option<Variety>,
}

impl Policy {
    /// The version this crate reads.
    pub const FORMAT: u16 = 2;

    /// The JSON Schema of a policy file, for editors: names, types and choices. Ranges are checked by [`Policy::from_json`].
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).into()
    }

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
        check::check(&policy).map_err(invalid)?;
        Ok(policy)
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
    fn the_shipped_policies_explore_more_in_the_first_ten_interactions() {
        for (surface, bytes) in crate::policies::ALL {
            let exploration = Policy::from_json(bytes).unwrap().exploration.unwrap();
            let [new, known] = [9, 1_000].map(|interactions| exploration.share_at(interactions));
            assert!(new > known && known > 0.0, "{surface}: {new} and {known}");
        }
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_committed_schema_is_that_of_the_code() {
        let committed = include_str!("../../policies/policy.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
        let again = "make it again: segue policy schema > core/policies/policy.schema.json";
        assert!(committed == Policy::json_schema(), "{again}");
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
    fn a_policy_of_another_format_is_told_from_an_invalid_one() {
        let text = String::from_utf8(crate::policies::RADIO.to_vec()).unwrap();
        let code = |text: String| Policy::from_json(text.as_bytes()).unwrap_err().code();
        assert_eq!(code(text.replace("\"format\": 2", "\"format\": 1")), Code::FormatUnknown);
        assert_eq!(code(text.replace("\"seen\"", "\"scene\"")), Code::PolicyInvalid);
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let mut policy = Policy::from_json(crate::policies::RADIO).unwrap();
        policy.list.category.share = 1.5;
        let error = Policy::from_json(&serde_json::to_vec(&policy).unwrap()).unwrap_err();
        assert_eq!(error.code(), Code::PolicyInvalid);
        assert!(error.detail().contains("category.share is 1.5, allowed is above 0 to 1"), "{error}");
    }
}

//! Why an item stands where it stands: stable codes with parameters, and English templates hosts may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$about:meta])+ $variant:ident = $name:literal, $template:literal;)+) => {
        /// A reason's stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ReasonCode {
            $($(#[$about])+ $variant,)+
        }

        impl ReasonCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable word: `"fits_session"`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// English text with the parameters' names in braces.
            #[must_use]
            pub fn template(self) -> &'static str {
                match self { $(Self::$variant => $template,)+ }
            }
        }
    };
}

codes! {
    /// Near an item liked in this session, and lower without that like; parameters `item`, `title`.
    BecauseYouLiked = "because_you_liked", "Because you liked {title}";
    /// By a creator who did well in this session, and lower without the session; parameters `creator`, `name`.
    MoreFromCreator = "more_from_creator", "More from {name}";
    /// Moved up by what has been played in this session, and lower without it.
    FitsSession = "fits_session", "Fits what you have been playing";
    /// Young; parameter `name` of the creator.
    NewFrom = "new_from", "New from {name}";
    /// Popular now.
    Trending = "trending", "Trending now";
    /// Popular now where the person is.
    TrendingNearYou = "trending_near_you", "Trending near you";
    /// Fits the profile the pack was made from.
    YourTaste = "your_taste", "Picked for you";
    /// Only things already played were left.
    PlayedBefore = "played_before", "You played this before";
    /// A place of exploration: something that is not known well yet.
    SomethingDifferent = "something_different", "Something different";
    /// A place the policy gives away.
    Pinned = "pinned", "Featured";
    /// The pack's own order: the manifest names a ranker that has not been accepted yet.
    FallbackNoModel = "fallback_no_model", "In the order prepared for you";
    /// The policy's linear scorer ranked: the ranker that the manifest names cannot be had yet.
    FallbackModelPending = "fallback_model_pending", "In the order that fits you so far";
    /// The pack's own order: the ranker was refused.
    FallbackModelRefused = "fallback_model_refused", "In the order prepared for you";
    /// The pack's own order: the last pack was refused, this is the one before.
    FallbackPackRefused = "fallback_pack_refused", "In the order prepared for you";
    /// The pack's own order: the policy was refused.
    FallbackPolicyRefused = "fallback_policy_refused", "In the order prepared for you";
    /// The pack's own order: the ranker gave scores that are no numbers.
    FallbackScoresInvalid = "fallback_scores_invalid", "In the order prepared for you";
    /// The pack's own order: the ranker could not run.
    FallbackModelFailed = "fallback_model_failed", "In the order prepared for you";
    /// The pack's own order from here on: the time was up.
    FallbackDeadline = "fallback_deadline", "In the order prepared for you";
}

/// A code with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// What the code is about: ids and names.
    pub parameters: BTreeMap<String, String>,
}

impl Reason {
    pub(crate) fn plain(code: ReasonCode) -> Self {
        Self { code, parameters: BTreeMap::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The template with its parameters filled in; one without a value leaves its id or nothing.
    #[must_use]
    pub fn text(&self) -> String {
        let fill =
            |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
        self.parameters.iter().fold(self.code.template().to_owned(), fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_documents_table_with_its_parameters() {
        let table = include_str!("../../docs/ERRORS.md");
        for code in ReasonCode::ALL {
            let row = table.lines().find(|line| line.starts_with(&format!("| `{}` |", code.name())));
            let row = row.unwrap_or_else(|| panic!("docs/ERRORS.md has no row for `{}`", code.name()));
            for parameter in code.template().split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                assert!(row.contains(&format!("`{parameter}`")), "{row} lacks the parameter {parameter}");
            }
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.name()));
        }
    }

    #[test]
    fn a_reason_reads_as_a_sentence() {
        let reason = Reason::plain(ReasonCode::BecauseYouLiked).with("item", "t1").with("title", "Blue Hour");
        assert_eq!(reason.text(), "Because you liked Blue Hour");
    }
}

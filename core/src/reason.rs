//! Why an item stands where it stands: stable codes with parameters, and English templates hosts may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A reason's stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReasonCode {
    /// Near an item liked in this session, and lower without that like; parameters `item`, `title`.
    BecauseYouLiked,
    /// By a creator who did well in this session, and lower without the session; parameters `creator`, `name`.
    MoreFromCreator,
    /// Moved up by what has been played in this session, and lower without it.
    FitsSession,
    /// Young; parameter `name` of the creator.
    NewFrom,
    /// Popular now.
    Trending,
    /// Popular now where the person is.
    TrendingNearYou,
    /// Fits the profile the pack was made from.
    YourTaste,
    /// Only things already played were left.
    PlayedBefore,
    /// A place of exploration: something that is not known well yet.
    SomethingDifferent,
    /// A place the policy gives away.
    Pinned,
    /// The pack's own order: the manifest names a ranker that has not been accepted yet.
    FallbackNoModel,
    /// The pack's own order: the ranker was refused.
    FallbackModelRefused,
    /// The pack's own order: the last pack was refused, this is the one before.
    FallbackPackRefused,
    /// The pack's own order: the policy was refused.
    FallbackPolicyRefused,
    /// The pack's own order: the ranker gave scores that are no numbers.
    FallbackScoresInvalid,
    /// The pack's own order: the ranker could not run.
    FallbackModelFailed,
    /// The pack's own order from here on: the time was up.
    FallbackDeadline,
}

impl ReasonCode {
    /// The stable word: `"fits_session"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BecauseYouLiked => "because_you_liked",
            Self::MoreFromCreator => "more_from_creator",
            Self::FitsSession => "fits_session",
            Self::NewFrom => "new_from",
            Self::Trending => "trending",
            Self::TrendingNearYou => "trending_near_you",
            Self::YourTaste => "your_taste",
            Self::PlayedBefore => "played_before",
            Self::SomethingDifferent => "something_different",
            Self::Pinned => "pinned",
            Self::FallbackNoModel => "fallback_no_model",
            Self::FallbackModelRefused => "fallback_model_refused",
            Self::FallbackPackRefused => "fallback_pack_refused",
            Self::FallbackPolicyRefused => "fallback_policy_refused",
            Self::FallbackScoresInvalid => "fallback_scores_invalid",
            Self::FallbackModelFailed => "fallback_model_failed",
            Self::FallbackDeadline => "fallback_deadline",
        }
    }

    /// English text with the parameters' names in braces.
    #[must_use]
    pub fn template(self) -> &'static str {
        match self {
            Self::BecauseYouLiked => "Because you liked {title}",
            Self::MoreFromCreator => "More from {name}",
            Self::FitsSession => "Fits what you have been playing",
            Self::NewFrom => "New from {name}",
            Self::Trending => "Trending now",
            Self::TrendingNearYou => "Trending near you",
            Self::YourTaste => "Picked for you",
            Self::PlayedBefore => "You played this before",
            Self::SomethingDifferent => "Something different",
            Self::Pinned => "Featured",
            _ => "In the order prepared for you",
        }
    }
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
    fn a_reason_reads_as_a_sentence() {
        let reason = Reason::plain(ReasonCode::BecauseYouLiked).with("item", "t1").with("title", "Blue Hour");
        assert_eq!(reason.text(), "Because you liked Blue Hour");
        assert_eq!(serde_json::to_string(&ReasonCode::NewFrom).unwrap(), "\"new_from\"");
    }
}

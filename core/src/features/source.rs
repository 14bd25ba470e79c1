//! Every source a feature may name, table by table: what schemas are checked against, what the assembler resolves
//! names to, and what `docs/FEATURES.md` lists.

/// One source with what its raw values are.
#[derive(Debug, Clone, Copy)]
pub struct Source<S> {
    /// How a schema writes it; `NAME` at the end stands for any text that is not empty.
    pub name: &'static str,
    /// What the name stands for.
    pub source: S,
    /// The raw value's unit.
    pub unit: &'static str,
    /// The raw value's range.
    pub range: &'static str,
    /// What the value says.
    pub meaning: &'static str,
}

/// What is fixed about a candidate while its pack is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateSource {
    /// The item's vector.
    Vector,
    /// Cosine of user and item.
    UserSimilarity,
    /// Utility at refresh time.
    RefreshScore,
    /// A number that the pack carries.
    Column,
}

/// What the session says about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveSource {
    /// Cosine to what was liked.
    InterestSimilarity,
    /// Cosine to what was refused.
    AversionSimilarity,
    /// Cosine to the newest item that was liked.
    LastPositiveSimilarity,
    /// Cosine to the newest item that was refused.
    LastNegativeSimilarity,
    /// Cosine to all that was liked and is remembered.
    SessionSimilarity,
    /// Feedback on the creator.
    CreatorAffinity,
    /// Feedback on the categories.
    CategoryAffinity,
    /// Times shown.
    Impressions,
}

/// What is known of a remembered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSource {
    /// The item's vector.
    Vector,
    /// What the event says about taste.
    Strength,
    /// The event's kind.
    Kind,
    /// Share played.
    PlayedFraction,
    /// Time played.
    PlayedSeconds,
    /// Place it was shown at.
    Position,
}

/// What is known of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextSource {
    /// Events remembered.
    SessionEvents,
    /// Share of them that spoke against their item.
    SessionNegativeShare,
    /// How alike the newest items spoken for are.
    SessionFocus,
    /// How much of them is new to the person.
    SessionDiscovery,
    /// How far taste has moved of late.
    SessionDrift,
    /// What the host says.
    Context,
}

macro_rules! sources {
    ($type:ident: $($name:literal $variant:ident, $unit:literal, $range:literal, $meaning:literal;)*) => {
        &[$(Source { name: $name, source: $type::$variant, unit: $unit, range: $range, meaning: $meaning }),*]
    };
}

/// Sources of the table `candidate`.
pub const CANDIDATE: &[Source<CandidateSource>] = sources! { CandidateSource:
    "vector" Vector, "-", "-1 to 1 each", "the item's vector, `dimension` columns, unit length";
    "user_similarity" UserSimilarity, "cosine", "-1 to 1", "how near the item is to the user's vector";
    "refresh_score" RefreshScore, "utility", "any", "the utility that the full ranker gave when the pack was made";
    "column:NAME" Column, "NAME's", "any", "a number that the pack carries under this name, such as `popularity`, \
        `popularity_rank` and `completion_rate` (0 to 1), `age_days`, `duration_seconds`";
};

/// Sources of the table `live`.
pub const LIVE: &[Source<LiveSource>] = sources! { LiveSource:
    "interest_similarity" InterestSimilarity, "cosine", "-1 to 1", "to the decayed sum of what was liked";
    "aversion_similarity" AversionSimilarity, "cosine", "-1 to 1", "to the decayed sum of what was refused";
    "last_positive_similarity" LastPositiveSimilarity, "cosine", "-1 to 1", "to the newest item that was liked";
    "last_negative_similarity" LastNegativeSimilarity, "cosine", "-1 to 1", "to the newest item that was refused";
    "session_similarity" SessionSimilarity, "cosine", "-1 to 1", "to the sum of what was liked among the remembered events, each \
        counting the same";
    "creator_affinity" CreatorAffinity, "strength", "any", "decayed sum of event strengths on the creator's items";
    "category_affinity" CategoryAffinity, "strength", "any", "the same by category, mean over the item's categories";
    "impressions" Impressions, "times", "0 and more", "how often it was shown without reaction";
};

/// Sources of the table `event`.
pub const EVENT: &[Source<EventSource>] = sources! { EventSource:
    "vector" Vector, "-", "-1 to 1 each", "the item's vector, `dimension` columns; zeros where the pack had no such item";
    "strength" Strength, "strength", "-5 to 5", "what the event says about taste, by the policy";
    "kind" Kind, "text", "the kinds of EVENTS.md", "what happened";
    "played_fraction" PlayedFraction, "share", "0 to 1", "played of the item's whole length";
    "played_seconds" PlayedSeconds, "seconds", "0 and more", "how much was played";
    "position" Position, "places", "0 and more", "the place it was shown at, from 0";
};

/// Sources of the table `context`.
pub const CONTEXT: &[Source<ContextSource>] = sources! { ContextSource:
    "session_events" SessionEvents, "events", "0 to 50", "how many events are remembered";
    "session_negative_share" SessionNegativeShare, "share", "0 to 1", "remembered events that spoke against their item";
    "session_focus" SessionFocus, "share", "0 to 1", "how alike the newest items spoken for are (EVENTS.md)";
    "session_discovery" SessionDiscovery, "share", "0 to 1", "how many of them are by creators new to the session";
    "session_drift" SessionDrift, "share", "0 to 1", "how far the newest moved away from those before";
    "context:NAME" Context, "text", "any", "what the host says under this name; numbers are read from their text";
};

/// What `written` stands for, and the text in the place of `NAME`.
pub(super) fn find<'a, S: Copy>(table: &[Source<S>], written: &'a str) -> Option<(S, &'a str)> {
    table.iter().find_map(|entry| {
        let argument = match entry.name.strip_suffix("NAME") {
            Some(prefix) => written.strip_prefix(prefix).filter(|argument| !argument.is_empty()),
            None => (written == entry.name).then_some(""),
        };
        argument.map(|argument| (entry.source, argument))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_its_own_table_only() {
        assert_eq!(find(CANDIDATE, "refresh_score"), Some((CandidateSource::RefreshScore, "")));
        assert_eq!(find(LIVE, "impressions"), Some((LiveSource::Impressions, "")));
        assert_eq!(find(CANDIDATE, "impressions"), None);
    }

    #[test]
    fn a_named_source_needs_its_name() {
        assert_eq!(find(CANDIDATE, "column:age_days"), Some((CandidateSource::Column, "age_days")));
        assert_eq!(find(CANDIDATE, "column:"), None);
        assert_eq!(find(CONTEXT, "context:device"), Some((ContextSource::Context, "device")));
    }
}

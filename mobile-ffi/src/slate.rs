//! The ranked list as other languages get it.

use std::collections::HashMap;

/// Why an item has its place.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Reason {
    /// Stable code, for tests and translations.
    pub code: String,
    /// What the code speaks about: a genre, an item, a count.
    pub parameters: HashMap<String, String>,
}

/// One place of a slate.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Place {
    /// The item.
    pub item: String,
    /// Its place in this slate, from 0.
    pub position: u32,
    /// Its utility under the policy; comparable within one slate.
    pub score: f32,
    /// Its place among the candidates that may be shown, in the pack's own order, from 0.
    pub pack_position: u32,
    /// Why it is here.
    pub reason: Reason,
    /// The reason in English.
    pub text: String,
    /// Probability of this item at this place, given the places above, in millionths.
    pub propensity: u32,
    /// Title, where the pack carries display data.
    pub title: Option<String>,
    /// Creator, where the pack carries display data.
    pub creator: Option<String>,
}

/// A ranked list and the state it was made in.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Slate {
    /// Id of this list, to be named by the events that follow from it.
    pub slate: String,
    /// The surface it was made for.
    pub surface: String,
    /// Generation of the pack it was made from.
    pub generation: u64,
    /// Hash of the policy that ranked, as the manifest names it; absent where there was none.
    pub policy: Option<String>,
    /// Hash of the ranker in use; absent where there is none.
    pub ranker: Option<String>,
    /// `ranked` by the session, or `fallback`: the pack's own order.
    pub order: String,
    /// Why it is the pack's own order: `fallback_no_model`, `fallback_pack_refused`, ...; absent when ranked.
    pub fallback: Option<String>,
    /// Whether the pack has passed its end and waits for a newer one.
    pub stale: bool,
    /// Work units that the ranking took.
    pub units: u32,
    /// Whether it was done before the deadline; what it did not reach has the reason `fallback_deadline`.
    pub complete: bool,
    /// What the model saw and said of the first places, if the request asked for it and the model was used: one JSON
    /// object, as `segue features logged` reads it.
    pub features: Option<String>,
    /// The places, best first.
    pub places: Vec<Place>,
}

impl From<segue_core::Reason> for Reason {
    fn from(reason: segue_core::Reason) -> Self {
        let segue_core::Reason { code, parameters } = reason;
        Self { code: code.name().to_owned(), parameters: parameters.into_iter().collect() }
    }
}

impl From<segue_core::Place> for Place {
    fn from(place: segue_core::Place) -> Self {
        let segue_core::Place {
            item,
            position,
            score,
            pack_position,
            reason,
            text,
            propensity,
            title,
            creator,
        } = place;
        Self { item, position, score, pack_position, reason: reason.into(), text, propensity, title, creator }
    }
}

impl From<segue_core::Slate> for Slate {
    fn from(slate: segue_core::Slate) -> Self {
        let segue_core::Slate {
            slate,
            surface,
            generation,
            policy,
            ranker,
            order,
            fallback,
            stale,
            units,
            complete,
            features,
            places,
        } = slate;
        Self {
            slate,
            surface,
            generation,
            policy,
            ranker,
            order: match order {
                segue_core::Order::Ranked => "ranked".to_owned(),
                segue_core::Order::Fallback => "fallback".to_owned(),
            },
            fallback: fallback.map(|code| code.name().to_owned()),
            stale,
            units,
            complete,
            features: features.and_then(|log| serde_json::to_string(&log).ok()),
            places: places.into_iter().map(Place::from).collect(),
        }
    }
}

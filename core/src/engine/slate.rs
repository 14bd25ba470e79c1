//! What is asked and what is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::features::FeatureLog;
use crate::limits;
use crate::reason::{Reason, ReasonCode};

/// A request for a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The surface whose policy ranks.
    pub surface: String,
    /// Places wanted, 1 to 500.
    pub count: usize,
    /// The host's time, in milliseconds since 1970, 0 to [`limits::LATEST_MS`].
    pub now_ms: i64,
    /// Seed of whatever is drawn; part of the slate's id.
    #[serde(default)]
    pub seed: u64,
    /// Circumstances: `region`, `device`, `network`, `local_hour` (0 to 23), `weekday` (0 = Monday), `interactions`
    /// (how many the person had before this session, which exploration may depend on), ...
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// Whether the slate is to tell what the model saw, [`Slate::features`].
    #[serde(default)]
    pub log_features: bool,
}

impl Request {
    /// # Errors
    /// `request_invalid` naming what is out of its range.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |detail: String| Err(Error::new(Code::RequestInvalid, detail));
        if self.count == 0 || self.count > limits::PLACES {
            return invalid(format!("count is {}, allowed is 1 to {}.", self.count, limits::PLACES));
        }
        if !(0..=limits::LATEST_MS).contains(&self.now_ms) {
            return invalid(format!("now_ms is {}, allowed is 0 to {}.", self.now_ms, limits::LATEST_MS));
        }
        let long = |text: &String| text.len() > limits::ID_BYTES;
        let too_long = self.context.iter().any(|(name, text)| long(name) || long(text));
        if too_long || self.context.len() > limits::CONTEXT_ENTRIES {
            return invalid(format!("a context of {} entries, or one too long.", self.context.len()));
        }
        Ok(())
    }

    /// Interactions before this session, 0 where the context does not say.
    pub(super) fn interactions(&self) -> u64 {
        self.context.get("interactions").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Whose order a slate shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Ranked for the live session.
    Ranked,
    /// The pack's own order, with what is barred left out.
    Fallback,
}

/// A ranked list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slate {
    /// Its id: generation, number of events applied, and a digest of the list. The same list has the same.
    pub slate: String,
    /// The surface it was ranked for.
    pub surface: String,
    /// The pack's generation.
    pub generation: u64,
    /// Hash of the policy that ranked, as the manifest names it; none on servers that brought their own.
    pub policy: Option<String>,
    /// Hash of the ranker in use, likewise.
    pub ranker: Option<String>,
    /// Whose order it is.
    pub order: Order,
    /// Why it is the pack's own order, if it is, or `fallback_model_pending` where the linear scorer ranked.
    pub fallback: Option<ReasonCode>,
    /// The pack has expired and is used because nothing newer was accepted.
    pub stale: bool,
    /// Work units that the ranking took: a [`crate::Budget`] of as many gives the same list again.
    pub units: u32,
    /// Whether it was done before the deadline.
    pub complete: bool,
    /// What the model saw and said of the first places, if the request asked for it and the model was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeatureLog>,
    /// The list, best first.
    pub places: Vec<Place>,
}

/// One place of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The item.
    pub item: String,
    /// Its place, from 0.
    pub position: u32,
    /// Its utility by the policy; in the pack's own order, and where the deadline
    /// came before the ranker, the utility of refresh time.
    pub score: f32,
    /// Its place among the candidates shown in the pack's own order, from 0.
    pub pack_position: u32,
    /// Why it stands here.
    pub reason: Reason,
    /// The reason in English.
    pub text: String,
    /// Probability of this item at this place given the places above, in millionths.
    pub propensity: u32,
    /// Title, where the pack brings display data.
    pub title: Option<String>,
    /// The creator's name, likewise.
    pub creator: Option<String>,
}

/// A place as services tell it to clients that cannot run the core: the reason as a word and in English.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Listed {
    /// The item.
    pub item: String,
    /// Its place in the whole list, from 0.
    pub position: usize,
    /// See [`Place::score`]; of a person's own item the number of good things done with it.
    pub score: f32,
    /// Why it stands there, for programs.
    pub reason_code: &'static str,
    /// The same in English.
    pub reason: String,
    /// Probability of this item at this place given the places above, in millionths.
    pub propensity: u32,
    /// Title, where the pack has one.
    pub title: Option<String>,
    /// The creator's name, likewise.
    pub creator: Option<String>,
}

impl From<Place> for Listed {
    fn from(place: Place) -> Self {
        Self {
            item: place.item,
            position: place.position as usize,
            score: place.score,
            reason_code: place.reason.code.name(),
            reason: place.text,
            propensity: place.propensity,
            title: place.title,
            creator: place.creator,
        }
    }
}

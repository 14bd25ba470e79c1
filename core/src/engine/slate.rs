//! What is asked and what is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::reason::{Reason, ReasonCode};

/// A request for a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The surface whose policy ranks.
    pub surface: String,
    /// Places wanted, 1 to 500.
    pub count: usize,
    /// The host's time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Seed of whatever is drawn; part of the slate's id.
    #[serde(default)]
    pub seed: u64,
    /// Circumstances: `region`, `device`, `network`, `local_hour` (0 to 23), `weekday` (0 = Monday), ...
    #[serde(default)]
    pub context: BTreeMap<String, String>,
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
    /// Its id: the same pack, session length and seed give the same.
    pub slate: String,
    /// The surface it was ranked for.
    pub surface: String,
    /// The pack's generation.
    pub generation: u64,
    /// Whose order it is.
    pub order: Order,
    /// Why it is the pack's own order, if it is.
    pub fallback: Option<ReasonCode>,
    /// The pack has expired and is used because nothing newer was accepted.
    pub stale: bool,
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
    /// Its utility by the policy; in the pack's own order the utility of refresh time.
    pub score: f32,
    /// Its place among the candidates shown in the pack's own order, from 0.
    pub pack_position: u32,
    /// Why it stands here.
    pub reason: Reason,
    /// The reason in English.
    pub text: String,
    /// Probability of this item at this place, in millionths.
    pub propensity: u32,
    /// Title, where the pack brings display data.
    pub title: Option<String>,
    /// The creator's name, likewise.
    pub creator: Option<String>,
}

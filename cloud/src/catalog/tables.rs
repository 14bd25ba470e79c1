//! The rows of the data folder's tables; the fourth, events, is the core's [`Event`](super::Event).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that can be recommended: a row of `items.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// Unique id.
    pub item: String,
    /// What people read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Id of the artist, channel, brand or seller; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub creator: String,
    /// The creator's name as people read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_name: Option<String>,
    /// Genres or shop categories, the main one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Declared attributes by name (`dataset.json` lists them with their kind).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Countries it may be shown in, ISO 3166-1 alpha-2; empty is everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// First moment it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_from_ms: Option<i64>,
    /// Moment from which it may no longer be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_until_ms: Option<i64>,
    /// When it came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_ms: Option<i64>,
    /// Length, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Address of a picture, or `hue:N` (0..360) for one drawn by the player.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Price in the shop's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Youngest age it may be shown to, in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_rating: Option<u8>,
    /// A vector given with the data; all items of a set have the same length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
}

/// The value of one attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// A quantity.
    Number(f64),
    /// One of the attribute's declared values.
    Text(String),
}

impl AttributeValue {
    /// The quantity, for a number.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// The word, for a category.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(value) => Some(value),
        }
    }
}

/// One person: a row of `users.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique id.
    pub user: String,
    /// ISO 3166-1 alpha-2 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Such as `18-24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_group: Option<String>,
    /// BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When the account was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_up_ms: Option<i64>,
}

impl User {
    /// Somebody of whom there is no row yet, with what an answer of a survey says in its context: `country`, `age_group`,
    /// `language`.
    #[must_use]
    pub fn of_newcomer(user: &str, context: &BTreeMap<String, String>) -> Self {
        let said = |name: &str| context.get(name).cloned();
        Self {
            user: user.to_owned(),
            country: said("country"),
            age_group: said("age_group"),
            language: said("language"),
            signed_up_ms: None,
        }
    }
}

/// A playlist or library: a row of `collections.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Unique id.
    pub collection: String,
    /// Whose it is; absent for editorial ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `playlist`, `library`, `history` or a word of the data's own.
    pub kind: String,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The items in order.
    #[serde(default)]
    pub items: Vec<String>,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
}

//! The feature schema: the contract between training and serving, one JSON file beside each model.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Transform;
use crate::error::{Code, Error, Result};
use crate::limits;

/// Names, order, transforms and heads of a ranker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Version of this record, [`Schema::FORMAT`].
    pub format: u16,
    /// Name and version of the model family.
    pub version: String,
    /// Hash of the data schema (attributes and categories) the model was trained for.
    pub dataset: String,
    /// Entries of an item vector.
    pub dimension: usize,
    /// Event rows the model takes, newest first; rows not used are zero with mask 0.
    pub slots: usize,
    /// Columns of `candidates` f32 `[C, width]`.
    pub candidate: Vec<CandidateFeature>,
    /// Columns of `events` f32 `[slots, width]`.
    pub event: Vec<EventFeature>,
    /// Columns of `context` f32 `[width]`.
    pub context: Vec<ContextFeature>,
    /// Columns of the output `heads` f32 `[C, H]`.
    pub heads: Vec<Head>,
}

macro_rules! feature {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Its name, unique within its table.
            pub name: String,
            /// Where the raw value comes from.
            pub source: String,
            /// What is done with it.
            #[serde(default)]
            pub transform: Transform,
        }
    };
}

feature! {
    /// A feature of each candidate. Sources: `vector`, `user_similarity`, `refresh_score`, `interest_similarity`,
    /// `aversion_similarity`, `last_positive_similarity`, `last_negative_similarity`, `creator_affinity`,
    /// `category_affinity`, `impressions`, and `column:NAME` for a number that the pack carries.
    CandidateFeature
}
feature! {
    /// A feature of each remembered event. Sources: `vector`, `strength`, `kind` (text), `played_fraction`,
    /// `played_seconds`, `position`.
    EventFeature
}
feature! {
    /// A feature of the request. Sources: `session_events`, `session_negative_share`, `context:NAME` (text).
    ContextFeature
}

/// What an output column predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The name policies use.
    pub name: String,
    /// The kind of value.
    pub kind: HeadKind,
}

/// The kind of value a head gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Between 0 and 1.
    Probability,
    /// Any finite number, such as seconds.
    Amount,
}

pub(super) const CANDIDATE_SOURCES: [&str; 10] = [
    "vector",
    "user_similarity",
    "refresh_score",
    "interest_similarity",
    "aversion_similarity",
    "last_positive_similarity",
    "last_negative_similarity",
    "creator_affinity",
    "category_affinity",
    "impressions",
];
const EVENT_SOURCES: [&str; 6] =
    ["vector", "strength", "kind", "played_fraction", "played_seconds", "position"];
const CONTEXT_SOURCES: [&str; 2] = ["session_events", "session_negative_share"];

impl Schema {
    /// The version this crate reads.
    pub const FORMAT: u16 = 1;

    /// Reads a schema file (JSON) and checks that every source is known.
    ///
    /// # Errors
    /// `too_large`, `format_unknown`, `schema_invalid` naming the entry.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > limits::SCHEMA_BYTES {
            return Err(Error::new(Code::TooLarge, format!("a schema of {} bytes.", bytes.len())));
        }
        let invalid = |detail: String| Error::new(Code::SchemaInvalid, detail);
        let crate::trust::FormatOnly { format } =
            serde_json::from_slice(bytes).map_err(|error| invalid(format!("{error}.")))?;
        if format != Self::FORMAT {
            let detail = format!("a schema of format {format}, this version reads {}.", Self::FORMAT);
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        let schema: Self = serde_json::from_slice(bytes).map_err(|error| invalid(format!("{error}.")))?;
        schema.check().map_err(invalid)?;
        Ok(schema)
    }

    /// The schema that lets the policy's linear weights be scored: one number per source, no events.
    ///
    /// # Errors
    /// `policy_invalid` when a weight names an unknown source.
    pub(crate) fn linear<'a>(sources: impl Iterator<Item = &'a str>) -> Result<Self> {
        let feature = |source: &str| CandidateFeature {
            name: source.to_owned(),
            source: source.to_owned(),
            transform: Transform::Identity,
        };
        let schema = Self {
            format: Self::FORMAT,
            version: "linear".into(),
            dataset: String::new(),
            dimension: 0,
            slots: 0,
            candidate: sources.map(feature).collect(),
            event: Vec::new(),
            context: Vec::new(),
            heads: vec![Head { name: "utility".into(), kind: HeadKind::Amount }],
        };
        let has_vector = schema.candidate.iter().any(|feature| feature.source == "vector");
        let checked = if has_vector { Err("linear weight of `vector`.".into()) } else { schema.check() };
        checked.map_err(|detail| Error::new(Code::PolicyInvalid, detail))?;
        Ok(schema)
    }

    /// Columns per candidate.
    #[must_use]
    pub fn candidate_width(&self) -> usize {
        self.candidate.iter().map(|feature| self.width(&feature.source, &feature.transform)).sum()
    }

    /// Columns per event.
    #[must_use]
    pub fn event_width(&self) -> usize {
        self.event.iter().map(|feature| self.width(&feature.source, &feature.transform)).sum()
    }

    /// Columns of the context.
    #[must_use]
    pub fn context_width(&self) -> usize {
        self.context.iter().map(|feature| feature.transform.width()).sum()
    }

    pub(super) fn width(&self, source: &str, transform: &Transform) -> usize {
        if source == "vector" { self.dimension } else { transform.width() }
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.dimension > limits::PACK_DIMENSION || self.slots > limits::SESSION_EVENTS {
            return Err(format!("dimension {} or slots {} above the limit.", self.dimension, self.slots));
        }
        let candidates = self.candidate.iter().map(|one| (&one.name, &one.source, &one.transform));
        check_table("candidate", candidates, &CANDIDATE_SOURCES, "column:")?;
        let events = self.event.iter().map(|one| (&one.name, &one.source, &one.transform));
        check_table("event", events, &EVENT_SOURCES, "\0")?;
        let contexts = self.context.iter().map(|one| (&one.name, &one.source, &one.transform));
        check_table("context", contexts, &CONTEXT_SOURCES, "context:")?;
        let widths = [self.candidate_width(), self.event_width(), self.context_width()];
        if let Some(width) = widths.iter().find(|width| **width > limits::FEATURE_WIDTH) {
            return Err(format!("{width} columns, at most {}.", limits::FEATURE_WIDTH));
        }
        let heads: BTreeSet<&str> = self.heads.iter().map(|head| head.name.as_str()).collect();
        match heads.len() == self.heads.len() && !heads.is_empty() {
            true => Ok(()),
            false => Err("heads are missing or named twice.".into()),
        }
    }
}

fn check_table<'a>(
    table: &str,
    features: impl Iterator<Item = (&'a String, &'a String, &'a Transform)>,
    sources: &[&str],
    prefix: &str,
) -> std::result::Result<(), String> {
    let mut names = BTreeSet::new();
    for (name, source, transform) in features {
        if !names.insert(name) {
            return Err(format!("{table} feature {name:?} is there twice."));
        }
        let known = sources.contains(&source.as_str())
            || source.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        if !known {
            return Err(format!("{table} feature {name:?} has the unknown source {source:?}."));
        }
        if !transform.is_valid() {
            return Err(format!(
                "{table} feature {name:?} has a transform outside of its ranges: {transform:?}."
            ));
        }
    }
    Ok(())
}

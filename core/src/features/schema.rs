//! The feature schema: the contract between training and serving, one JSON file beside each model.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::source::{CANDIDATE, CONTEXT, EVENT, LIVE, Source, find};
use super::{Calibration, Transform};
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
    /// Hash of the towers or the table whose vectors the model was trained on, as manifests name it; absent where it is not
    /// known, and any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub towers: Option<String>,
    /// Entries of an item vector.
    pub dimension: usize,
    /// Event rows the model takes, newest first; rows not used are zero with mask 0.
    pub slots: usize,
    /// Columns of `candidates` f32 `[C, width]`: what is fixed while a pack is in use; sources [`CANDIDATE`](super::CANDIDATE).
    pub candidate: Vec<Feature>,
    /// Columns of `live` f32 `[C, width]`: what the session says about a candidate; sources [`LIVE`](super::LIVE).
    pub live: Vec<Feature>,
    /// Columns of `events` f32 `[slots, width]`; sources [`EVENT`](super::EVENT).
    pub event: Vec<Feature>,
    /// Columns of `context` f32 `[width]`; sources [`CONTEXT`](super::CONTEXT).
    pub context: Vec<Feature>,
    /// Columns of the output `heads` f32 `[C, H]`.
    pub heads: Vec<Head>,
}

/// A feature of a candidate, an event or the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name, unique within its table.
    pub name: String,
    /// Where the raw value comes from.
    pub source: String,
    /// What is done with it.
    #[serde(default)]
    pub transform: Transform,
}

impl Feature {
    /// Columns it takes where vectors have `dimension` entries.
    #[must_use]
    pub fn width(&self, dimension: usize) -> usize {
        if self.source == "vector" { dimension } else { self.transform.width() }
    }
}

/// What an output column predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The name policies use.
    pub name: String,
    /// The kind of value.
    pub kind: HeadKind,
    /// What corrects it after the model; probabilities only.
    #[serde(default, skip_serializing_if = "Calibration::is_none")]
    pub calibration: Calibration,
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

impl Schema {
    /// The version this crate reads.
    pub const FORMAT: u16 = 2;

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
        let feature = |source: &str| Feature {
            name: source.to_owned(),
            source: source.to_owned(),
            transform: Transform::Identity,
        };
        let (live, candidate) = sources.map(feature).partition(|one| find(LIVE, &one.source).is_some());
        let schema = Self {
            format: Self::FORMAT,
            version: "linear".into(),
            dataset: String::new(),
            towers: None,
            dimension: 0,
            slots: 0,
            candidate,
            live,
            event: Vec::new(),
            context: Vec::new(),
            heads: vec![Head {
                name: "utility".into(),
                kind: HeadKind::Amount,
                calibration: Calibration::None,
            }],
        };
        let has_vector = schema.candidate.iter().any(|feature| feature.source == "vector");
        let checked = if has_vector { Err("linear weight of `vector`.".into()) } else { schema.check() };
        checked.map_err(|detail| Error::new(Code::PolicyInvalid, detail))?;
        Ok(schema)
    }

    /// SHA-256 of the schema as compact JSON, 64 hexadecimal digits; spaces in its file do not matter.
    #[must_use]
    pub fn hash(&self) -> String {
        // Names, numbers and lists always have a JSON form.
        crate::trust::hash(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether the model can read vectors that `towers` made: what else made them it was not trained on.
    #[must_use]
    pub fn reads_vectors_of(&self, towers: &str) -> bool {
        self.towers.as_deref().is_none_or(|own| own == towers)
    }

    /// Refuses a model for a manifest whose vectors it was not trained on.
    #[cfg(feature = "ranker")]
    pub(crate) fn check_towers(&self, manifest: &crate::trust::Manifest) -> Result<()> {
        if self.reads_vectors_of(&manifest.towers) {
            return Ok(());
        }
        let own = self.towers.as_deref().unwrap_or_default();
        let detail =
            format!("trained on vectors of towers {own:?}, the manifest's are {:?}.", manifest.towers);
        Err(Error::new(Code::ModelWrongTowers, detail))
    }

    /// Columns per candidate that are fixed while a pack is in use.
    #[must_use]
    pub fn candidate_width(&self) -> usize {
        self.width(&self.candidate)
    }

    /// Columns per candidate that the session changes.
    #[must_use]
    pub fn live_width(&self) -> usize {
        self.width(&self.live)
    }

    /// Columns per event.
    #[must_use]
    pub fn event_width(&self) -> usize {
        self.width(&self.event)
    }

    /// Columns of the context.
    #[must_use]
    pub fn context_width(&self) -> usize {
        self.width(&self.context)
    }

    fn width(&self, features: &[Feature]) -> usize {
        features.iter().map(|feature| feature.width(self.dimension)).sum()
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.dimension > limits::PACK_DIMENSION || self.slots > limits::SESSION_EVENTS {
            return Err(format!("dimension {} or slots {} above the limit.", self.dimension, self.slots));
        }
        check_table("candidate", &self.candidate, CANDIDATE)?;
        check_table("live", &self.live, LIVE)?;
        check_table("event", &self.event, EVENT)?;
        check_table("context", &self.context, CONTEXT)?;
        let widths = [self.candidate_width(), self.live_width(), self.event_width(), self.context_width()];
        if let Some(width) = widths.iter().find(|width| **width > limits::FEATURE_WIDTH) {
            return Err(format!("{width} columns, at most {}.", limits::FEATURE_WIDTH));
        }
        check_heads(&self.heads)
    }
}

fn check_table<S: Copy>(
    table: &str,
    features: &[Feature],
    sources: &[Source<S>],
) -> std::result::Result<(), String> {
    let mut names = BTreeSet::new();
    for Feature { name, source, transform } in features {
        if !names.insert(name) {
            return Err(format!("{table} feature {name:?} is there twice."));
        }
        if find(sources, source).is_none() {
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

fn check_heads(heads: &[Head]) -> std::result::Result<(), String> {
    let names: BTreeSet<&str> = heads.iter().map(|head| head.name.as_str()).collect();
    if names.len() != heads.len() || names.is_empty() {
        return Err("heads are missing or named twice.".into());
    }
    let fits = |head: &&Head| {
        head.calibration.is_none() || head.kind == HeadKind::Probability && head.calibration.is_valid()
    };
    match heads.iter().find(|head| !fits(head)) {
        Some(head) => Err(format!("head {:?} cannot have {:?}.", head.name, head.calibration)),
        None => Ok(()),
    }
}

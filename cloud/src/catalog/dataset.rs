//! `dataset.json`: what the tables hold.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::trust;
use serde::{Deserialize, Serialize};

/// The version of `dataset.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// The file's name in the data folder.
pub const FILE: &str = "dataset.json";

/// What the tables of a data folder hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Version of this file: [`FORMAT`].
    pub format: u32,
    /// `generated`, or the import format it came from.
    pub name: String,
    /// The attributes that items may have, in the order of the feature columns.
    pub attributes: Vec<Attribute>,
    /// Every category of an item, sorted.
    pub categories: Vec<String>,
    /// Rows per table.
    pub counts: Counts,
    /// The surface its events come from, such as `radio`.
    pub surface: String,
    /// Whether `time_ms` is real; otherwise only its order means something.
    pub timed: bool,
}

/// One declared attribute of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its key in `attributes` of an item.
    pub name: String,
    /// What its values are.
    #[serde(flatten)]
    pub kind: AttributeKind,
}

/// What the values of an attribute are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttributeKind {
    /// A quantity within a range.
    Number {
        /// Smallest value.
        minimum: f64,
        /// Largest value.
        maximum: f64,
    },
    /// One of a few words.
    Category {
        /// The words, sorted.
        values: Vec<String>,
    },
    /// The vector given with each item: of its sound, text or picture.
    Vector {
        /// Entries.
        dimension: usize,
    },
}

/// Rows per table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of `items.jsonl`.
    pub items: u64,
    /// Rows of `users.jsonl`.
    pub users: u64,
    /// Rows of `events.jsonl`.
    pub events: u64,
    /// Rows of `collections.jsonl`.
    pub collections: u64,
    /// Rows of `rejects.jsonl`.
    pub rejects: u64,
}

impl Dataset {
    /// Reads `dataset.json` of a data folder.
    ///
    /// # Errors
    /// When the file is missing, malformed or of another version.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}: fill the folder with `segue import` or `segue generate`", path.display())
        })?;
        let dataset: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a dataset description", path.display()))?;
        ensure!(
            dataset.format == FORMAT,
            "{} has format {}, this program reads {FORMAT}: import the data again",
            path.display(),
            dataset.format
        );
        Ok(dataset)
    }

    /// SHA-256, in hexadecimal, of the canonical JSON of `attributes` and
    /// `categories`: models are used only on data of the hash they were trained on.
    #[must_use]
    pub fn schema_hash(&self) -> String {
        let mut text = String::from("{\"attributes\":[");
        for (index, attribute) in self.attributes.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            canonical_attribute(&mut text, attribute);
        }
        text.push_str("],\"categories\":");
        canonical_strings(&mut text, &self.categories);
        text.push('}');
        trust::hash(text.as_bytes())
    }
}

// Keys in alphabetical order, no spaces, numbers in Rust's shortest form.
fn canonical_attribute(text: &mut String, attribute: &Attribute) {
    let name = serde_json::Value::from(attribute.name.as_str());
    let _ = match &attribute.kind {
        AttributeKind::Number { minimum, maximum } => {
            write!(text, r#"{{"kind":"number","maximum":{maximum},"minimum":{minimum},"name":{name}}}"#)
        }
        AttributeKind::Category { values } => {
            let _ = write!(text, r#"{{"kind":"category","name":{name},"values":"#);
            canonical_strings(text, values);
            text.write_char('}')
        }
        AttributeKind::Vector { dimension } => {
            write!(text, r#"{{"dimension":{dimension},"kind":"vector","name":{name}}}"#)
        }
    };
}

fn canonical_strings(text: &mut String, values: &[String]) {
    let list: Vec<serde_json::Value> = values.iter().map(|value| value.as_str().into()).collect();
    let _ = write!(text, "{}", serde_json::Value::from(list));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> Dataset {
        Dataset {
            format: FORMAT,
            name: "made".into(),
            attributes: vec![
                Attribute {
                    name: "tempo".into(),
                    kind: AttributeKind::Number { minimum: 60.0, maximum: 190.5 },
                },
                Attribute {
                    name: "mood".into(),
                    kind: AttributeKind::Category { values: vec!["calm".into()] },
                },
            ],
            categories: vec!["rock".into()],
            counts: Counts::default(),
            surface: "radio".into(),
            timed: true,
        }
    }

    #[test]
    fn attributes_are_written_flat() {
        let text = serde_json::to_string(&dataset().attributes).unwrap();
        assert_eq!(
            text,
            r#"[{"name":"tempo","kind":"number","minimum":60.0,"maximum":190.5},{"name":"mood","kind":"category","values":["calm"]}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<Attribute>>(&text).unwrap(), dataset().attributes);
    }

    #[test]
    fn the_schema_hash_ignores_counts_and_sees_every_declaration() {
        let one = dataset();
        let mut more = one.clone();
        more.counts.items = 9;
        more.name = "other".into();
        assert_eq!(one.schema_hash(), more.schema_hash());
        more.categories.push("soul".into());
        assert_ne!(one.schema_hash(), more.schema_hash());
        let mut wider = one.clone();
        wider.attributes[0].kind = AttributeKind::Number { minimum: 60.0, maximum: 191.0 };
        assert_ne!(one.schema_hash(), wider.schema_hash());
        let mut heard = one.clone();
        heard
            .attributes
            .push(Attribute { name: "vector".into(), kind: AttributeKind::Vector { dimension: 64 } });
        assert_ne!(one.schema_hash(), heard.schema_hash());
    }

    #[test]
    fn a_missing_file_names_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = format!("{:#}", Dataset::read(folder.path()).unwrap_err());
        assert!(error.contains("segue import") && error.contains("dataset.json"), "{error}");
    }
}

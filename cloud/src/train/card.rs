//! `card.json`: what a model is, what it learned from and until when.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use segue_core::features::Schema;
use segue_core::trust;
use serde::{Deserialize, Serialize};

use crate::catalog::{Dataset, Rule};
use crate::towers::model::{TREES, vector_files};

/// The version of `card.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// The file's name in a model folder.
pub const FILE: &str = "card.json";

/// The code of a refusal to judge a model on what it learned from.
pub const SAW_THE_FUTURE: &str = "model_saw_the_future";

/// What every model folder holds, beside what makes the vectors.
const RANKER: [&str; 2] = ["ranker.onnx", "schema.json"];

/// The files of the model in `folder`: what makes the vectors, the ranker and its schema, and boosted trees for the judge
/// where there are some.
#[must_use]
pub fn files(folder: &Path) -> Vec<&'static str> {
    let mut files = vector_files(folder);
    files.extend(RANKER);
    files.extend(folder.join(TREES).exists().then_some(TREES));
    files
}

/// What a model is, what it learned from and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of this file: [`FORMAT`].
    pub format: u32,
    /// The name of the data set.
    pub dataset: String,
    /// The hash of its declarations, which the schema repeats.
    pub schema_hash: String,
    /// How its events were divided.
    pub split: Rule,
    /// Nothing from this time on was learned from, in milliseconds since 1970; absent where time does not divide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_until: Option<i64>,
    /// The feature schema's version.
    pub schema_version: String,
    /// [`LabelRules::hash`](crate::evaluate::LabelRules::hash) of the rules that it learned by; absent in older cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Size and SHA-256 of each file.
    pub files: BTreeMap<String, FileFacts>,
    /// The program that made it.
    pub program: String,
    /// Wall-clock time of the training.
    pub seconds: f64,
    /// What the training says of itself: settings, counts, its own figures on people it held back.
    pub training: serde_json::Value,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl Card {
    /// The card of the model in `folder`, which learned by the label rules with this hash.
    ///
    /// # Errors
    /// When a file is missing or the schema cannot be used.
    pub fn of(
        folder: &Path,
        dataset: &Dataset,
        split: Rule,
        labels: &str,
        time: Duration,
        training: serde_json::Value,
    ) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        for name in self::files(folder) {
            let bytes = read(&folder.join(name))?;
            files.insert(
                name.to_owned(),
                FileFacts { bytes: bytes.len() as u64, sha256: trust::hash(&bytes) },
            );
        }
        let schema = Schema::from_json(&read(&folder.join("schema.json"))?)?;
        Ok(Self {
            format: FORMAT,
            dataset: dataset.name.clone(),
            schema_hash: dataset.schema_hash(),
            trained_until: split.trained_until_ms(),
            split,
            schema_version: schema.version,
            labels: Some(labels.to_owned()),
            files,
            program: format!("segue {}", env!("CARGO_PKG_VERSION")),
            seconds: time.as_secs_f64(),
            training,
        })
    }

    /// The card in a model folder; none where there is no such file.
    ///
    /// # Errors
    /// When it is damaged or of another version.
    pub fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let card: Self = serde_json::from_slice(&read(&path)?)
            .with_context(|| format!("{} is no model card", path.display()))?;
        ensure!(
            card.format == FORMAT,
            "{} has format {}, this program reads {FORMAT}: train the model again",
            path.display(),
            card.format
        );
        Ok(Some(card))
    }

    /// Writes it into a model folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether the files in `folder` are those that the card tells of.
    ///
    /// # Errors
    /// Names the file that is another one, and what the card says of it.
    pub fn describes(&self, folder: &Path) -> anyhow::Result<()> {
        for name in self::files(folder) {
            let bytes = read(&folder.join(name))?;
            let found = FileFacts { bytes: bytes.len() as u64, sha256: trust::hash(&bytes) };
            let told = self.files.get(name).with_context(|| format!("{name} is not in {FILE}"))?;
            ensure!(
                *told == found,
                "{name} has {} bytes of hash {}, {FILE} tells of {} of hash {}",
                found.bytes,
                found.sha256,
                told.bytes,
                told.sha256
            );
        }
        let schema = Schema::from_json(&read(&folder.join("schema.json"))?)?;
        let told = &self.schema_version;
        ensure!(schema.version == *told, "schema.json is {:?}, {FILE} tells of {told:?}", schema.version);
        Ok(())
    }

    /// What somebody should know who judges the model by the label rules with this hash: that it learned by others. Of a card
    /// that does not say by which, nothing is known.
    #[must_use]
    pub fn remark(&self, labels: &str) -> Option<String> {
        let learned = self.labels.as_deref().filter(|learned| *learned != labels)?;
        Some(format!(
            "the model learned by label rules of hash {learned}, it is judged by rules of hash {labels}: name those it learned \
             by with --labels FILE, or train one by these with `segue train`"
        ))
    }

    /// Whether the model may be judged on what `rule` holds out of the data set it was trained on.
    ///
    /// # Errors
    /// [`SAW_THE_FUTURE`] when it learned from beyond the boundary, or from events that `rule` holds out.
    pub fn check(&self, rule: &Rule) -> anyhow::Result<()> {
        let remedy = "judge it on later events, or train again with `segue train`";
        match (self.trained_until, rule.boundary_ms()) {
            (Some(until), Some(boundary)) if until <= boundary => Ok(()),
            (Some(until), Some(boundary)) => {
                bail!(
                    "{SAW_THE_FUTURE}: it learned until {until}, the judged time begins at {boundary}: {remedy}"
                )
            }
            (None, None) if self.split == *rule => Ok(()),
            _ => bail!(
                "{SAW_THE_FUTURE}: it was trained for the split {:?}, judged is {rule:?}: {remedy}",
                self.split
            ),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(split: Rule) -> Card {
        Card {
            format: FORMAT,
            dataset: "made".into(),
            schema_hash: "0".into(),
            split,
            trained_until: split.trained_until_ms(),
            schema_version: "1".into(),
            labels: None,
            files: BTreeMap::new(),
            program: "segue".into(),
            seconds: 1.0,
            training: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_model_that_learned_beyond_the_boundary_is_refused() {
        let at = |boundary_ms| Rule::Time { boundary_ms };
        assert!(card(at(100)).check(&at(100)).is_ok());
        assert!(card(at(100)).check(&at(101)).is_ok());
        let error = card(at(100)).check(&at(99)).unwrap_err().to_string();
        assert!(error.starts_with(SAW_THE_FUTURE) && error.contains("segue train"), "{error}");
    }

    #[test]
    fn a_model_of_another_fold_or_another_rule_is_refused() {
        let fold = |held_out| Rule::Folds { folds: 5, held_out };
        assert!(card(fold(2)).check(&fold(2)).is_ok());
        for other in [fold(1), Rule::LeaveOneOut, Rule::Time { boundary_ms: 5 }] {
            assert!(card(fold(2)).check(&other).unwrap_err().to_string().starts_with(SAW_THE_FUTURE));
        }
    }

    #[test]
    fn a_model_that_learned_by_other_label_rules_is_told_of_and_an_older_card_is_accepted() {
        let older = card(Rule::LeaveOneOut);
        assert!(!serde_json::to_string(&older).unwrap().contains("labels"));
        assert_eq!(older.remark("mine"), None);
        let card = Card { labels: Some("theirs".into()), ..older };
        assert_eq!(card.remark("theirs"), None);
        let remark = card.remark("mine").unwrap();
        for said in ["hash theirs", "hash mine", "--labels FILE", "segue train"] {
            assert!(remark.contains(said), "{remark}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_no_file_is_no_card() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Card::read(folder.path()).unwrap(), None);
        let card = card(Rule::LeaveOneOut);
        card.write(folder.path()).unwrap();
        assert_eq!(Card::read(folder.path()).unwrap(), Some(card));
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Card::read(folder.path()).is_err());
    }
}

//! Which model is judged.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::LabelRules;
use crate::catalog::{Catalogue, Rule};
use crate::towers::ModelDirectory;
use crate::towers::model::TREES;
use crate::train::{self, Card, fold_folder};

/// Which model is judged; never one that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// None: vectors by metadata and co-occurrence, ranked by the policy's linear weights.
    None,
    /// The models that come with the program.
    Demo,
    /// A model's folder.
    Folder(PathBuf),
}

impl Choice {
    /// What `--model` asks for (a folder, `demo` or `none`), else the data's current model, else what `train` makes.
    ///
    /// # Errors
    /// When there is no model and none can be trained.
    pub fn of(
        asked: Option<&str>,
        data: &Path,
        train: impl FnOnce() -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<Self> {
        Ok(match asked {
            Some("none") => Self::None,
            Some("demo") => Self::Demo,
            Some(folder) => Self::Folder(folder.into()),
            None => Self::Folder(match train::current(data) {
                Some(folder) => folder,
                None => train()?,
            }),
        })
    }

    /// The model for the catalogue and its split; where sessions are split by folds, the one for the fold held out.
    ///
    /// # Errors
    /// `model_saw_the_future`; when the model was trained for other data, or cannot be read.
    pub fn open(&self, catalogue: &Catalogue) -> anyhow::Result<Option<ModelDirectory>> {
        let model = match self {
            Self::None => return Ok(None),
            Self::Demo => ModelDirectory::demo(),
            Self::Folder(folder) => self::folder(folder, &catalogue.split.rule)?,
        };
        ensure!(
            model.fits(&catalogue.dataset)?,
            "the model {} was trained for other attributes and categories than this data has: train one with `segue \
             train`, or judge without one by --model none",
            model.origin
        );
        Ok(Some(model))
    }

    /// Whether there is a model for each fold.
    #[must_use]
    pub fn has_folds(&self) -> bool {
        match self {
            Self::Folder(folder) => fold_folder(folder, 0).is_dir(),
            Self::None | Self::Demo => true,
        }
    }

    /// Why the judge has no row of boosted trees; none where the model has them.
    #[must_use]
    pub fn without_trees(&self) -> Option<&'static str> {
        match self {
            Self::None => Some("there is no model to learn beside"),
            Self::Demo => None,
            Self::Folder(folder) if folder.join(TREES).exists() => None,
            Self::Folder(_) => {
                Some("the model has no gbdt.onnx: LightGBM was not installed when it was trained")
            }
        }
    }

    /// Until when the model learned, in milliseconds since 1970, by its card; else why there is no such time.
    ///
    /// # Errors
    /// When the card is damaged or of another version.
    pub fn trained_until(&self) -> anyhow::Result<Result<i64, &'static str>> {
        Ok(match self {
            Self::None => Err("there is no model"),
            Self::Demo => Err("the demo's model learned from generated data of another seed"),
            Self::Folder(folder) => match Card::read(folder)? {
                Some(card) => card.trained_until.ok_or("time does not divide this data"),
                None => Err("the model has no card: what it learned from is not known"),
            },
        })
    }

    /// What somebody should know who judges it by `rules`: that it learned by others.
    ///
    /// # Errors
    /// When the card is damaged or of another version.
    pub fn remark(&self, rules: &LabelRules) -> anyhow::Result<Option<String>> {
        let Self::Folder(folder) = self else { return Ok(None) };
        let Some(card) = Card::read(folder)? else { return Ok(None) };
        Ok(card.remark(&rules.hash()?).map(|remark| format!("{}: {remark}", folder.display())))
    }

    /// Its word in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::None => "none".into(),
            Self::Demo => "demo".into(),
            Self::Folder(folder) => std::fs::canonicalize(folder)
                .ok()
                .and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()))
                .unwrap_or_else(|| folder.display().to_string()),
        }
    }
}

/// The model in a folder that may be judged by `rule`. One without a card says nothing about what it saw.
fn folder(folder: &Path, rule: &Rule) -> anyhow::Result<ModelDirectory> {
    let folder = match rule {
        Rule::Folds { held_out, .. } if fold_folder(folder, *held_out).is_dir() => {
            fold_folder(folder, *held_out)
        }
        _ => folder.to_owned(),
    };
    if let Some(card) = Card::read(&folder)? {
        card.check(rule)?;
    }
    ModelDirectory::open(&folder)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::towers::samples;

    #[test]
    fn without_a_model_of_its_own_data_is_trained_on_and_never_judged_with_the_demos() {
        let data = tempfile::tempdir().unwrap();
        let choice = Choice::of(None, data.path(), || Ok("trained".into())).unwrap();
        assert_eq!(choice, Choice::Folder("trained".into()));
        assert!(Choice::of(None, data.path(), || bail!("no Python")).is_err());
        let current = data.path().join("models/current");
        std::fs::create_dir_all(&current).unwrap();
        let until = Choice::Folder(current.clone()).trained_until().unwrap();
        assert!(until.unwrap_err().contains("no card"));
        let choice = Choice::of(None, data.path(), || bail!("not needed")).unwrap();
        assert_eq!(choice, Choice::Folder(current));
        assert_eq!(Choice::of(Some("demo"), data.path(), || bail!("no")).unwrap(), Choice::Demo);
    }

    #[test]
    fn a_model_that_learned_by_other_label_rules_than_it_is_judged_by_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let (dataset, rules) = (samples::catalogue().dataset, LabelRules::of("radio").unwrap());
        let choice = Choice::Folder(folder.path().to_owned());
        let remark = || choice.remark(&rules).unwrap();
        assert_eq!((remark(), Choice::Demo.remark(&rules).unwrap()), (None, None), "nobody knows");
        let mut card = Card {
            format: train::card::FORMAT,
            dataset: dataset.name.clone(),
            schema_hash: dataset.schema_hash(),
            split: Rule::LeaveOneOut,
            trained_until: None,
            schema_version: "1".into(),
            labels: Some(rules.hash().unwrap()),
            files: [].into(),
            program: "segue".into(),
            seconds: 1.0,
            training: serde_json::Value::Null,
        };
        card.write(folder.path()).unwrap();
        assert_eq!(remark(), None);
        card.labels = Some("theirs".into());
        card.write(folder.path()).unwrap();
        let remark = remark().unwrap();
        let of = |text: &str| remark.contains(text);
        assert!(of("hash theirs") && of(&rules.hash().unwrap()) && of("--labels"), "{remark}");
    }

    #[test]
    fn a_model_of_other_data_is_refused() {
        let error = Choice::Demo.open(&samples::catalogue()).unwrap_err().to_string();
        assert!(error.contains("segue train") && error.contains("--model none"), "{error}");
        assert_eq!(Choice::None.open(&samples::catalogue()).unwrap(), None);
    }

    #[test]
    fn trees_are_judged_where_the_model_has_them_and_else_there_is_a_reason() {
        assert_eq!((Choice::Demo.without_trees(), ModelDirectory::demo().trees.is_some()), (None, true));
        let folder = tempfile::tempdir().unwrap();
        let choice = Choice::Folder(folder.path().to_owned());
        assert!(choice.without_trees().unwrap().contains(TREES));
        std::fs::write(folder.path().join(TREES), "trees").unwrap();
        assert_eq!(choice.without_trees(), None);
    }
}

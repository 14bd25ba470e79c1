//! From a data folder to its model: one model folder per split, learned from what lies before the boundary.
//!
//! The learning itself is Python's (`cloud/training`). It asks `segue features` for every array, so this only prepares a
//! view of the data with the split asked for, calls it, writes the [`Card`] and puts the result in place:
//! `models/HASH/` first, then the link `models/current`. A run that is killed leaves the model before in use.

pub mod card;
mod folder;
mod python;
mod view;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::catalog::split::Split;
use crate::catalog::{Dataset, Rule};
use crate::evaluate::LabelRules;

pub use card::{Card, SAW_THE_FUTURE};
pub use folder::{current, fold_folder};
pub use python::{Python, Retriever, Weights};

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The preset of `split.json` to go by; its own rule without one.
    pub split: Option<String>,
    /// The Python with PyTorch; `SEGUE_PYTHON`, else `python3`, without one.
    pub python: Option<PathBuf>,
    /// The folder with `segue_training`; looked for around the program and the working folder without one.
    pub training: Option<PathBuf>,
    /// The label rules to learn by; the data folder's own, else those that ship, without them.
    pub labels: Option<PathBuf>,
    /// What makes the vectors.
    pub retriever: Retriever,
    /// How the ranker's file keeps its weights.
    pub weights: Weights,
    /// Processes that learn together, one for each GPU; 0 and 1 are one.
    pub processes: u32,
}

/// Trains a model for data folder `data` and makes it current; returns its folder. Its vectors go on from those of the model
/// in use, where that saw nothing of what is held out.
///
/// Where sessions are split by folds there is one model for each fold, in `folds/N` of the folder; the folder itself
/// holds that of the fold that `split.json` holds out.
///
/// # Errors
/// When Python lacks a package (says what to install), there is nothing to learn from, or a folder cannot be written.
pub fn run(data: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    let dataset = Dataset::read(data)?;
    let rule = Split::read(data)?.named(options.split.as_deref())?;
    let python = Python::find(options.python.as_deref(), options.training.as_deref())?;
    // Rules that cannot be read are told of before the work begins.
    let rules = LabelRules::of_data(data, options.labels.as_deref(), &dataset.surface)?.hash()?;
    let labels = options.labels.clone().or_else(|| LabelRules::file_of(data));
    let staging = folder::Staging::create(data)?;
    for (fold, rule) in parts(rule) {
        let begun = Instant::now();
        let view = view::make(data, &staging.work(), rule, labels.as_deref())?;
        let output = fold.map_or_else(|| staging.model(), |fold| fold_folder(&staging.model(), fold));
        let before = before(data, fold, &dataset, &rule)?;
        let facts = python.train(&view, &staging.work(), &output, before.as_deref(), options)?;
        Card::of(&output, &dataset, rule, &rules, begun.elapsed(), facts)?.write(&output)?;
    }
    if let Rule::Folds { held_out, .. } = rule {
        folder::copy_files(&fold_folder(&staging.model(), held_out), &staging.model())?;
    }
    staging.publish()
}

/// The model in use, for new vectors to go on from: one for other declarations is none, nor one that saw what `rule` holds out.
fn before(data: &Path, fold: Option<u32>, dataset: &Dataset, rule: &Rule) -> anyhow::Result<Option<PathBuf>> {
    let Some(model) = current(data) else { return Ok(None) };
    let model = fold.map_or_else(|| model.clone(), |fold| fold_folder(&model, fold));
    let card = Card::read(&model)?.filter(|card| card.schema_hash == dataset.schema_hash());
    Ok(card.is_some_and(|card| card.check(rule).is_ok()).then_some(model))
}

/// The rules to train for: one, or one for each fold.
fn parts(rule: Rule) -> Vec<(Option<u32>, Rule)> {
    match rule {
        Rule::Folds { folds, .. } => (0..folds).map(|fold| (Some(fold), rule.with_fold(fold))).collect(),
        _ => vec![(None, rule)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    /// A data folder whose model in use has a card of this split.
    fn data(split: Rule, dataset: &Dataset) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("models/current");
        std::fs::create_dir_all(&model).unwrap();
        let card = Card {
            format: card::FORMAT,
            dataset: dataset.name.clone(),
            schema_hash: dataset.schema_hash(),
            trained_until: split.trained_until_ms(),
            split,
            schema_version: "1".into(),
            labels: None,
            files: [].into(),
            program: "segue".into(),
            seconds: 1.0,
            training: serde_json::Value::Null,
        };
        card.write(&model).unwrap();
        folder
    }

    #[test]
    fn vectors_go_on_from_a_model_that_saw_nothing_of_what_is_held_out() {
        let at = |boundary_ms| Rule::Time { boundary_ms };
        let dataset = samples::catalogue().dataset;
        let folder = data(at(100), &dataset);
        let found = |rule| before(folder.path(), None, &dataset, &rule).unwrap();
        assert_eq!(found(at(200)), current(folder.path()));
        assert_eq!(found(at(99)), None);
        assert_eq!(found(Rule::LeaveOneOut), None);
    }

    #[test]
    fn vectors_do_not_go_on_from_other_declarations_or_from_nothing() {
        let dataset = samples::catalogue().dataset;
        let other = Dataset { categories: vec!["pop".into()], ..dataset.clone() };
        let rule = Rule::Time { boundary_ms: 100 };
        let folder = data(rule, &other);
        assert_eq!(before(folder.path(), None, &dataset, &rule).unwrap(), None);
        assert_eq!(before(Path::new("no-such-data"), None, &dataset, &rule).unwrap(), None);
        assert_eq!(before(folder.path(), Some(1), &other, &rule).unwrap(), None);
    }
}

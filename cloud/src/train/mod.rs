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

pub use card::{Card, SAW_THE_FUTURE};
pub use folder::{current, fold_folder};
pub use python::Python;

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The preset of `split.json` to go by; its own rule without one.
    pub split: Option<String>,
    /// The Python with PyTorch; `SEGUE_PYTHON`, else `python3`, without one.
    pub python: Option<PathBuf>,
    /// The folder with `segue_training`; looked for around the program and the working folder without one.
    pub training: Option<PathBuf>,
}

/// Trains a model for data folder `data` and makes it current; returns its folder.
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
    let staging = folder::Staging::create(data)?;
    for (fold, rule) in parts(rule) {
        let begun = Instant::now();
        let view = view::make(data, &staging.work(), rule)?;
        let output = fold.map_or_else(|| staging.model(), |fold| fold_folder(&staging.model(), fold));
        let facts = python.train(&view, &staging.work(), &output)?;
        Card::of(&output, &dataset, rule, begun.elapsed(), facts)?.write(&output)?;
    }
    if let Rule::Folds { held_out, .. } = rule {
        folder::copy_files(&fold_folder(&staging.model(), held_out), &staging.model())?;
    }
    staging.publish()
}

/// The rules to train for: one, or one for each fold.
fn parts(rule: Rule) -> Vec<(Option<u32>, Rule)> {
    match rule {
        Rule::Folds { folds, .. } => (0..folds).map(|fold| (Some(fold), rule.with_fold(fold))).collect(),
        _ => vec![(None, rule)],
    }
}

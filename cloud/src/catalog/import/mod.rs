//! `segue import`: other people's tables into the data folder.
//!
//! Each format is one file here. They hand rows to the [`builder::Builder`],
//! which checks them; a row that fails is counted and written to
//! `rejects.jsonl`, and the import goes on.

pub mod builder;
pub(crate) mod calendar;
pub mod columns;
mod cpcd;
pub mod csv_file;
mod eshop;
mod generic;
mod kuai;
mod lastfm;
pub mod lines;
mod movielens;
mod obd;
pub mod reject;
mod remarks;
mod retailrocket;
mod segmm;
mod spotify;
pub mod vocabulary;
mod yambda;

#[cfg(test)]
mod lost_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod yambda_tests;

use std::path::Path;

use anyhow::ensure;
use clap::ValueEnum;

use builder::{Builder, Outcome};

use crate::catalog::Item;

pub use builder::Events;

/// Longest line (or row of comma-separated values), in bytes.
pub const LINE_BYTES: usize = 1 << 20;

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON Lines, one file per table.
    Jsonl,
    /// Comma-separated values with a header, one file per table.
    Csv,
    /// Parquet, one file per table.
    Parquet,
    /// MovieLens: ratings of films, of any edition.
    Movielens,
    /// Conversational Playlist Curation Dataset.
    Cpcd,
    /// Clicks in an e-shop for clothing.
    Eshop,
    /// SegMM: views of short videos.
    Segmm,
    /// Last.fm listening, with negatives for a ranking task.
    Lastfm,
    /// Open Bandit Dataset: fashion impressions with propensities.
    Obd,
    /// KuaiRand: views of short videos with gestures.
    Kuairand,
    /// KuaiRec: how much of short videos was watched.
    Kuairec,
    /// Spotify's sequential skip prediction log.
    Spotify,
    /// RetailRocket: views, carts and purchases in a shop.
    Retailrocket,
    /// Yambda: listening on Yandex Music.
    Yambda,
}

impl Format {
    /// The word on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Movielens => "movielens",
            Self::Cpcd => "cpcd",
            Self::Eshop => "eshop",
            Self::Segmm => "segmm",
            Self::Lastfm => "lastfm",
            Self::Obd => "obd",
            Self::Kuairand => "kuairand",
            Self::Kuairec => "kuairec",
            Self::Spotify => "spotify",
            Self::Retailrocket => "retailrocket",
            Self::Yambda => "yambda",
        }
    }
}

/// Reads `path` and replaces the tables of the data folder. `surface` says where
/// the events come from, when it is not the format's usual one.
///
/// # Errors
/// When a file cannot be read, nothing usable is in it, none of its events is, or the folder cannot be written.
pub fn run(format: Format, path: &Path, surface: Option<&str>, data: &Path) -> anyhow::Result<Outcome> {
    ensure!(path.exists(), "{} does not exist", path.display());
    let mut builder = Builder::new(format.name());
    if let Some(surface) = surface {
        let known: Vec<&str> = segue_core::policies::ALL.iter().map(|(name, _)| *name).collect();
        ensure!(
            known.contains(&surface),
            "the surface {surface:?} is unknown: use one of {}",
            known.join(", ")
        );
        builder.surface(surface);
    }
    match format {
        Format::Jsonl | Format::Csv | Format::Parquet => generic::import(format, path, data, builder),
        Format::Movielens => movielens::import(path, data, builder),
        Format::Cpcd => cpcd::import(path, data, builder),
        Format::Eshop => eshop::import(path, data, builder),
        Format::Segmm => segmm::import(path, data, builder),
        Format::Lastfm => lastfm::import(path, data, builder),
        Format::Obd => obd::import(path, data, builder),
        Format::Kuairand => kuai::random(path, data, builder),
        Format::Kuairec => kuai::recorded(path, data, builder),
        Format::Spotify => spotify::import(path, data, builder),
        Format::Retailrocket => retailrocket::import(path, data, builder),
        Format::Yambda => yambda::import(path, data, builder),
    }
}

/// Reads the events of one file (`.csv`, `.parquet`, else JSON Lines) by the rules of an import, for a catalogue of these items
/// that is there already.
///
/// # Errors
/// When the file cannot be read; a bad row is counted instead.
pub fn events(path: &Path, items: &[Item]) -> anyhow::Result<Events> {
    ensure!(path.is_file(), "{} is no file", path.display());
    let mut builder = Builder::new("sessions");
    generic::events(path, &mut builder)?;
    Ok(builder.into_events(items))
}

// Files whose names begin and end like this, in a folder, in its `data` or in its `training_set` and `track_features`, as
// the archives unpack; or the file itself; sorted.
fn named(path: &Path, beginning: &str, ending: &str) -> Vec<std::path::PathBuf> {
    let is_named = |file: &std::path::PathBuf| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        file.is_file() && name.starts_with(beginning) && name.ends_with(ending)
    };
    let mut found = vec![path.to_owned()];
    for folder in ["", "data", "training_set", "track_features"] {
        let entries = std::fs::read_dir(path.join(folder)).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()));
    }
    found.retain(is_named);
    found.sort();
    found
}

// The same, where there has to be at least one.
fn required(path: &Path, beginning: &str, ending: &str) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let found = named(path, beginning, ending);
    ensure!(!found.is_empty(), "{}: no file {beginning}*{ending}", path.display());
    Ok(found)
}

// Files of a folder, or the file itself, whose names end like this; sorted.
fn files(path: &Path, ending: &str) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    if path.is_file() {
        found.push(path.to_owned());
    } else {
        for entry in std::fs::read_dir(path)? {
            let file = entry?.path();
            if file.is_file() && file.to_string_lossy().ends_with(ending) {
                found.push(file);
            }
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{}: no file that ends in {ending}", path.display());
    Ok(found)
}

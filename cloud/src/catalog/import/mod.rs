//! `segue import`: other people's tables into the data folder.
//!
//! Each format is one file here. They hand rows to the [`builder::Builder`],
//! which checks them; a row that fails is counted and written to
//! `rejects.jsonl`, and the import goes on.

pub mod builder;
mod calendar;
pub mod columns;
mod cpcd;
pub mod csv_file;
mod eshop;
mod generic;
mod lastfm;
pub mod lines;
mod movielens;
mod obd;
pub mod reject;
mod segmm;
pub mod vocabulary;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::ensure;
use clap::ValueEnum;

use builder::{Builder, Outcome};

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
    /// MovieLens: ratings of films.
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
        }
    }
}

/// Reads `path` and replaces the tables of the data folder. `surface` says where
/// the events come from, when it is not the format's usual one.
///
/// # Errors
/// When a file cannot be read, nothing usable is in it, or the folder cannot be written.
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
    }
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

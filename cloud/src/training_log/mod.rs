//! The training log: what was shown, with what became of it, as Parquet files by date and hour.
//!
//! `D/training/date=2026-11-22/hour=05/part-N.parquet` holds the places that the service heard of in that hour (UTC), one
//! row each, written once their label windows are over. An hour is an hour of the service's clock: nothing comes into it
//! later, so that its file follows from the log alone and may be written again at any time. Lists that the service made, or
//! that devices tell of, are kept with the very numbers that the model saw ([`Slates`]); their rows carry them. Who is forgotten is taken out
//! of all files ([`erase()`]). The service has what is due written by a process of its own.

pub(crate) mod calendar;
mod erase;
mod export;
mod hours;
mod labels;
mod rows;
mod slates;
mod state;
mod table;
mod told;
mod write;

pub use erase::{Guard, erase};
pub(crate) use export::{export, lists};
pub use slates::{Kept, KeptPlace, Slates};
pub(crate) use state::{last_run_ms, written_until_ms};
pub(crate) use told::{Teller, Told};
pub use write::{Summary, write};

use std::path::{Path, PathBuf};

/// How long it is waited for what becomes of something shown, in hours.
pub const LABEL_HOURS: i64 = 24;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Where the training log of a data folder lies.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join("training")
}

#[cfg(test)]
mod tests;

//! How far the training log was written.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::{HOUR_MS, LABEL_HOURS, folder};
use crate::stores::disk::write_synced;

/// The version of the file.
const FORMAT: u32 = 1;

/// What `D/training/state.json` holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    /// The first hour that is not written.
    pub(super) next: i64,
    /// The last event of the hours that nothing to come asks for, and its hour.
    pub(super) after: u64,
    pub(super) clock: i64,
    /// When everything was written that was due, in milliseconds since 1970; none where an older version wrote it.
    #[serde(default)]
    pub(super) run_ms: Option<i64>,
}

impl State {
    /// That of data folder `data`; one of nothing written where there is none.
    pub(super) fn read(data: &Path) -> anyhow::Result<Self> {
        let path = path(data);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { format: FORMAT, next: i64::MIN, after: 0, clock: i64::MIN, run_ms: None });
            }
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let state: Self = serde_json::from_slice(&bytes).with_context(|| {
            format!("{} is damaged; remove it: every hour is written anew", path.display())
        })?;
        ensure!(
            state.format == FORMAT,
            "{} has format {}; start a newer segue",
            path.display(),
            state.format
        );
        Ok(state)
    }

    pub(super) fn write(&self, data: &Path) -> anyhow::Result<()> {
        let path = path(data);
        write_synced(&path, &serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// The end of the last hour that was due when it was written last, in milliseconds since 1970. An hour in which nobody
    /// saw anything is written too.
    fn until_ms(&self) -> Option<i64> {
        self.run_ms.map(|run_ms| (run_ms.div_euclid(HOUR_MS) - LABEL_HOURS) * HOUR_MS)
    }
}

fn path(data: &Path) -> PathBuf {
    folder(data).join("state.json")
}

/// Until when the training log is written, in milliseconds since 1970; none where nobody wrote it yet.
///
/// # Errors
/// When its state cannot be read.
pub(crate) fn written_until_ms(data: &Path) -> anyhow::Result<Option<i64>> {
    Ok(State::read(data)?.until_ms())
}

/// When everything was written last that was due, in milliseconds since 1970; none where nobody wrote it yet, or its state
/// cannot be read.
pub(super) fn last_run_ms(data: &Path) -> Option<i64> {
    State::read(data).ok()?.run_ms
}

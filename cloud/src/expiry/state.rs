//! How far old events were let go of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::events;
use crate::stores::state_file::{self, StateFile};

/// Its name beside the segments. It ends as none of them does, so the log leaves it alone.
pub(crate) const FILE: &str = "expired.json";

/// What `D/received/expired.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    /// What was received before is old, in milliseconds since 1970.
    pub(super) until_ms: i64,
    /// How often something went.
    pub(super) times: u64,
    /// Whether nothing more is to go; not while it is being done, nor after a kill.
    pub(super) is_done: bool,
    /// When that was so last, in milliseconds since 1970.
    pub(super) run_ms: Option<i64>,
}

impl StateFile for State {
    const FORMAT: u32 = 1;
    const REMEDY: &'static str =
        "remove it and run `segue expire-events --at-once`: what is old is found out anew";

    fn format(&self) -> u32 {
        self.format
    }
}

impl State {
    /// That of a log whose first event was received at `begins_ms`, of which nothing went.
    pub(super) fn new(begins_ms: i64) -> Self {
        Self { format: Self::FORMAT, until_ms: begins_ms, times: 0, is_done: true, run_ms: None }
    }

    /// That of data folder `data`; none where nobody let go of anything.
    pub(super) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        state_file::read(&path(data))
    }

    pub(super) fn write(&self, data: &Path) -> anyhow::Result<()> {
        state_file::write(&path(data), self)
    }
}

fn path(data: &Path) -> PathBuf {
    events::folder(data).join(FILE)
}

/// Before when the log of data folder `data` holds only some of what was received, in milliseconds since 1970; none where
/// nothing ever went.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn expired_until_ms(data: &Path) -> anyhow::Result<Option<i64>> {
    let state = State::read(data)?;
    Ok(state.filter(|state| state.times > 0 || !state.is_done).map(|state| state.until_ms))
}

/// Another word each time that events may have gone since; empty where none ever did. Who compares how many events there
/// are of somebody with how many there were has to begin anew with each word.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn mark(data: &Path) -> anyhow::Result<String> {
    let state = State::read(data)?.filter(|state| state.times > 0 || !state.is_done);
    Ok(state.map_or_else(String::new, |state| format!("{} {}", state.times, state.is_done)))
}

/// When it was done last; none where it never was, or that cannot be read.
pub(crate) fn last_run_ms(data: &Path) -> Option<i64> {
    State::read(data).ok()??.run_ms
}

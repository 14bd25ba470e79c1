//! The consumer's state on the disk: counters and their place in the log as one file, replaced as a whole.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::counters::Counters;
use crate::events::LeftOut;
use crate::stores::{FolderValues, KeyValue as _};

/// What the file begins with; the last two bytes are the format's version.
const HEAD: &[u8; 6] = b"sgct\0\x02";
const CHECKSUM: usize = 32;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved<T> {
    /// The number of the last event that was counted.
    pub(super) seen: u64,
    /// The number of the first event that the verdict on the next one follows from.
    pub(super) judged_from: u64,
    /// What it was counted by.
    pub(super) basis: String,
    /// What was left out.
    pub(super) left_out: LeftOut,
    /// What was counted.
    pub(super) counters: T,
}

/// Its key among the values of a data folder.
const KEY: &str = "consumers/counters";

/// Its place in data folder `data`.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join(KEY)
}

/// The state that was written last; none where none was, or it is of another format. It can be made again.
pub(super) fn read(data: &Path) -> anyhow::Result<Option<Saved<Counters>>> {
    read_as(data)
}

/// The number of the last event of the state in data folder `data`; none where there is none.
///
/// # Errors
/// When it cannot be read or is damaged.
pub(crate) fn counted(data: &Path) -> anyhow::Result<Option<u64>> {
    Ok(read_as::<IgnoredAny>(data)?.map(|saved| saved.seen))
}

fn read_as<T: DeserializeOwned>(data: &Path) -> anyhow::Result<Option<Saved<T>>> {
    let values = FolderValues::new(data);
    let place = values.place(KEY);
    let bytes = values.get(KEY).with_context(|| format!("cannot read {place}"))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let damaged = || format!("{place} is damaged and is made again from the log");
    let body = bytes.strip_prefix(HEAD).with_context(damaged)?;
    let (checksum, body) = body.split_at_checked(CHECKSUM).with_context(damaged)?;
    ensure!(Sha256::digest(body).as_slice() == checksum, damaged());
    Ok(Some(rmp_serde::from_slice(body).with_context(damaged)?))
}

/// Puts a state in the place of the one before, durably.
pub(super) fn write(data: &Path, saved: &Saved<&Counters>) -> anyhow::Result<()> {
    let values = FolderValues::new(data);
    let body = rmp_serde::to_vec(saved)?;
    let bytes = [HEAD.as_slice(), Sha256::digest(&body).as_slice(), &body].concat();
    values.put(KEY, &bytes).with_context(|| format!("cannot write {}", values.place(KEY)))
}

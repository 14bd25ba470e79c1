//! The consumer's state on the disk: counters and their place in the log as one file, replaced as a whole.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::counters::Counters;
use crate::events::LeftOut;
use crate::packs::{create_folder, write_synced};

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

/// Its place in data folder `data`.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("consumers").join("counters")
}

/// The state that was written last; none where none was, or it is of another format. It can be made again.
pub(super) fn read(data: &Path) -> anyhow::Result<Option<Saved<Counters>>> {
    let path = path(data);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let damaged = || format!("{} is damaged and is made again from the log", path.display());
    let body = bytes.strip_prefix(HEAD).with_context(damaged)?;
    let (checksum, body) = body.split_at_checked(CHECKSUM).with_context(damaged)?;
    ensure!(Sha256::digest(body).as_slice() == checksum, damaged());
    Ok(Some(rmp_serde::from_slice(body).with_context(damaged)?))
}

/// Puts a state in the place of the one before, durably.
pub(super) fn write(data: &Path, saved: &Saved<&Counters>) -> anyhow::Result<()> {
    let path = path(data);
    let body = rmp_serde::to_vec(saved)?;
    let bytes = [HEAD.as_slice(), Sha256::digest(&body).as_slice(), &body].concat();
    create_folder(&data.join("consumers"))
        .and_then(|()| write_synced(&path, &bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

//! Putting a backup back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::copy::{copy, make_link};
use super::list::Contents;
use crate::config::Config;
use crate::erasure::{self, Tombstones};
use crate::state::AppState;
use crate::stores::disk::write_synced;

const TOMBSTONES: &str = "erased.jsonl";

/// How it is known who was forgotten since the backup was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tombstoned {
    /// The folder that is restored to has the newer file.
    There,
    /// This is the newer file.
    In(PathBuf),
    /// Nobody was: the operator says so.
    NobodySince,
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Restored {
    /// Files.
    pub files: usize,
    /// Bytes.
    pub bytes: u64,
    /// The generation in force.
    pub generation: Option<u64>,
    /// Rows of forgotten people that were taken out again.
    pub erased_rows: u64,
}

/// Puts the backup in `from` back into data folder `data`, which holds nothing, or nothing but `erased.jsonl`.
///
/// # Errors
/// When the backup is damaged, `data` holds something, or nobody can say who was forgotten meanwhile. What was put back
/// is then no data folder: remove it and begin again.
pub fn restore(from: &Path, data: &Path, tombstoned: &Tombstoned) -> anyhow::Result<Restored> {
    let contents = Contents::read(from)?;
    contents.check(from)?;
    ensure_empty(data)?;
    let tombstones = newest_tombstones(from, data, tombstoned)?;
    crate::stores::disk::create_folder(data).with_context(|| format!("making {}", data.display()))?;
    // First, so that a restore that is interrupted shows nobody who was forgotten.
    if let Some(text) = tombstones {
        write_synced(&data.join(TOMBSTONES), text.as_bytes()).context("writing the tombstones")?;
    }
    for held in contents.files.iter().filter(|held| held.path != Path::new(TOMBSTONES)) {
        let restored = match &held.link {
            Some(link) => make_link(link, &data.join(&held.path)),
            None => copy(from, data, &held.path).map(drop),
        };
        restored.with_context(|| format!("putting {} back", held.path.display()))?;
    }
    let erased_rows = erase_again(data).context("taking out who was forgotten")?;
    let (files, bytes) = (contents.files.len(), contents.bytes());
    Ok(Restored { files, bytes, generation: contents.generation, erased_rows })
}

fn ensure_empty(data: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(data) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("listing {}", data.display()))?,
    };
    for entry in entries {
        let name = entry?.file_name();
        ensure!(
            name == TOMBSTONES,
            "{} holds {} already; stop the service, move the folder away, and name its erased.jsonl with --erased",
            data.display(),
            name.display()
        );
    }
    Ok(())
}

/// The text of the newest tombstones: those of the backup with those that came after them.
fn newest_tombstones(from: &Path, data: &Path, tombstoned: &Tombstoned) -> anyhow::Result<Option<String>> {
    let read = |path: &Path| match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).with_context(|| format!("reading {}", path.display())),
    };
    let kept = read(&from.join(TOMBSTONES))?;
    let there = data.join(TOMBSTONES);
    let newer = match tombstoned {
        Tombstoned::NobodySince => return Ok(read(&there)?.or(kept)),
        Tombstoned::In(path) => Some(path),
        Tombstoned::There => there.exists().then_some(&there),
    };
    let Some(newer) = newer else {
        anyhow::bail!(
            "nobody can say who was forgotten since the backup was taken: name the newest erased.jsonl with --erased, \
             or say --nobody-erased-since where nobody was"
        )
    };
    let newer = fs::read_to_string(newer).with_context(|| format!("reading {}", newer.display()))?;
    // Tombstones are only ever added: the newer file begins as the older one, whose last line may be half a one.
    let whole = kept.as_deref().map_or("", |kept| &kept[..kept.rfind('\n').map_or(0, |at| at + 1)]);
    ensure!(
        newer.starts_with(whole),
        "the erased.jsonl that was named is not a later one of this data folder: it lacks tombstones of the backup"
    );
    Ok(Some(newer))
}

/// Takes the rows of everybody who was forgotten out of what was put back, as the service does.
fn erase_again(data: &Path) -> anyhow::Result<u64> {
    Tombstones::open(data)?.ask_all_again()?;
    let state = AppState::open(Config::new(data))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(erasure::carry_out(&state))
}

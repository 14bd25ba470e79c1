//! Taking people out of the training log.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::folder;
use super::rows::{COLUMNS, SESSION, USER};
use super::table::{self, Row};
use crate::dead_letters;
use crate::erasure::Erased;
use crate::events::{Tail, is_sign_in};
use crate::lock::FileLock;
use crate::stores::disk::remove_file;

/// Keeps the training log from being written, until the events are gone too that rows could be made from again.
#[derive(Debug)]
pub struct Guard {
    _lock: FileLock,
}

/// Takes the rows of people out of all files, durably, those of the sessions that they signed in to among them; returns
/// how many. It comes before their events go, which tell of these sessions.
///
/// # Errors
/// When a file cannot be read or replaced; doing it again does no harm.
pub fn erase(data: &Path, erased: &Erased) -> anyhow::Result<Option<(Guard, u64)>> {
    let folder = folder(data);
    if !folder.is_dir() {
        return Ok(None);
    }
    let guard = Guard { _lock: FileLock::take(&folder.join(".lock"))? };
    let sessions = sessions(data, erased)?;
    let is_theirs = |row: &Row| {
        let (user, session) = (row[USER].as_text(), row[SESSION].as_text());
        erased.contains(user) || (user.is_empty() && sessions.contains(session))
    };
    let mut gone = 0;
    for path in parts(&folder)? {
        gone += without(&path, is_theirs)?;
    }
    Ok(Some((guard, gone)))
}

fn sessions(data: &Path, erased: &Erased) -> anyhow::Result<HashSet<String>> {
    let mut sessions = HashSet::new();
    let mut tail = Tail::new(data, 0);
    tail.pass_over(dead_letters::passed_over(data)?);
    tail.read(u64::MAX, |arrival| {
        if is_sign_in(&arrival.event) && erased.contains(&arrival.event.user) {
            sessions.insert(arrival.event.session);
        }
    })?;
    Ok(sessions)
}

fn without(path: &Path, is_theirs: impl Fn(&Row) -> bool) -> anyhow::Result<u64> {
    let mut rows = table::read(path, &COLUMNS)?;
    let before = rows.len();
    rows.retain(|row| !is_theirs(row));
    if rows.is_empty() {
        remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    } else if rows.len() < before {
        table::write(path, &COLUMNS, &rows)?;
    }
    Ok((before - rows.len()) as u64)
}

/// Every file of rows; what a write that was cut off left goes.
pub(super) fn parts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    for left in files(folder, "writing")? {
        remove_file(&left)?;
    }
    files(folder, "parquet")
}

/// Every file below a folder whose name ends so.
pub(super) fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(found) if found == ending => files.push(path),
                _ => {}
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

//! Taking a backup.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::copy::{copy, link, write};
use super::list::{Contents, Held};
use crate::catalog::changes;
use crate::clock::now_ms;
use crate::events;
use crate::expiry;
use crate::packs::PackStore;
use crate::stores::disk::create_folder;

/// Comes after everything else.
const TOMBSTONES: &str = "erased.jsonl";
/// Made again by itself: the refresh's cache and its unfinished runs.
const MADE_AGAIN: &str = "refresh";
/// How often all is copied anew where it changes under the copying.
const TRIES: usize = 5;

/// Copies data folder `data` to the new folder `to`, without the private keys where `keys` is false.
///
/// # Errors
/// When `to` holds something already, a file cannot be copied, or the folder never keeps still.
pub fn take(data: &Path, to: &Path, keys: bool) -> anyhow::Result<Contents> {
    ensure!(data.is_dir(), "there is no data folder {}", data.display());
    let is_new = fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_new, "{} holds something already; name a new folder", to.display());
    ensure!(!absolute(to)?.starts_with(absolute(data)?), "{} lies in the data folder", to.display());
    for _ in 0..TRIES {
        create_folder(to).with_context(|| format!("making {}", to.display()))?;
        if let Some(contents) = attempt(data, to, keys)? {
            contents.write(to)?;
            return Ok(contents);
        }
        fs::remove_dir_all(to).with_context(|| format!("removing {}", to.display()))?;
    }
    bail!("{} changed {TRIES} times while it was copied; wait for imports and refreshes", data.display())
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize().or_else(|_| std::path::absolute(path))
}

/// None where something was replaced or taken away meanwhile.
fn attempt(data: &Path, to: &Path, keys: bool) -> anyhow::Result<Option<Contents>> {
    let begun_ms = now_ms();
    let generation = PackStore::new(data).current()?;
    let look = || walk(data, &|path| is_kept(path, keys) && is_published(data, path, generation));
    let before = look()?;
    let Some(mut files) = copy_all(data, to, before.keys())? else { return Ok(None) };
    // Another pointer makes other generations published, from the first look on.
    if still(look()?) != still(before) || PackStore::new(data).current()? != generation {
        return Ok(None);
    }
    files.extend(log(data, to).context("copying the event log")?);
    let tombstones = Path::new(TOMBSTONES);
    if data.join(tombstones).exists() {
        files.push(copy(data, to, tombstones).context("copying the tombstones")?);
    }
    Ok(Some(Contents::new(begun_ms, generation, keys, files)))
}

/// Files, each with what tells it from another one put in its place: inode, length and time.
type Files = BTreeMap<PathBuf, (u64, u64, i64, i64)>;

/// Those that have to fit together: tables and all that a generation is made of. Others may go on growing, the journal of
/// items' changes among them.
fn still(mut files: Files) -> Files {
    let together = ["served", "models", "policies", "keys"];
    files.retain(|path, _| {
        let is_table = path.iter().count() == 1 && path != Path::new(changes::FILE);
        is_table || together.iter().any(|top| path.starts_with(top))
    });
    files
}

/// Every file but log and tombstones, and but for what is not wanted.
fn walk(data: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> anyhow::Result<Files> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(data.join(&folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("listing {}", data.join(&folder).display()))?,
        };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !is_wanted(&path) {
                continue;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let told = (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
                found.insert(path, told);
            }
        }
    }
    Ok(found)
}

/// Whether a file or folder belongs into a backup; log and tombstones are taken by themselves.
fn is_kept(path: &Path, keys: bool) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let top = path.iter().next().and_then(|part| part.to_str()).unwrap_or_default();
    let in_the_making = name.starts_with('.')
        || name == "lock"
        || [".writing", ".erasing", ".replacing"].iter().any(|ending| name.ends_with(ending));
    let private = top == "keys" && name.starts_with("signing.key");
    !in_the_making && ![MADE_AGAIN, "received", TOMBSTONES].contains(&top) && (keys || !private)
}

/// Whether a folder is none of a generation, or of one that is or was in force: what a killed publication left is cleared by
/// the next one.
fn is_published(data: &Path, folder: &Path, current: Option<u64>) -> bool {
    let name = folder.strip_prefix("served/generations").ok().and_then(Path::to_str);
    let Some(number) = name.and_then(|name| name.parse::<u64>().ok()) else { return true };
    // The one in force is served whatever it lacks.
    current == Some(number)
        || current.is_none_or(|current| number < current) && data.join(folder).join("artefacts").exists()
}

fn copy_all<'a>(
    data: &Path,
    to: &Path,
    paths: impl Iterator<Item = &'a PathBuf>,
) -> anyhow::Result<Option<Vec<Held>>> {
    let mut files = Vec::new();
    for path in paths {
        let is_link = fs::symlink_metadata(data.join(path)).is_ok_and(|found| found.is_symlink());
        let copied = if is_link { link(data, to, path) } else { copy(data, to, path) };
        match copied {
            Ok(held) => files.push(held),
            // A generation that was collected, most likely.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("copying {}", path.display())),
        }
    }
    Ok(Some(files))
}

/// The log's segments, and how far old events left them; of the last one the commits that are whole. What is acknowledged from here
/// on is not in the backup.
fn log(data: &Path, to: &Path) -> anyhow::Result<Vec<Held>> {
    let from = events::folder(data);
    let folder = from.strip_prefix(data)?;
    let segments = events::segments(data)?;
    let mut files = Vec::new();
    for name in segments.full {
        files.push(copy(data, to, &folder.join(name))?);
    }
    if let Some((name, commits)) = segments.last {
        files.push(write(commits.as_slice(), 0o644, to, &folder.join(name))?);
    }
    // After the segments: it tells of what went out of them, and may tell of more.
    let expired = folder.join(expiry::FILE);
    if data.join(&expired).exists() {
        files.push(copy(data, to, &expired)?);
    }
    Ok(files)
}

//! Takes people out of the tables of a data folder.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::Erased;
use crate::stores::disk::sync_folder;

/// The tables that tell of people.
const TABLES: [&str; 3] = ["users.jsonl", "collections.jsonl", "events.jsonl"];

/// What an import refused, as it came; nobody can tell whose it was.
const REJECTS: &str = "rejects.jsonl";

/// Replaces each table that names somebody of `erased` by one without them, durably; returns how many rows went. The
/// rows that an import refused go as a whole.
///
/// # Errors
/// When a table cannot be read or replaced; those before it are replaced already, and doing it again does no harm.
pub(super) fn erase(data: &Path, erased: &Erased) -> anyhow::Result<u64> {
    let mut rows = 0;
    for name in TABLES {
        rows += without(data, name, |row| erased.contains(row))?;
    }
    rows += without(data, REJECTS, |_| true)?;
    Ok(rows)
}

fn without(data: &Path, name: &str, is_erased: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
    let path = data.join(name);
    let file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        opened => opened.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let written = data.join(format!("{name}.erasing"));
    let swap = || -> std::io::Result<u64> {
        let rows = copy(file, &written, is_erased)?;
        match rows {
            0 => std::fs::remove_file(&written)?,
            _ => {
                std::fs::rename(&written, &path)?;
                sync_folder(data)?;
            }
        }
        Ok(rows)
    };
    swap().with_context(|| format!("cannot replace {}", path.display()))
}

/// Copies the rows that stay; returns how many did not.
fn copy(from: File, to: &Path, is_erased: impl Fn(&str) -> bool) -> std::io::Result<u64> {
    #[derive(Deserialize)]
    struct Owned {
        #[serde(default)]
        user: Option<String>,
    }
    let (mut reader, mut rows, mut line) = (BufReader::with_capacity(1 << 18, from), 0, Vec::new());
    let mut writer = BufWriter::with_capacity(1 << 18, File::create(to)?);
    while reader.read_until(b'\n', &mut line)? > 0 {
        let owner = serde_json::from_slice::<Owned>(&line).ok().and_then(|row| row.user);
        match is_erased(owner.as_deref().unwrap_or_default()) {
            true => rows += 1,
            false => writer.write_all(&line)?,
        }
        line.clear();
    }
    writer.into_inner()?.sync_all()?;
    Ok(rows)
}

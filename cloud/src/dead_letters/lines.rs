//! The files of dead letters: one letter a line, added to and replaced as a whole.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::letter::Letter;
use crate::stores::disk::{create_folder, remove_file, sync_folder, write_synced};

/// Rows that the intake refused.
const REFUSED: &str = "letters.jsonl";
/// Events of the log that nobody can read. Everybody who reads the log has to know them to go on, so the file is apart from
/// the one that senders fill.
const UNREADABLE: &str = "unreadable.jsonl";
/// Bytes that refused rows may have: a sender that sends nothing but faults does not fill the disk.
const BYTES: u64 = 64 << 20;

/// Both files, as the service adds to them.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) refused: Lines,
    pub(super) unreadable: Lines,
}

impl Files {
    pub(super) fn open(data: &Path) -> anyhow::Result<Self> {
        let folder = folder(data);
        Ok(Self {
            refused: Lines::open(folder.join(REFUSED), BYTES)?,
            unreadable: Lines::open(folder.join(UNREADABLE), u64::MAX)?,
        })
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    most_bytes: u64,
    /// The last line has no end: a kill or a full disk cut it off.
    is_torn: bool,
}

impl Lines {
    fn open(path: PathBuf, most_bytes: u64) -> anyhow::Result<Self> {
        let is_torn = read(&path)?.last().is_some_and(|byte| *byte != b'\n');
        Ok(Self { path, most_bytes, is_torn })
    }

    /// Adds letters with one write and one sync.
    pub(super) fn append(&mut self, letters: &[&Letter]) -> anyhow::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        create_folder(folder)?;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let length = file.metadata()?.len();
        ensure!(length < self.most_bytes, "{} is full; list and replay what is in it", self.path.display());
        if length == 0 {
            sync_folder(folder)?;
        }
        let mut text = text(letters)?;
        // What was cut off becomes a line of its own.
        if std::mem::replace(&mut self.is_torn, true) {
            text.insert(0, b'\n');
        }
        file.write_all(&text)?;
        self.is_torn = false;
        Ok(file.sync_data()?)
    }
}

/// Every letter of both files, the oldest first; a line that was cut off is none.
///
/// # Errors
/// When a file cannot be read.
pub fn list(data: &Path) -> anyhow::Result<Vec<Letter>> {
    let mut letters = letters(&folder(data).join(REFUSED))?;
    letters.extend(unreadable(data)?);
    letters.sort_by_key(|letter| letter.refused_ms);
    Ok(letters)
}

/// The letters about events of the log.
pub(super) fn unreadable(data: &Path) -> anyhow::Result<Vec<Letter>> {
    letters(&folder(data).join(UNREADABLE))
}

fn letters(path: &Path) -> anyhow::Result<Vec<Letter>> {
    let text = read(path)?;
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Puts `letters` in the place of those there are.
pub(super) fn put(data: &Path, letters: &[Letter]) -> anyhow::Result<()> {
    let (unreadable, refused): (Vec<&Letter>, Vec<&Letter>) =
        letters.iter().partition(|letter| letter.number.is_some());
    replace(&folder(data).join(REFUSED), &refused)?;
    replace(&folder(data).join(UNREADABLE), &unreadable)
}

fn replace(path: &Path, letters: &[&Letter]) -> anyhow::Result<()> {
    if !letters.is_empty() {
        return write_synced(path, &text(letters)?)
            .with_context(|| format!("cannot write {}", path.display()));
    }
    match path.exists() {
        true => remove_file(path).with_context(|| format!("cannot remove {}", path.display())),
        false => Ok(()),
    }
}

fn text(letters: &[&Letter]) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    for letter in letters {
        serde_json::to_writer(&mut text, letter)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read {}", path.display())),
    }
}

fn folder(data: &Path) -> PathBuf {
    data.join("dead_letters")
}

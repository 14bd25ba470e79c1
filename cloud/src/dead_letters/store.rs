//! The file of dead letters, and how often what is not in it was refused.

use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use serde_json::Value;

use super::letter::{Letter, Refuser};
use crate::clock::now_ms;
use crate::erasure::Erased;
use crate::events::{Reject, ledger};
use crate::packs::{create_folder, remove_file, write_synced};

/// How often an event is refused before it is kept.
pub(crate) const TRIES: u32 = 3;
/// Rows whose refusals are counted at once; where there are more, counting begins anew.
const COUNTED: usize = 10_000;
/// Bytes that the file may have: a sender that sends nothing but faults does not fill the disk.
const BYTES: u64 = 64 << 20;
/// Refusals that are not about the row: it is not to be kept, and does not become right.
const NOT_KEPT: [&str; 2] = ["user_erased", "user_forbidden"];

/// The dead letters of a data folder, as the service writes them.
#[derive(Debug)]
pub struct DeadLetters {
    data: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Refusals of each row, by the fingerprint of its text.
    tries: HashMap<u128, u32>,
    letters: u64,
}

impl DeadLetters {
    /// Those of data folder `data`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let letters = list(data)?.len() as u64;
        Ok(Self { data: data.to_owned(), known: Mutex::new(Known { letters, ..Known::default() }) })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lock().letters
    }

    /// Notes that the intake refused rows; those refused for the third time are kept. `rows` are the rows of the batch.
    pub fn refused(&self, rows: &[Value], rejects: &[Reject]) {
        for reject in rejects.iter().filter(|reject| !NOT_KEPT.contains(&reject.code)) {
            let Some(row) = rows.get(reject.index) else { continue };
            if self.tries(row) == TRIES {
                self.keep(&Letter {
                    refused_ms: now_ms(),
                    refuser: Refuser::Intake,
                    number: None,
                    code: reject.code.to_owned(),
                    detail: reject.detail.clone(),
                    event: row.clone(),
                });
            }
        }
    }

    fn tries(&self, row: &Value) -> u32 {
        let mut known = self.lock();
        if known.tries.len() >= COUNTED {
            known.tries.clear();
        }
        let tries = known.tries.entry(ledger::fingerprint(&row.to_string())).or_default();
        *tries += 1;
        *tries
    }

    /// Keeps an event, durably; where that cannot be, the log of the service has it.
    pub fn keep(&self, letter: &Letter) {
        let mut known = self.lock();
        match self.append(letter) {
            Ok(()) => {
                known.letters += 1;
                metrics::counter!("segue_dead_letters_total", "refuser" => letter.refuser.name())
                    .increment(1);
                tracing::warn!(code = %letter.code, number = letter.number, "an event was refused {TRIES} times and is kept apart");
            }
            Err(error) => {
                tracing::error!(code = %letter.code, "a refused event could not be kept: {error:#}")
            }
        }
    }

    fn append(&self, letter: &Letter) -> anyhow::Result<()> {
        let path = path(&self.data);
        create_folder(&folder(&self.data))?;
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        anyhow::ensure!(
            file.metadata()?.len() < BYTES,
            "{} is full; list and replay what is in it",
            path.display()
        );
        // What a kill cut off becomes a line of its own.
        let torn = std::fs::read(&path)?.last().is_some_and(|byte| *byte != b'\n');
        let mut line = if torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, letter)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(file.sync_data()?)
    }

    /// Takes people's events out, durably; what nobody can read goes as well. Returns how many.
    ///
    /// # Errors
    /// When the file cannot be replaced.
    pub fn erase(&self, erased: &Erased) -> anyhow::Result<u64> {
        let mut known = self.lock();
        let letters = list(&self.data)?;
        let before = letters.len();
        let kept: Vec<Letter> = letters.into_iter().filter(|letter| !letter.names(erased)).collect();
        put(&self.data, &kept)?;
        known.letters = kept.len() as u64;
        Ok((before - kept.len()) as u64)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every dead letter of data folder `data`, the oldest first; a line that a kill cut off is none.
///
/// # Errors
/// When the file cannot be read.
pub fn list(data: &Path) -> anyhow::Result<Vec<Letter>> {
    let path = path(data);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Puts `letters` in the place of those there are; removes the file where there are none.
pub(super) fn put(data: &Path, letters: &[Letter]) -> anyhow::Result<()> {
    let path = path(data);
    if letters.is_empty() {
        return match path.exists() {
            true => remove_file(&path).with_context(|| format!("cannot remove {}", path.display())),
            false => Ok(()),
        };
    }
    let mut text = Vec::new();
    for letter in letters {
        serde_json::to_writer(&mut text, letter)?;
        text.push(b'\n');
    }
    write_synced(&path, &text).with_context(|| format!("cannot write {}", path.display()))
}

/// Numbers of events in the log that nobody can read and everybody passes over.
pub(crate) fn passed_over(data: &Path) -> anyhow::Result<BTreeSet<u64>> {
    Ok(list(data)?.into_iter().filter_map(|letter| letter.number).collect())
}

fn folder(data: &Path) -> PathBuf {
    data.join("dead_letters")
}

fn path(data: &Path) -> PathBuf {
    folder(data).join("letters.jsonl")
}

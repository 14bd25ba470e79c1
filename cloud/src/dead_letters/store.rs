//! The dead letters as the service writes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::letter::{Letter, Refuser};
use super::lines::{Files, list, put, unreadable};
use super::tries::{TRIES, Tries};
use crate::clock::now_ms;
use crate::erasure::Erased;
use crate::events::Reject;

/// Refusals that are not about the row: it is not to be kept, and does not become right.
const NOT_KEPT: [&str; 2] = ["user_erased", "user_forbidden"];

/// The dead letters of a data folder, as the service writes them.
#[derive(Debug)]
pub struct DeadLetters {
    data: PathBuf,
    files: Mutex<Files>,
    tries: Mutex<Tries>,
    letters: AtomicU64,
}

impl DeadLetters {
    /// Those of data folder `data`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let letters = AtomicU64::new(list(data)?.len() as u64);
        let (files, tries) = (Mutex::new(Files::open(data)?), Mutex::default());
        Ok(Self { data: data.to_owned(), files, tries, letters })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.letters.load(Ordering::Relaxed)
    }

    /// Notes that the intake refused rows; those refused for the third time are kept. `rows` are the rows of the batch.
    pub fn refused(&self, rows: &[Value], rejects: &[Reject]) {
        let rejects = rejects.iter().filter(|reject| !NOT_KEPT.contains(&reject.code));
        let letters = rejects.filter_map(|reject| {
            let row = rows.get(reject.index)?;
            self.tries().is_last(row, Instant::now()).then(|| Letter {
                refused_ms: now_ms(),
                refuser: Refuser::Intake,
                number: None,
                code: reject.code.to_owned(),
                detail: reject.detail.clone(),
                event: row.clone(),
            })
        });
        self.keep(&letters.collect::<Vec<_>>());
    }

    /// Keeps events, durably; where that cannot be, the log of the service has it.
    pub fn keep(&self, letters: &[Letter]) {
        let (in_log, refused): (Vec<&Letter>, Vec<&Letter>) =
            letters.iter().partition(|letter| letter.number.is_some());
        let mut files = self.files();
        let Files { refused: of_intake, unreadable: of_log } = &mut *files;
        for (lines, letters) in [(of_intake, refused), (of_log, in_log)] {
            let Some(first) = letters.first() else { continue };
            let (code, number, events) = (&first.code, first.number, letters.len());
            if let Err(error) = lines.append(&letters) {
                tracing::error!(%code, number, events, "refused events could not be kept: {error:#}");
                continue;
            }
            self.letters.fetch_add(events as u64, Ordering::Relaxed);
            metrics::counter!("segue_dead_letters_total", "refuser" => first.refuser.name())
                .increment(events as u64);
            tracing::warn!(%code, number, events, "events were refused {TRIES} times and are kept apart");
        }
    }

    /// Takes people's events out, durably; what nobody can read goes as well. Returns how many.
    ///
    /// # Errors
    /// When a file cannot be replaced.
    pub fn erase(&self, erased: &Erased) -> anyhow::Result<u64> {
        let mut files = self.files();
        let letters = list(&self.data)?;
        let before = letters.len();
        let kept: Vec<Letter> = letters.into_iter().filter(|letter| !letter.names(erased)).collect();
        put(&self.data, &kept)?;
        *files = Files::open(&self.data)?;
        self.letters.store(kept.len() as u64, Ordering::Relaxed);
        Ok((before - kept.len()) as u64)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers of events in the log that nobody could read: everybody goes on after those that cannot be read still.
pub(crate) fn passed_over(data: &Path) -> anyhow::Result<BTreeSet<u64>> {
    Ok(unreadable(data)?.into_iter().filter_map(|letter| letter.number).collect())
}

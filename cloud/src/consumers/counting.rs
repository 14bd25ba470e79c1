//! The consumer of a running service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::consumer::Consumer;
use super::counters::Counters;
use crate::clock::now_ms;
use crate::dead_letters::{Letter, Refuser, TRIES};
use crate::events::StoreError;
use crate::state::AppState;

/// How often it is looked whether events came in.
const LOOK: Duration = Duration::from_millis(250);
/// How soon the state is written again.
const SAVE: Duration = Duration::from_secs(1);
/// Times that writing takes, until it is written again: what grows large is written less often.
const REST: u32 = 50;

/// Counters that follow the log; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Counting(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    consumer: Option<Consumer>,
    /// Whether everything was counted that was in the log when it was opened.
    is_whole: bool,
    /// When the state may be written again.
    save: Option<Instant>,
    /// The event that could not be read, and how often that was tried.
    unreadable: (u64, u32),
    /// Since when there is something that was not counted.
    behind: Option<Instant>,
}

impl Counting {
    /// Counts what came in, and writes the state from time to time; true when there is nothing more.
    ///
    /// # Errors
    /// When the log, the table of users or the tombstones cannot be read, or the state cannot be written.
    pub fn catch_up(&self, state: &AppState) -> anyhow::Result<bool> {
        let mut known = self.lock();
        let (last, erased) = (state.events.count(), state.tombstones.erased());
        let outdated = known.consumer.as_ref().is_none_or(|consumer| consumer.is_outdated(&erased));
        if outdated {
            known.consumer = Some(Consumer::open(&state.config.data, last, state.config.filter)?);
            known.is_whole = false;
        }
        let Known { consumer: Some(consumer), .. } = &mut *known else { return Ok(true) };
        let done = match consumer.catch_up(last) {
            Err(StoreError::Unreadable { number, reason, line }) => {
                known.refused(state, number, reason, line);
                return Ok(true);
            }
            caught_up => caught_up?,
        };
        let behind = state.events.count() > consumer.seen();
        known.is_whole |= done;
        known.behind = behind.then(|| known.behind.unwrap_or_else(Instant::now));
        metrics::gauge!("segue_event_lag_seconds", "consumer" => "counters").set(known.lag().as_secs_f64());
        known.save_when_due()?;
        Ok(done)
    }

    /// Writes the state now.
    ///
    /// # Errors
    /// When the disk refuses; the next start counts from the state before.
    pub fn save(&self) -> anyhow::Result<()> {
        self.lock().consumer.as_mut().map_or(Ok(()), Consumer::save)
    }

    /// Asks the counters, with the number of the last event in them; none before the log was counted once.
    pub fn ask<T>(&self, question: impl FnOnce(&Counters, u64) -> T) -> Option<T> {
        let known = self.lock();
        let consumer = known.consumer.as_ref().filter(|_| known.is_whole)?;
        Some(question(consumer.counters(), consumer.seen()))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn lag(&self) -> Duration {
        self.behind.map_or(Duration::ZERO, |behind| behind.elapsed())
    }

    /// Keeps an event apart that could not be read for the third time, and goes on after it.
    fn refused(&mut self, state: &AppState, number: u64, detail: String, line: String) {
        let tries = if self.unreadable.0 == number { self.unreadable.1 + 1 } else { 1 };
        self.unreadable = (number, tries);
        if tries < TRIES {
            return;
        }
        let event = serde_json::from_str(&line).unwrap_or(line.into());
        let (refused_ms, code) = (now_ms(), "event_unreadable".to_owned());
        let refuser = Refuser::Counters;
        let letter = Letter { refused_ms, refuser, number: Some(number), code, detail, event };
        state.dead_letters.keep(&[letter]);
        if let Some(consumer) = &mut self.consumer {
            consumer.pass_over(number);
        }
    }

    fn save_when_due(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        if self.save.is_some_and(|save| save > begun) {
            return Ok(());
        }
        let saved = self.consumer.as_mut().map_or(Ok(()), Consumer::save);
        // Where it failed it is tried again as late as if it had not.
        self.save = Some(begun + SAVE + begun.elapsed() * REST);
        saved
    }
}

/// Counts as long as the service runs.
pub async fn keep_counting(state: Arc<AppState>) {
    let mut problem = String::new();
    loop {
        let shared = Arc::clone(&state);
        let counted = tokio::task::spawn_blocking(move || shared.counting.catch_up(&shared)).await;
        let counted = counted.unwrap_or_else(|error| Err(error.into()));
        let now = counted.as_ref().err().map_or_else(String::new, |error| format!("{error:#}"));
        if now != problem && !now.is_empty() {
            tracing::error!(error = %now, "events are not counted; trying again");
        }
        problem = now;
        if counted.unwrap_or(true) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

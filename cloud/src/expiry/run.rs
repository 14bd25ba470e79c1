//! How far it goes, and going.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use thiserror::Error;

use super::state::State;
use super::stays::{Rules, Stays};
use crate::consumers;
use crate::events::{self, Filter, StoreError, try_rewriting};
use crate::stores::LogReader;
use crate::training_log::{self, HOUR_MS, LABEL_HOURS, written_until_ms};

/// How long events are kept at least: ids are known for a day, and the training log waits for a day.
pub const LEAST: Duration = Duration::from_secs(3 * 86_400);

/// How much further one run goes than the one before. Where it is run every day it catches up with whatever was left, and a
/// clock that is ahead for a while costs no more than this much a day.
const STEP_MS: i64 = 2 * 86_400_000;

/// What the training log may still read of hours that it wrote: labels follow for a day, lists are looked for a day before.
const TRAINING_MS: i64 = (2 * LABEL_HOURS + 2) * HOUR_MS;

/// What goes.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long events are kept.
    pub keep: Duration,
    /// How long an event's id is known, which follows from the log after a start of the service.
    pub dedup_window: Duration,
    /// Whether it goes the whole way at once.
    pub at_once: bool,
    /// How many of a person's latest events stay, of each kind that says something.
    pub history: usize,
    /// Which events count for nothing.
    pub filter: Filter,
    /// Whether somebody writes the training log, who has to have read what goes.
    pub is_training_log_written: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events that went.
    pub gone: u64,
    /// What was received before this was looked at, in milliseconds since 1970; none where nothing was.
    pub until_ms: Option<i64>,
    /// Before when events are old, in milliseconds since 1970.
    pub wanted_ms: i64,
    /// Why it did not go that far.
    pub held_back: Option<HeldBack>,
}

/// Why old events stay for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBack {
    /// The next run goes on.
    Step,
    /// The training log has not got that far.
    TrainingLog,
}

/// Somebody else rewrites segments of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an erasure, or another run of this, is under way; try again when it has ended")]
pub struct UnderWay;

/// Lets go of what is old in the log of data folder `data` at `now_ms`. The service may be running.
///
/// # Errors
/// When events are to be kept for less than [`LEAST`], somebody is being erased ([`UnderWay`]), or the log cannot be read or written. What
/// went by then is gone, and doing it again goes on.
pub fn expire(data: &Path, now_ms: i64, options: Options) -> anyhow::Result<Summary> {
    ensure!(options.keep >= LEAST, "events are kept for 3d at least: name a longer time");
    ensure!(
        options.keep >= options.dedup_window,
        "ids of events are known for limits.dedup_window and follow from the log: keep events for that long at least"
    );
    let wanted_ms = now_ms.saturating_sub(i64::try_from(options.keep.as_millis()).unwrap_or(i64::MAX));
    let nothing = Summary { wanted_ms, ..Summary::default() };
    let folder = events::folder(data);
    if !folder.is_dir() {
        return Ok(nothing);
    }
    let _lock = match try_rewriting(&folder) {
        Err(StoreError::Rewriting(_)) => return Err(UnderWay.into()),
        taken => taken?,
    };
    let mut eraser = events::eraser(data);
    let Some(begins_ms) = begins_ms(&mut *eraser.reader(0), now_ms)? else { return Ok(nothing) };
    let mut state = State::read(data)?.unwrap_or_else(|| State::new(begins_ms));
    // Of a run that was killed nobody knows whether something went.
    state.times += u64::from(!state.is_done);
    let (until_ms, held_back) = until(data, wanted_ms, &state, options)?;
    if until_ms <= begins_ms {
        return finish(data, &mut state, Summary { held_back, ..nothing }, now_ms);
    }
    // Whoever reads how far this is may rely on it that nothing later went.
    state.until_ms = state.until_ms.max(until_ms);
    state.is_done = false;
    state.write(data)?;
    // Counters that cannot be read are made again from the log.
    let read = consumers::counted(data).ok().flatten().unwrap_or(u64::MAX);
    let (most, filter) = (options.history, options.filter);
    // Its rows outlive the events that they were made of, and an erasure finds those of a session by the sign-in.
    let sign_ins_stay = training_log::folder(data).is_dir();
    let rules = Rules { before_ms: until_ms, read, most, filter, sign_ins_stay, now_ms };
    let stays = Stays::read(&mut *eraser.reader(0), rules)?;
    let gone = eraser.compact(stays.end, &|number, _| stays.has(number))?;
    let summary = Summary { gone, until_ms: Some(until_ms), held_back, ..nothing };
    finish(data, &mut state, summary, now_ms)
}

fn finish(data: &Path, state: &mut State, summary: Summary, now_ms: i64) -> anyhow::Result<Summary> {
    state.times += u64::from(summary.gone > 0);
    (state.is_done, state.run_ms) = (true, Some(now_ms));
    state.write(data)?;
    Ok(summary)
}

/// What was received before is looked at, and why not more.
fn until(
    data: &Path,
    wanted_ms: i64,
    state: &State,
    options: Options,
) -> anyhow::Result<(i64, Option<HeldBack>)> {
    let (mut until_ms, mut held_back) = (wanted_ms, None);
    if options.is_training_log_written {
        let written_ms = written_until_ms(data).context("how far the training log is")?;
        let read_ms = written_ms.map_or(i64::MIN, |written_ms| written_ms.saturating_sub(TRAINING_MS));
        if read_ms < until_ms {
            (until_ms, held_back) = (read_ms, Some(HeldBack::TrainingLog));
        }
    }
    let step_ms = state.until_ms.saturating_add(STEP_MS);
    if !options.at_once && step_ms < until_ms {
        (until_ms, held_back) = (step_ms, Some(HeldBack::Step));
    }
    Ok((until_ms, held_back))
}

/// When the first event was received that the log holds, but for those of the future: they say nothing of how old it is. Where all are,
/// the clock was set back, and there is no time to go on from.
fn begins_ms(log: &mut dyn LogReader, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let mut begins_ms = None;
    let _first = log.read(u64::MAX, &mut |batch| {
        if batch.records.is_empty() || batch.appended_ms > now_ms {
            return Ok(ControlFlow::Continue(()));
        }
        begins_ms = Some(batch.appended_ms);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(begins_ms)
}

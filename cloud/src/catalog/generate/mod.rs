//! A catalogue of invented music and a listening history with known laws.
//!
//! Every track has a hidden style and quality, every listener a few hidden
//! tastes, every session a hidden mood that drifts. What is written to the data
//! folder follows from them with noise; `docs/GENERATED.md` states the laws.
//! The laws are constants: a seed changes the tracks and the people, never how
//! a style shows in the metadata, so a model learnt on one seed serves another.

pub mod genres;
pub mod items;
pub mod laws;
pub mod names;
pub mod people;
pub mod random;
pub mod sessions;
pub mod truth;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::ensure;
use rayon::prelude::*;
use segue_core::session::event::{Event, EventKind};
use serde::Serialize;

use super::dataset::{self, Dataset};
use super::split::Split;
use super::writer::Tables;
use crate::progress;

/// Midnight UTC of Monday, 2 March 2026: the first moment of the listening history.
pub const START_MS: i64 = 1_772_409_600_000;

/// Length of the listening history.
pub const DURATION_MS: i64 = 8 * 7 * 24 * 3_600_000;

/// What to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of tracks.
    pub tracks: usize,
    /// Number of listeners.
    pub users: usize,
    /// Everything follows from it.
    pub seed: u64,
    /// Where to write the hidden state, if anywhere.
    pub truth: Option<PathBuf>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Always `generated`.
    pub dataset: String,
    /// Tracks written.
    pub tracks: u64,
    /// Listeners written.
    pub users: u64,
    /// Events written.
    pub events: u64,
    /// Sessions among them.
    pub sessions: u64,
    /// Collections written.
    pub collections: u64,
    /// Share of played tracks that were played to the end.
    pub complete_share: f64,
    /// The hash that models are matched by.
    pub schema_hash: String,
    /// Wall-clock time.
    pub seconds: f64,
}

/// Makes a catalogue and its history and writes them to a data folder.
///
/// # Errors
/// When a count is out of range or the folder cannot be written.
pub fn run(options: &Options, data: &Path) -> anyhow::Result<Summary> {
    let (tracks, users) = (options.tracks, options.users);
    ensure!((200..=2_000_000).contains(&tracks), "--tracks is {tracks}: give 200 to 2000000");
    ensure!((1..=1_000_000).contains(&users), "--users is {users}: give 1 to 1000000");
    let begun = Instant::now();
    let bar = progress::bar("listeners", users + 2 * (users / 4));
    bar.set_message("tracks");
    let catalogue = items::make(tracks, options.seed);
    bar.inc(users as u64 / 4);
    bar.set_message("sessions");
    let people = people::make(users, options.seed);
    let histories: Vec<sessions::History> = (0..users)
        .into_par_iter()
        .map(|index| {
            let history = sessions::simulate(&catalogue, &people[index], index, options);
            bar.inc(1);
            history
        })
        .collect();
    bar.set_message("writing");
    let written = write(options, data, &catalogue, &people, histories)?;
    bar.finish_and_clear();
    Ok(Summary { seconds: begun.elapsed().as_secs_f64(), ..written })
}

fn write(
    options: &Options,
    data: &Path,
    catalogue: &items::Tracks,
    people: &[people::Person],
    histories: Vec<sessions::History>,
) -> anyhow::Result<Summary> {
    let mut tables = Tables::create(data)?;
    tables.items.write_all(&catalogue.rows)?;
    for person in people {
        tables.users.write(&person.row)?;
    }
    let (mut events, mut steps, mut sessions) = (Vec::new(), Vec::new(), 0);
    for history in histories {
        for collection in &history.collections {
            tables.collections.write(collection)?;
        }
        sessions += history.sessions;
        events.extend(history.events);
        steps.extend(history.steps);
    }
    events.par_sort_by(|a, b| (a.time_ms, &a.event_id).cmp(&(b.time_ms, &b.event_id)));
    let split = split_and_trim(&mut events);
    tables.events.write_all(&events)?;
    let mut dataset = describe();
    tables.publish(&mut dataset, &split)?;
    if let Some(path) = &options.truth {
        truth::write(path, catalogue, people, &steps)?;
    }
    Ok(Summary {
        dataset: dataset.name.clone(),
        tracks: dataset.counts.items,
        users: dataset.counts.users,
        events: dataset.counts.events,
        sessions,
        collections: dataset.counts.collections,
        complete_share: complete_share(&events),
        schema_hash: dataset.schema_hash(),
        seconds: 0.0,
    })
}

// Candidates are what a judge replays; in training sessions they would only make the file larger.
fn split_and_trim(events: &mut [Event]) -> Split {
    let times: Vec<i64> = events.iter().map(|event| event.time_ms).collect();
    let split = Split::by_time(&times);
    let held_out = split.held_out(events);
    for (event, held_out) in events.iter_mut().zip(held_out) {
        if !held_out {
            event.candidates = Vec::new();
        }
    }
    split
}

fn complete_share(events: &[Event]) -> f64 {
    let count = |kind: EventKind| events.iter().filter(|event| event.kind == kind).count() as f64;
    let (complete, skip) = (count(EventKind::Complete), count(EventKind::Skip));
    complete / (complete + skip).max(1.0)
}

fn describe() -> Dataset {
    let mut categories: Vec<String> = genres::GENRES.iter().map(|genre| genre.name.into()).collect();
    categories.sort();
    Dataset {
        format: dataset::FORMAT,
        name: "generated".into(),
        attributes: items::attributes(),
        categories,
        counts: dataset::Counts::default(),
        surface: "radio".into(),
        timed: true,
    }
}

#[cfg(test)]
mod tests;

//! The hidden state behind a generated history, for judges only.
//!
//! JSON Lines with three kinds of record: `item` (style, quality), `user`
//! (tastes) and `step` (the mood before one played track). Model and feature
//! code must not read it: that would be looking up the answer.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::items::Tracks;
use super::laws::{self, DIMENSION, HiddenItem, State, Style};
use super::people::Person;
use super::sessions::Step;
use crate::catalog::jsonl::Writer;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Record {
    Item { item: String, creator: String, style: [f32; DIMENSION], quality: f32 },
    User { user: String, tastes: Vec<[f32; DIMENSION]> },
    Step { event_id: String, session: String, user: String, item: String, mood: [f32; DIMENSION] },
}

/// Writes the truth file.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tracks: &Tracks, people: &[Person], steps: &[Step]) -> anyhow::Result<()> {
    let mut writer = Writer::create(path)?;
    for (row, hidden) in tracks.rows.iter().zip(&tracks.hidden) {
        writer.write(&Record::Item {
            item: row.item.clone(),
            creator: row.creator.clone(),
            style: hidden.style.map(|value| value as f32),
            quality: hidden.quality as f32,
        })?;
    }
    for person in people {
        let tastes = person.tastes.iter().map(|taste| taste.style.map(|value| value as f32)).collect();
        writer.write(&Record::User { user: person.row.user.clone(), tastes })?;
    }
    for step in steps {
        writer.write(&Record::Step {
            event_id: step.event_id.clone(),
            session: step.session.clone(),
            user: step.user.clone(),
            item: tracks.rows[step.track as usize].item.clone(),
            mood: step.mood.map(|value| value as f32),
        })?;
    }
    writer.finish()?;
    Ok(())
}

/// The hidden state of a generated history, read back.
#[derive(Debug, Default)]
pub struct Truth {
    items: HashMap<String, (u32, HiddenItem)>,
    creators: HashMap<String, u32>,
    tastes: HashMap<String, Vec<Style>>,
    steps: HashMap<String, StepTruth>,
    sessions: HashMap<String, Vec<(u32, u32)>>,
}

#[derive(Debug)]
struct StepTruth {
    user: String,
    session: String,
    mood: Style,
    played: usize,
}

impl Truth {
    /// Reads a truth file.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not one of its records.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut truth = Self::default();
        for (number, line) in std::io::BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let record: Record = serde_json::from_str(&line)
                .with_context(|| format!("{}, line {}: not a truth record", path.display(), number + 1))?;
            truth.add(record);
        }
        Ok(truth)
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Item { item, creator, style, quality } => {
                let next = u32::try_from(self.creators.len()).unwrap_or(u32::MAX);
                let creator = *self.creators.entry(creator).or_insert(next);
                let hidden = HiddenItem { style: style.map(f64::from), quality: f64::from(quality), creator };
                let index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
                self.items.insert(item, (index, hidden));
            }
            Record::User { user, tastes } => {
                let tastes = tastes.into_iter().map(|taste| taste.map(f64::from)).collect();
                self.tastes.insert(user, tastes);
            }
            Record::Step { event_id, session, user, item, mood } => {
                let played = self.sessions.entry(session.clone()).or_default();
                let step = StepTruth { user, session, mood: mood.map(f64::from), played: played.len() };
                if let Some((index, hidden)) = self.items.get(&item) {
                    played.push((*index, hidden.creator));
                }
                self.steps.insert(event_id, step);
            }
        }
    }

    /// The expected utility of playing `item` instead of what the outcome event
    /// `event_id` is about; none when either is unknown.
    #[must_use]
    pub fn expected_utility(&self, event_id: &str, item: &str) -> Option<f64> {
        let step = self.steps.get(event_id)?;
        let (track, hidden) = self.items.get(item)?;
        let state = State {
            mood: &step.mood,
            tastes: self.tastes.get(&step.user)?,
            played: self.sessions.get(&step.session)?.get(..step.played)?,
        };
        Some(laws::expected_utility(&state, *track, hidden))
    }

    /// How near `item` is to the mood before the outcome event `event_id`.
    #[must_use]
    pub fn mood_affinity(&self, event_id: &str, item: &str) -> Option<f64> {
        let step = self.steps.get(event_id)?;
        Some(laws::affinity(&self.items.get(item)?.1.style, &step.mood))
    }
}

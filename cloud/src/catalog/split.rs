//! `split.json`: which events are for training and which are held out.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::session::event::Event;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of `split.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// The file's name in the data folder.
pub const FILE: &str = "split.json";

/// Share of events before the boundary of [`Rule::Time`].
const TRAINING_SHARE: (usize, usize) = (4, 5);

/// How held-out events are told from training events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// Sessions whose first event is at or after the boundary are held out.
    Time {
        /// Four fifths of the events are before it.
        boundary_ms: i64,
    },
    /// The last event of each user is held out.
    LeaveOneOut,
    /// Sessions are spread over folds by a hash of their id; one fold is held out.
    Folds {
        /// Number of folds.
        folds: u32,
        /// The fold held out unless a program asks for another.
        held_out: u32,
    },
}

/// The contents of `split.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Version of this file: [`FORMAT`].
    pub format: u32,
    /// How events are divided.
    #[serde(flatten)]
    pub rule: Rule,
}

impl Split {
    /// A split by this rule.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self { format: FORMAT, rule }
    }

    /// The time split of these event times, which must be sorted.
    #[must_use]
    pub fn by_time(sorted_times: &[i64]) -> Self {
        let place = sorted_times.len() * TRAINING_SHARE.0 / TRAINING_SHARE.1;
        let boundary_ms = sorted_times.get(place).or(sorted_times.last()).copied().unwrap_or_default();
        Self::new(Rule::Time { boundary_ms })
    }

    /// Reads `split.json` of a data folder.
    ///
    /// # Errors
    /// When the file is missing, malformed or of another version.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(FILE);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let split: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is not a split", path.display()))?;
        ensure!(
            split.format == FORMAT,
            "{} has format {}, this program reads {FORMAT}: import the data again",
            path.display(),
            split.format
        );
        Ok(split)
    }

    /// For each event (sorted by time) whether it is held out.
    #[must_use]
    pub fn held_out(&self, events: &[Event]) -> Vec<bool> {
        match self.rule {
            Rule::Time { boundary_ms } => by_first_event(events, boundary_ms),
            Rule::LeaveOneOut => last_of_each_user(events),
            Rule::Folds { folds, held_out } => {
                events.iter().map(|event| fold_of(&event.session, folds) == held_out).collect()
            }
        }
    }
}

/// The fold of a session: the first four bytes of the SHA-256 of its id, big-endian, modulo `folds`.
#[must_use]
pub fn fold_of(session: &str, folds: u32) -> u32 {
    let digest = Sha256::digest(session.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % folds.max(1)
}

fn by_first_event(events: &[Event], boundary_ms: i64) -> Vec<bool> {
    let mut sides: HashMap<(&str, &str), bool> = HashMap::new();
    events
        .iter()
        .map(|event| {
            let late = event.time_ms >= boundary_ms;
            *sides.entry((&event.user, &event.session)).or_insert(late)
        })
        .collect()
}

fn last_of_each_user(events: &[Event]) -> Vec<bool> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        last.insert(&event.user, index);
    }
    let mut held_out = vec![false; events.len()];
    for index in last.into_values() {
        held_out[index] = true;
    }
    held_out
}

#[cfg(test)]
mod tests {
    use segue_core::session::event::EventKind;

    use super::*;

    fn event(user: &str, session: &str, time_ms: i64) -> Event {
        let mut event = Event::new(format!("{user}{time_ms}"), "a", EventKind::Complete, time_ms);
        event.user = user.into();
        event.session = session.into();
        event
    }

    #[test]
    fn a_session_that_begins_before_the_boundary_stays_on_the_training_side() {
        let events = [event("u", "s1", 1), event("u", "s1", 5), event("v", "s2", 5), event("u", "s1", 9)];
        let split = Split::new(Rule::Time { boundary_ms: 5 });
        assert_eq!(split.held_out(&events), [false, false, true, false]);
    }

    #[test]
    fn a_fifth_of_the_events_lies_behind_the_boundary() {
        let times: Vec<i64> = (0..100).collect();
        assert_eq!(Split::by_time(&times).rule, Rule::Time { boundary_ms: 80 });
        assert_eq!(Split::by_time(&[]).rule, Rule::Time { boundary_ms: 0 });
    }

    #[test]
    fn leave_one_out_holds_out_the_last_event_of_each_user() {
        let events = [event("u", "u", 1), event("v", "v", 2), event("u", "u", 3)];
        assert_eq!(Split::new(Rule::LeaveOneOut).held_out(&events), [false, true, true]);
    }

    #[test]
    fn folds_keep_sessions_whole_and_are_about_equal() {
        let mut sizes = [0; 5];
        for session in 0..1_000 {
            sizes[fold_of(&session.to_string(), 5) as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (150..250).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_split_is_written_flat() {
        let split = Split::new(Rule::Time { boundary_ms: 5 });
        let text = serde_json::to_string(&split).unwrap();
        assert_eq!(text, r#"{"format":1,"rule":"time","boundary_ms":5}"#);
        assert_eq!(serde_json::from_str::<Split>(&text).unwrap(), split);
    }
}

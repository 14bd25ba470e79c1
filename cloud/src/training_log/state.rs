//! How far the training log was written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{HOUR_MS, LABEL_HOURS, folder};
use crate::stores::state_file::{self, StateFile};

/// What `D/training/state.json` holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    /// The first hour that is not written.
    pub(super) next: i64,
    /// The last event of the hours that nothing to come asks for, and its hour.
    pub(super) after: u64,
    pub(super) clock: i64,
    /// When everything was written that was due, in milliseconds since 1970; none where an older version wrote it.
    #[serde(default)]
    pub(super) run_ms: Option<i64>,
    /// By which label rules the hours were written, earliest first; none of those that an older version wrote.
    #[serde(default)]
    labels: Vec<Labels>,
}

/// Label rules, and the first hour that was written by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Labels {
    from: i64,
    /// [`crate::evaluate::LabelRules::hash`].
    hash: String,
}

impl StateFile for State {
    const FORMAT: u32 = 1;
    const REMEDY: &'static str = "remove it: every hour is written anew";

    fn format(&self) -> u32 {
        self.format
    }
}

impl State {
    /// That of nothing written.
    fn new() -> Self {
        let (next, clock) = (i64::MIN, i64::MIN);
        Self { format: Self::FORMAT, next, after: 0, clock, run_ms: None, labels: Vec::new() }
    }

    /// That of data folder `data`; one of nothing written where there is none.
    pub(super) fn read(data: &Path) -> anyhow::Result<Self> {
        Ok(state_file::read(&path(data))?.unwrap_or_else(Self::new))
    }

    /// Begins at the log's first event where its last one is `last` and comes before the place in it: the log is another one
    /// than before. The hours that were written stay; its events came in after them.
    pub(super) fn fit(&mut self, last: u64) {
        if self.after > last {
            (self.after, self.clock) = (0, i64::MIN);
        }
    }

    /// Leaves out hours of which the log holds some events only, as of what came in until `gone_ms` something went: what was
    /// written while it held all of them stays.
    pub(super) fn leave_out(&mut self, gone_ms: i64) {
        // Rows ask for what was shown in the label window before them.
        let first = gone_ms.div_euclid(HOUR_MS) + 1 + LABEL_HOURS;
        let next = self.next;
        self.next = next.max(first);
        if let Some(labels) = self.labels.last_mut().filter(|labels| labels.from == next) {
            // No hour was written by them yet.
            labels.from = self.next;
        }
    }

    pub(super) fn write(&self, data: &Path) -> anyhow::Result<()> {
        state_file::write(&path(data), self)
    }

    /// Says that hours from now on are written by the label rules with this hash; returns whether those before them were by
    /// others.
    pub(super) fn go_by(&mut self, hash: String) -> bool {
        if self.labels.last().is_some_and(|labels| labels.hash == hash) {
            return false;
        }
        let from = self.next;
        // Rules by which no hour was written.
        self.labels.retain(|labels| labels.from < from);
        let before = self.labels.last().map(|labels| labels.hash.clone());
        if before.as_ref() != Some(&hash) {
            self.labels.push(Labels { from, hash });
            return before.is_some();
        }
        false
    }

    /// The end of the last hour that was due when it was written last, in milliseconds since 1970. An hour in which nobody
    /// saw anything is written too.
    fn until_ms(&self) -> Option<i64> {
        self.run_ms.map(|run_ms| (run_ms.div_euclid(HOUR_MS) - LABEL_HOURS) * HOUR_MS)
    }
}

fn path(data: &Path) -> PathBuf {
    folder(data).join("state.json")
}

/// Until when the training log is written, in milliseconds since 1970; none where nobody wrote it yet.
///
/// # Errors
/// When its state cannot be read.
pub(crate) fn written_until_ms(data: &Path) -> anyhow::Result<Option<i64>> {
    Ok(State::read(data)?.until_ms())
}

/// When everything was written last that was due, in milliseconds since 1970; none where nobody wrote it yet, or its state
/// cannot be read.
pub(crate) fn last_run_ms(data: &Path) -> Option<i64> {
    State::read(data).ok()?.run_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_has_the_label_rules_that_it_was_written_by() {
        let mut state = State::new();
        let mut at = |next: i64, hash: &str| {
            state.next = next;
            let told = state.go_by(hash.to_owned());
            let known =
                state.labels.iter().map(|labels| (labels.from, labels.hash.clone())).collect::<Vec<_>>();
            (told, known)
        };
        let known = |labels: &[(i64, &str)]| -> Vec<(i64, String)> {
            labels.iter().map(|(from, hash)| (*from, (*hash).to_owned())).collect()
        };
        assert_eq!(at(i64::MIN, "a"), (false, known(&[(i64::MIN, "a")])));
        assert_eq!(at(i64::MIN, "b"), (false, known(&[(i64::MIN, "b")])), "nothing was written by a");
        assert_eq!(at(7, "b"), (false, known(&[(i64::MIN, "b")])));
        assert_eq!(at(7, "c"), (true, known(&[(i64::MIN, "b"), (7, "c")])));
        assert_eq!(at(7, "c"), (false, known(&[(i64::MIN, "b"), (7, "c")])), "it is told once");
        assert_eq!(at(7, "b"), (false, known(&[(i64::MIN, "b")])), "taken back before an hour was written");
        assert_eq!(at(9, "a"), (true, known(&[(i64::MIN, "b"), (9, "a")])));
    }

    #[test]
    fn a_state_of_an_older_version_is_read_and_says_nothing_of_label_rules() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder(data.path())).unwrap();
        std::fs::write(path(data.path()), r#"{"format":1,"next":5,"after":0,"clock":4}"#).unwrap();
        let mut state = State::read(data.path()).unwrap();
        assert!(!state.go_by("a".to_owned()), "which rules the hours before went by is not known");
        state.write(data.path()).unwrap();
        let found = State::read(data.path()).unwrap();
        assert_eq!(found.labels, [Labels { from: 5, hash: "a".to_owned() }]);
    }
}

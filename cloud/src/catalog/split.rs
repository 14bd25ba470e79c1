//! `split.json`: which events are for training and which are held out.
//!
//! A data set has one rule that holds unless a program asks for one of the presets beside it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, ensure};
use segue_core::session::event::Event;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of `split.json` that this program writes and reads.
pub const FORMAT: u32 = 2;

/// The file's name in the data folder.
pub const FILE: &str = "split.json";

/// The preset that is the rule where there is time: its last fifth is held out.
pub const LAST_FIFTH: &str = "last_fifth";
/// The preset of 28 days to learn from, one to choose by and one to be judged on.
pub const DAYS: &str = "days_28_1_1";
/// The preset of one week to learn from and the next one to be judged on.
pub const WEEKS: &str = "weeks";

const DAY_MS: i64 = 86_400_000;
/// Of so many events one may lie far behind the others and not count for where the log ends.
const STRAGGLERS: usize = 1_000;

/// How held-out events are told from training events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// Sessions whose first event is at or after the boundary are held out.
    Time {
        /// Four fifths of the time are before it.
        boundary_ms: i64,
    },
    /// Sessions are learned from, chosen by, and judged on by when their first event is; the others are left alone.
    Window {
        /// Learned from: from here on, before `validation_ms`.
        from_ms: i64,
        /// For choosing among models: from here on, before `boundary_ms`. Equal to it where nothing is kept for that.
        validation_ms: i64,
        /// Held out: from here on, before `until_ms`.
        boundary_ms: i64,
        /// Nothing is judged from here on.
        until_ms: i64,
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

impl Rule {
    /// Where the held-out time begins; none where time does not divide.
    #[must_use]
    pub fn boundary_ms(&self) -> Option<i64> {
        match *self {
            Self::Time { boundary_ms } | Self::Window { boundary_ms, .. } => Some(boundary_ms),
            Self::LeaveOneOut | Self::Folds { .. } => None,
        }
    }

    /// Where learning ends; none where time does not divide.
    #[must_use]
    pub fn trained_until_ms(&self) -> Option<i64> {
        match *self {
            Self::Window { validation_ms, .. } => Some(validation_ms),
            _ => self.boundary_ms(),
        }
    }

    /// Whether a session is judged on that is not trained on and begins at `begins_ms`.
    #[must_use]
    pub fn judges(&self, begins_ms: i64) -> bool {
        match *self {
            Self::Window { boundary_ms, until_ms, .. } => (boundary_ms..until_ms).contains(&begins_ms),
            _ => true,
        }
    }

    /// The same rule with another fold held out; every other rule as it is.
    #[must_use]
    pub fn with_fold(self, fold: u32) -> Self {
        match self {
            Self::Folds { folds, .. } => Self::Folds { folds, held_out: fold },
            other => other,
        }
    }
}

/// The contents of `split.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Version of this file: [`FORMAT`].
    pub format: u32,
    /// How events are divided.
    #[serde(flatten)]
    pub rule: Rule,
    /// Other ways to divide them, by the name that `--split` takes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub presets: BTreeMap<String, Rule>,
}

impl Split {
    /// A split by this rule, without presets.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self { format: FORMAT, rule, presets: BTreeMap::new() }
    }

    /// The splits of these event times, which must be sorted: the last fifth of the time, and as presets the others
    /// that the log is long enough for (30 days, two weeks).
    #[must_use]
    pub fn by_time(sorted_times: &[i64]) -> Self {
        let first = sorted_times.first().copied().unwrap_or_default();
        let last = sorted_times.iter().rev().nth(sorted_times.len() / STRAGGLERS).copied().unwrap_or(first);
        let length = last.saturating_sub(first);
        let rule = Rule::Time { boundary_ms: first + length / 5 * 4 + length % 5 * 4 / 5 };
        let until_ms = last.saturating_add(1);
        let mut presets = BTreeMap::from([(LAST_FIFTH.to_owned(), rule)]);
        if length >= 30 * DAY_MS {
            presets.insert(DAYS.to_owned(), window(until_ms, 28 * DAY_MS, DAY_MS, DAY_MS));
        }
        if length >= 14 * DAY_MS {
            presets.insert(WEEKS.to_owned(), window(until_ms, 7 * DAY_MS, 0, 7 * DAY_MS));
        }
        Self { presets, ..Self::new(rule) }
    }

    /// The rule, or the preset of this name.
    ///
    /// # Errors
    /// When there is none; names those there are.
    pub fn named(&self, preset: Option<&str>) -> anyhow::Result<Rule> {
        let Some(name) = preset else { return Ok(self.rule) };
        let known: Vec<&str> = self.presets.keys().map(String::as_str).collect();
        self.presets.get(name).copied().with_context(|| {
            format!("this data has no split {name:?}: it has {known:?}, and its own without --split")
        })
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
            Rule::Time { boundary_ms } => by_first_event(events, |time_ms| time_ms >= boundary_ms),
            Rule::Window { from_ms, validation_ms, .. } => {
                by_first_event(events, |time_ms| !(from_ms..validation_ms).contains(&time_ms))
            }
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

/// The window that ends at `until_ms` with these lengths.
fn window(until_ms: i64, learned_ms: i64, chosen_ms: i64, judged_ms: i64) -> Rule {
    let boundary_ms = until_ms - judged_ms;
    let validation_ms = boundary_ms - chosen_ms;
    Rule::Window { from_ms: validation_ms - learned_ms, validation_ms, boundary_ms, until_ms }
}

fn by_first_event(events: &[Event], is_held_out: impl Fn(i64) -> bool) -> Vec<bool> {
    let mut sides: HashMap<(&str, &str), bool> = HashMap::new();
    events
        .iter()
        .map(|event| {
            let held_out = is_held_out(event.time_ms);
            *sides.entry((&event.user, &event.session)).or_insert(held_out)
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
    fn a_fifth_of_the_time_lies_behind_the_boundary_however_the_events_are_spread() {
        let boundary = |times: &[i64]| Split::by_time(times).rule.boundary_ms();
        assert_eq!(boundary(&(0..=100).collect::<Vec<_>>()), Some(80));
        assert_eq!(boundary(&[0, 90, 91, 92, 100]), Some(80));
        assert_eq!(boundary(&[]), Some(0));
        let mut straggler: Vec<i64> = (0..=1_000).collect();
        straggler.push(i64::MAX);
        assert_eq!(boundary(&straggler), Some(800));
    }

    #[test]
    fn presets_are_there_where_the_log_is_long_enough() {
        let names = |days: i64| Split::by_time(&[0, days * DAY_MS]).presets.into_keys().collect::<Vec<_>>();
        assert_eq!(names(13), [LAST_FIFTH]);
        assert_eq!(names(14), [LAST_FIFTH, WEEKS]);
        assert_eq!(names(30), [DAYS, LAST_FIFTH, WEEKS]);
        let split = Split::by_time(&[0, 30 * DAY_MS]);
        let Rule::Window { from_ms, validation_ms, boundary_ms, until_ms } = split.named(Some(DAYS)).unwrap()
        else {
            panic!("a preset of days is a window");
        };
        assert_eq!([validation_ms - from_ms, boundary_ms - validation_ms], [28 * DAY_MS, DAY_MS]);
        assert_eq!([until_ms - boundary_ms, until_ms], [DAY_MS, 30 * DAY_MS + 1]);
        assert_eq!(split.named(None).unwrap(), split.rule);
        let error = split.named(Some("months")).unwrap_err().to_string();
        assert!(error.contains("months") && error.contains(WEEKS), "{error}");
    }

    #[test]
    fn a_window_learns_from_what_begins_in_it_and_judges_what_begins_after() {
        let events = [event("u", "a", 1), event("u", "b", 10), event("u", "c", 20), event("u", "d", 30)];
        let rule = Rule::Window { from_ms: 5, validation_ms: 15, boundary_ms: 20, until_ms: 30 };
        assert_eq!(Split::new(rule).held_out(&events), [true, false, true, true]);
        assert_eq!([19, 20, 30].map(|begins_ms| rule.judges(begins_ms)), [false, true, false]);
        assert_eq!((rule.trained_until_ms(), rule.boundary_ms()), (Some(15), Some(20)));
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
        assert_eq!(text, r#"{"format":2,"rule":"time","boundary_ms":5}"#);
        assert_eq!(serde_json::from_str::<Split>(&text).unwrap(), split);
    }
}

//! What the two towers learn from.
//!
//! | file | holds |
//! |---|---|
//! | `items.npy` f32 `[N, Fi]` | every item's row at the middle of the training events |
//! | `counts.npy` f32 `[N]` | how often each item was taken up before that |
//! | `users.npy` f32 `[S, Fu]` | a user's row just before one of his later sessions |
//! | `groups.npy` i32 `[S]` | whose row it is |
//! | `positives.npy` i32 `[P, 2]` | row of `users` and row of `items`: taken up in that session |
//! | `weights.npy` f32 `[P]` | how much it says (a save 5, a completion 1) |
//! | `ages.npy` f32 `[P]` | how long before the last of them, as a share of the time they were taken up in |
//! | `columns.json` | names of the columns of both |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::{Snapshot, group_of, npy};
use crate::catalog::Catalogue;
use crate::towers::features::user_columns;
use crate::towers::history::feedback_weight;

/// Most sessions that are written.
const SESSIONS: usize = 30_000;

/// From so many items on, two sessions that take up the same are no accident: a program repeats itself, or a log.
const ALIKE: usize = 5;
/// Most that is learned from one person; nobody takes up more by hand in the time that is learned from.
const OF_A_PERSON: usize = 5_000;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows of `items.npy`.
    pub items: usize,
    /// Rows of `users.npy`.
    pub snapshots: usize,
    /// Rows of `positives.npy`.
    pub positives: usize,
    /// Sessions left out because a program did them: they take up what another did, or are of somebody who took up too much.
    pub automatic: usize,
}

#[derive(Serialize)]
struct Columns<'a> {
    dataset: String,
    items: &'a [String],
    users: &'a [String],
}

/// Writes the arrays into `out`.
///
/// # Errors
/// When there is nothing to learn from, or a file cannot be written.
pub fn write(catalogue: &Catalogue, out: &Path) -> anyhow::Result<Summary> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let snapshot = Snapshot::new(catalogue)?;
    let (mut users, mut groups, mut positives, mut weights) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut times, mut people, mut automatic) = (Vec::new(), People::default(), 0);
    for session in snapshot.sessions(catalogue, SESSIONS) {
        let learned = &session.events[snapshot.learns_from(catalogue, &session)..];
        let taken = taken_up(catalogue, learned);
        let group = group_of(catalogue, &session);
        if taken.is_empty() {
            continue;
        }
        if !people.did(group, taken.keys().copied().collect()) {
            automatic += 1;
            continue;
        }
        times.extend(std::iter::repeat_n(catalogue.events[learned[0] as usize].time_ms, taken.len()));
        for (item, weight) in taken {
            positives.extend([groups.len() as u32, item]);
            weights.push(weight);
        }
        users.extend(snapshot.user_row(catalogue, &session));
        groups.push(group);
    }
    let columns = user_columns(&catalogue.dataset);
    npy::write_floats(
        out,
        "items",
        &[snapshot.items.rows(), snapshot.items.columns.len()],
        &snapshot.items.values,
    )?;
    npy::write_floats(out, "counts", &[snapshot.counts.len()], &snapshot.counts)?;
    npy::write_floats(out, "users", &[groups.len(), columns.len()], &users)?;
    npy::write_integers(out, "groups", &[groups.len()], &groups)?;
    npy::write_integers(out, "positives", &[weights.len(), 2], &positives)?;
    npy::write_floats(out, "weights", &[weights.len()], &weights)?;
    npy::write_floats(out, "ages", &[times.len()], &ages(&times, catalogue.dataset.timed))?;
    let named =
        Columns { dataset: catalogue.dataset.schema_hash(), items: &snapshot.items.columns, users: &columns };
    std::fs::write(out.join("columns.json"), serde_json::to_vec_pretty(&named)?)?;
    Ok(Summary { items: snapshot.items.rows(), snapshots: groups.len(), positives: weights.len(), automatic })
}

/// What people and programs did so far.
#[derive(Debug, Default)]
struct People {
    /// Items of the sessions that are long enough to tell.
    sessions: BTreeSet<Vec<u32>>,
    /// How much each group took up.
    taken: BTreeMap<u32, usize>,
}

impl People {
    /// Notes a session of these items, in order; whether a person may have done it.
    fn did(&mut self, group: u32, items: Vec<u32>) -> bool {
        let taken = self.taken.entry(group).or_default();
        *taken += items.len();
        let by_hand = *taken <= OF_A_PERSON;
        (items.len() < ALIKE || self.sessions.insert(items)) && by_hand
    }
}

/// How long before the last of these times each is, as a share of the time from the first to the last; 0 where times mean
/// nothing.
fn ages(times: &[i64], timed: bool) -> Vec<f32> {
    let (first, last) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let whole = if timed { last.saturating_sub(first).max(1) } else { i64::MAX };
    times.iter().map(|time| last.saturating_sub(*time) as f32 / whole as f32).collect()
}

/// Items that these events took up, each with its largest weight.
fn taken_up(catalogue: &Catalogue, events: &[u32]) -> BTreeMap<u32, f32> {
    let mut taken = BTreeMap::new();
    for &index in events {
        let weight = feedback_weight(&catalogue.events[index as usize]);
        if let (Some(item), true) = (catalogue.event_items[index as usize], weight > 0.0) {
            let largest = taken.entry(item).or_insert(0.0_f32);
            *largest = largest.max(weight);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn snapshots_come_from_the_later_half_of_training() {
        let folder = tempfile::tempdir().unwrap();
        let summary = write(&samples::catalogue(), folder.path()).unwrap();
        assert_eq!(summary.items, samples::ITEMS);
        assert!(summary.snapshots > 0 && summary.positives >= summary.snapshots);
        assert!(folder.path().join("columns.json").exists());
    }

    #[test]
    fn a_long_session_that_comes_again_and_one_person_without_end_are_programs() {
        let mut people = People::default();
        let items = |from: u32| (from..from + ALIKE as u32).collect::<Vec<u32>>();
        assert!(people.did(1, items(0)) && people.did(1, items(1)));
        assert!(!people.did(2, items(0)));
        assert!(people.did(2, vec![7]) && people.did(3, vec![7]), "short ones are alike by chance");
        assert!(!people.did(4, (0..=OF_A_PERSON as u32).collect()));
    }

    #[test]
    fn ages_are_shares_of_the_time() {
        assert_eq!(ages(&[100, 300, 200], true), [1.0, 0.0, 0.5]);
        assert!(ages(&[100, 300], false).iter().all(|age| *age < 1e-9));
        assert!(ages(&[], true).is_empty());
    }

    #[test]
    fn an_item_taken_up_twice_counts_once() {
        let mut catalogue = samples::catalogue();
        catalogue
            .add_events(vec![samples::event("again", 0, 2, 100_500), samples::event("more", 0, 2, 100_900)]);
        let sessions = catalogue.sessions();
        let session = sessions.iter().find(|session| session.user == Some(0)).unwrap();
        let taken = taken_up(&catalogue, &session.events);
        assert_eq!(taken.get(&2), Some(&1.0));
    }
}

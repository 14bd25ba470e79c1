//! What the two towers learn from.
//!
//! | file | holds |
//! |---|---|
//! | `items.npy` f32 `[N, Fi]` | every item's row at the middle of the training events |
//! | `counts.npy` f32 `[N]` | how often each item was taken up before that |
//! | `users.npy` f32 `[S, Fu]` | a user's row just before one of his later sessions |
//! | `groups.npy` i32 `[S]` | whose row it is |
//! | `positives.npy` i32 `[P, 2]` | row of `users` and row of `items`: taken up in that session |
//! | `refused.npy` i32 `[R, 2]` | row of `users` and row of `items`: shown and refused in that session, and not taken up |
//! | `weights.npy` f32 `[P]` | how much it says (a save 5, a completion 1) |
//! | `ages.npy` f32 `[P]` | how long before the last of them, as a share of the time they were taken up in |
//! | `columns.json` | names of the columns of both |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::programs::{People, in_order, taken_up};
use super::{Snapshot, group_of, npy};
use crate::catalog::Catalogue;
use crate::towers::features::user_columns;
use crate::towers::history::feedback_weight;

/// Most sessions that are written.
const SESSIONS: usize = 30_000;

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
    let (mut times, mut hard, mut people, mut automatic) = (Vec::new(), Vec::new(), People::default(), 0);
    for session in snapshot.sessions(catalogue, SESSIONS) {
        let learned = &session.events[snapshot.learns_from(catalogue, &session)..];
        let taken = taken_up(catalogue, learned);
        let skipped = refused(catalogue, learned, &taken);
        let group = group_of(catalogue, &session);
        if taken.is_empty() {
            continue;
        }
        if !people.did(group, in_order(catalogue, learned)) {
            automatic += 1;
            continue;
        }
        times.extend(std::iter::repeat_n(catalogue.events[learned[0] as usize].time_ms, taken.len()));
        for (item, weight) in taken {
            positives.extend([groups.len() as u32, item]);
            weights.push(weight);
        }
        hard.extend(skipped.into_iter().flat_map(|item| [groups.len() as u32, item]));
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
    npy::write_integers(out, "refused", &[hard.len() / 2, 2], &hard)?;
    npy::write_floats(out, "weights", &[weights.len()], &weights)?;
    npy::write_floats(out, "ages", &[times.len()], &ages(&times, catalogue.dataset.timed))?;
    let named =
        Columns { dataset: catalogue.dataset.schema_hash(), items: &snapshot.items.columns, users: &columns };
    std::fs::write(out.join("columns.json"), serde_json::to_vec_pretty(&named)?)?;
    Ok(Summary { items: snapshot.items.rows(), snapshots: groups.len(), positives: weights.len(), automatic })
}

/// How long before the last of these times each is, as a share of the time from the first to the last; 0 where times mean
/// nothing.
fn ages(times: &[i64], timed: bool) -> Vec<f32> {
    let (first, last) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let whole = if timed { last.saturating_sub(first).max(1) } else { i64::MAX };
    times.iter().map(|time| last.saturating_sub(*time) as f32 / whole as f32).collect()
}

/// Items that these events refused and did not take up.
fn refused(catalogue: &Catalogue, events: &[u32], taken: &BTreeMap<u32, f32>) -> BTreeSet<u32> {
    let item = |&index: &u32| {
        let item = catalogue.event_items[index as usize].filter(|item| !taken.contains_key(item));
        item.filter(|_| feedback_weight(&catalogue.events[index as usize]) < 0.0)
    };
    events.iter().filter_map(item).collect()
}

#[cfg(test)]
mod tests {
    use segue_core::session::{Event, EventKind};

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
    fn ages_are_shares_of_the_time() {
        assert_eq!(ages(&[100, 300, 200], true), [1.0, 0.0, 0.5]);
        assert!(ages(&[100, 300], false).iter().all(|age| *age < 1e-9));
        assert!(ages(&[], true).is_empty());
    }

    #[test]
    fn what_was_skipped_is_refused_and_what_was_taken_up_after_all_is_not() {
        let mut catalogue = samples::catalogue();
        let skip = |id: &str, item| Event { kind: EventKind::Skip, ..samples::event(id, 0, item, 100_500) };
        catalogue.add_events(vec![skip("one", 3), skip("two", 2), samples::event("after", 0, 2, 100_900)]);
        let sessions = catalogue.sessions();
        let session = sessions.iter().find(|session| session.user == Some(0)).unwrap();
        let taken = taken_up(&catalogue, &session.events);
        assert_eq!(refused(&catalogue, &session.events, &taken), [3].into());
    }
}

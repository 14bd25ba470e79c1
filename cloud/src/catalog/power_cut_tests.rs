//! The power is cut while items change: what was acknowledged holds, also while the journal is written anew.

use std::path::Path;

use super::Item;
use super::changes::{Journal, What, apply, read};
use crate::stores::power_cut::{Recorded, Recording, Syncs};

/// Rows of one item that make each other void: so many that the journal is compacted.
const ROWS: usize = 1_100;

fn row(id: &str, title: String) -> What {
    What::Item(Box::new(Item { item: id.into(), title, ..Item::default() }))
}

/// Two changes, many, a compaction and one more; with the last change that was acknowledged after how many operations.
fn changed(data: &Path) -> (Recorded, Vec<(usize, u64)>) {
    let (mut journal, _) = Journal::open(data).unwrap();
    let (recording, mut acknowledged) = (Recording::begin(data), Vec::new());
    let many = (0..ROWS).map(|number| row("a", format!("row {number}"))).collect();
    for whats in [vec![row("a", "first".into())], vec![row("b", "of b".into())], many] {
        let last = journal.add(whats, 1).unwrap().last().unwrap().number;
        acknowledged.push((recording.so_far(), last));
    }
    assert!(journal.compact(u64::MAX).unwrap() >= ROWS - 1);
    let last = journal.add(vec![What::Withdrawn("b".into())], 7).unwrap()[0].number;
    acknowledged.push((recording.so_far(), last));
    (recording.end(), acknowledged)
}

/// Everything up to change number `acknowledged` holds.
fn check(data: &Path, acknowledged: u64) -> Result<(), String> {
    let changes = read(data).map_err(|error| format!("{error:#}"))?;
    let last = changes.last().map_or(0, |change| change.number);
    if last < acknowledged {
        return Err(format!("change {acknowledged} is lost, {last} is the last"));
    }
    let mut items = Vec::new();
    apply(&mut items, changes);
    let find = |id: &str| items.iter().find(|item| item.item == id);
    let title = find("a").map(|item| item.title.clone());
    let wanted = match last {
        0 => None,
        1 | 2 => Some("first".to_owned()),
        last => Some(format!("row {}", (last as usize - 3).min(ROWS - 1))),
    };
    let ended = find("b").and_then(|item| item.available_until_ms);
    let is_whole = title == wanted && find("b").is_some() == (last >= 2);
    let withdrawn = (last > ROWS as u64 + 2).then_some(7);
    if is_whole && ended == withdrawn { Ok(()) } else { Err(format!("after {last}: {title:?}, {ended:?}")) }
}

/// After the cut, and after one more change then.
fn losses(syncs: Syncs) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    let (recorded, acknowledged) = changed(data.path());
    recorded.losses(syncs, (1, 9_973), |data, done| {
        let until = acknowledged.iter().rev().find(|(operations, _)| *operations <= done);
        check(data, until.map_or(0, |(_, last)| *last))?;
        let added = Journal::open(data).and_then(|(mut journal, before)| {
            let added = journal.add(vec![row("late", "late".into())], 9)?;
            Ok((before.last().map_or(0, |change| change.number), added[0].number, read(data)?))
        });
        let (before, number, changes) = added.map_err(|error| format!("{error:#}"))?;
        let is_last = changes.last().is_some_and(|change| change.number == number);
        if number == before + 1 && is_last { Ok(()) } else { Err(format!("{number} follows {before}")) }
    })
}

#[test]
fn an_acknowledged_change_of_items_survives_a_power_cut() {
    assert_eq!(losses(Syncs::Done), Vec::<String>::new());
}

/// The check above sees what a disk does that passes over syncs: without the sync of the file, or of the folder that has its
/// name, it would fail.
#[test]
fn without_the_syncs_the_same_check_sees_the_loss() {
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        assert!(!losses(syncs).is_empty(), "{syncs:?}");
    }
}

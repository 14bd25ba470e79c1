//! The power is cut while people ask to be forgotten: what was acknowledged holds.

use std::path::Path;

use super::{Erased, Tombstones};
use crate::stores::power_cut::{Recorded, Recording, Syncs};

const PEOPLE: [&str; 3] = ["ada", "grace", "mary"];

/// Everybody asks, the first one twice, and the first is carried out; with who was acknowledged after how many operations.
fn asked(data: &Path) -> (Recorded, Vec<(usize, &'static str)>) {
    let tombstones = Tombstones::open(data).unwrap();
    let (recording, mut acknowledged) = (Recording::begin(data), Vec::new());
    for (now_ms, user) in (1..).zip(PEOPLE) {
        tombstones.ask(user, now_ms, 0).unwrap();
        acknowledged.push((recording.so_far(), user));
        tombstones.done(&tombstones.erased(), now_ms, 0).unwrap();
    }
    tombstones.ask(PEOPLE[0], 9, 0).unwrap();
    (recording.end(), acknowledged)
}

fn check(data: &Path, acknowledged: &[&str]) -> Result<(), String> {
    let erased = Erased::read(data).map_err(|error| format!("{error:#}"))?;
    match acknowledged.iter().find(|user| !erased.contains(user)) {
        Some(user) => Err(format!("{user} is remembered")),
        None => Ok(()),
    }
}

/// What is lost by a cut with every so many of the bytes that were not synced, and after somebody else asked then.
fn losses(syncs: Syncs, bytes: usize) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    let (recorded, acknowledged) = asked(data.path());
    recorded.losses(syncs, (1, bytes), |data, done| {
        let until = acknowledged.iter().filter(|(operations, _)| *operations <= done);
        let mut forgotten: Vec<&str> = until.map(|(_, user)| *user).collect();
        check(data, &forgotten)?;
        Tombstones::open(data)
            .and_then(|tombstones| tombstones.ask("late", 10, 0))
            .map_err(|error| format!("{error:#}"))?;
        forgotten.push("late");
        check(data, &forgotten)
    })
}

#[test]
fn an_acknowledged_tombstone_survives_a_cut_at_any_byte() {
    assert_eq!(losses(Syncs::Done, 1), Vec::<String>::new());
}

/// The check above sees what a disk does that passes over syncs: without the sync of the file, or of the folder that has its
/// name, it would fail.
#[test]
fn without_the_syncs_the_same_check_sees_the_loss() {
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        assert!(!losses(syncs, 500).is_empty(), "{syncs:?}");
    }
}

//! The event log: what is damaged or missing is found, and mended with a backup and without one.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::*;
use crate::dead_letters::{DeadLetters, Letter, Refuser};
use crate::erasure::{Erased, Tombstones};
use crate::events::{EventStore, Limits, Mended, Senders, StoreError, mend, read_since, validate};
use crate::{backup, export};

/// A data folder whose log has these events, a segment each.
fn world(ids: &[&str]) -> World {
    let mut world = World::new();
    (world.examined.now_ms, world.examined.late_ms) = (crate::clock::now_ms(), i64::MAX);
    store(&world, ids, 1);
    world
}

/// Stores one event after another, a commit each.
fn store(world: &World, ids: &[&str], segment_bytes: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let limits = Limits { segment_bytes, ..Limits::default() };
    let store = EventStore::open(world.data.path(), limits).unwrap();
    for id in ids {
        let row = json!({"event_id": id, "kind": "like", "item": "i1", "user": "u1", "time_ms": 1});
        let (batch, _) = validate(vec![row], Senders::anybody(&Erased::default()), 0, 10);
        assert_eq!(runtime.block_on(store.append(batch)).unwrap().accepted, 1, "{id}");
    }
}

fn segment(world: &World, first: u64) -> PathBuf {
    world.path(&format!("received/{first:020}.jsonl"))
}

/// What is found to be wrong with the log; the service does not start on it then.
fn damage_found(world: &World) -> String {
    let found = examine(&world.examined).into_iter().find(|finding| finding.code == Code::LogDamaged);
    let opened = EventStore::open(world.data.path(), Limits::default());
    assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{opened:?}");
    found.expect("the doctor calls a log well that the service does not start on").what
}

fn taken(world: &World) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("backup");
    backup::take(world.data.path(), &to, true).unwrap();
    (home, to)
}

/// The ids of the received events in the person's export.
fn exported(world: &World) -> Vec<String> {
    let mut ids = Vec::new();
    let flow = export::person(world.data.path(), "u1", |line| {
        let line: Value = serde_json::from_slice(&line).unwrap();
        if line["table"] == "received" {
            ids.push(line["row"]["event_id"].as_str().unwrap().to_owned());
        }
        ControlFlow::Continue(())
    });
    assert!(flow.unwrap().is_continue());
    ids
}

#[test]
fn a_damaged_log_is_mended_out_of_a_backup_and_only_what_that_lacks_is_lost() {
    let world = world(&["a", "b", "c"]);
    let well = world.codes();
    let (_home, kept) = taken(&world);
    store(&world, &["d", "e"], 1);
    damage(&segment(&world, 2));
    damage(&segment(&world, 4));
    assert!(damage_found(&world).contains("checksum"));
    let mended = mend(world.data.path(), Some(&kept)).unwrap();
    assert_eq!(mended, Mended { segments: 2, restored: 1, lost: 1 });
    assert_eq!(world.codes(), well);
    store(&world, &["f"], 1);
    assert_eq!(exported(&world), ["a", "b", "c", "e", "f"]);
    let mut numbers = Vec::new();
    read_since(world.data.path(), 0, |number, _| numbers.push(number)).unwrap();
    assert_eq!(numbers, [1, 2, 3, 5, 6], "each event keeps its number");
    assert_eq!(mend(world.data.path(), Some(&kept)).unwrap(), Mended::default());
}

#[test]
fn a_segment_that_is_missing_is_named_and_without_a_backup_its_events_alone_are_lost() {
    for missing in 1..=3 {
        let world = world(&["a", "b", "c", "d"]);
        let well = world.codes();
        fs::remove_file(segment(&world, missing)).unwrap();
        let what = damage_found(&world);
        assert!(what.contains(&format!("{missing:020}.jsonl")), "{what}");
        assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
        assert_eq!(world.codes(), well);
        store(&world, &["e"], 1);
        let mut left = vec!["a", "b", "c", "d", "e"];
        left.remove(missing as usize - 1);
        assert_eq!(exported(&world), left);
    }
    // Where nothing was written behind the hole yet, the last segment's name tells of it.
    let world = world(&["a", "b"]);
    fs::rename(segment(&world, 2), world.path("away")).unwrap();
    fs::write(segment(&world, 3), "").unwrap();
    damage_found(&world);
    assert_eq!(mend(world.data.path(), None).unwrap().lost, 1);
    store(&world, &["c"], 1);
    assert_eq!(exported(&world), ["a", "c"]);
}

#[test]
fn commits_behind_a_damaged_one_of_the_same_segment_stay() {
    let world = world(&[]);
    store(&world, &["a", "b", "c"], 1 << 20);
    damage(&segment(&world, 1));
    damage_found(&world);
    assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
    store(&world, &["d"], 1 << 20);
    assert_eq!(exported(&world), ["a", "c", "d"]);
}

#[test]
fn a_last_commit_that_rots_or_goes_after_a_stop_is_no_half_a_commit_and_its_number_is_not_given_again() {
    for is_gone in [false, true] {
        let world = world(&["a", "b"]);
        let well = world.codes();
        match is_gone {
            true => fs::remove_file(segment(&world, 2)).unwrap(),
            false => drop(damage(&segment(&world, 2))),
        }
        assert!(damage_found(&world).contains("events 2 to 2 were acknowledged"));
        assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
        assert_eq!(world.codes(), well);
        assert_eq!(mend(world.data.path(), None).unwrap(), Mended::default());
        store(&world, &["c"], 1);
        let mut numbers = Vec::new();
        read_since(world.data.path(), 0, |number, _| numbers.push(number)).unwrap();
        assert_eq!(numbers, [1, 3]);
    }
    // With no segment left at all, stubs keep the numbers too.
    let world = world(&["a"]);
    fs::remove_file(segment(&world, 1)).unwrap();
    assert!(damage_found(&world).contains("events 1 to 1 were acknowledged"));
    assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
    store(&world, &["b"], 1);
    assert_eq!(exported(&world), ["b"]);
}

#[test]
fn whoever_was_forgotten_since_the_backup_is_taken_out_again() {
    let world = world(&["a", "b"]);
    let (_home, kept) = taken(&world);
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    let who = tombstones.ask("u1", 5, 0).unwrap();
    tombstones.done(&tombstones.erased(), 6, 0).unwrap();
    damage(&segment(&world, 1));
    assert_eq!(mend(world.data.path(), Some(&kept)).unwrap().restored, 1);
    assert_eq!(Tombstones::open(world.data.path()).unwrap().pending(), [who]);
    assert_eq!(exported(&world), [""; 0]);
}

#[test]
fn what_was_given_up_without_a_backup_comes_back_once_there_is_one() {
    let world = world(&["a", "b", "c"]);
    let well = world.codes();
    let (_home, kept) = taken(&world);
    store(&world, &["d", "e", "f"], 1);
    for missing in [2, 3, 4] {
        fs::remove_file(segment(&world, missing)).unwrap();
    }
    assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 3 });
    assert_eq!(exported(&world), ["a", "e", "f"]);
    let mended = mend(world.data.path(), Some(&kept)).unwrap();
    assert_eq!(mended, Mended { segments: 1, restored: 2, lost: 1 }, "the backup is older than `d`");
    assert_eq!(mend(world.data.path(), Some(&kept)).unwrap(), Mended::default());
    assert_eq!(world.codes(), well);
    store(&world, &["g"], 1);
    assert_eq!(exported(&world), ["a", "b", "c", "e", "f", "g"]);
    let mut numbers = Vec::new();
    read_since(world.data.path(), 0, |number, _| numbers.push(number)).unwrap();
    assert_eq!(numbers, [1, 2, 3, 5, 6, 7], "each event keeps its number");
}

#[test]
fn the_stubs_of_an_earlier_mending_are_no_sign_of_another_log() {
    let world = world(&["a", "b", "c"]);
    let (_home, kept) = taken(&world);
    damage(&segment(&world, 2));
    assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
    assert_eq!(mend(world.data.path(), Some(&kept)).unwrap(), Mended { segments: 1, restored: 1, lost: 0 });
    assert_eq!(exported(&world), ["a", "b", "c"]);
}

#[test]
fn what_an_erasure_took_out_does_not_come_back_out_of_an_earlier_backup() {
    let world = world(&["a", "b"]);
    let (_home, kept) = taken(&world);
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    tombstones.ask("u1", 5, 0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let open = EventStore::open(world.data.path(), Limits::default()).unwrap();
    assert_eq!(runtime.block_on(open.erase(tombstones.erased())).unwrap(), 2);
    drop(open);
    assert_eq!(mend(world.data.path(), Some(&kept)).unwrap(), Mended::default());
}

#[test]
fn what_a_segment_was_before_an_earlier_mending_stays_beside_what_it_was_before_this_one() {
    let world = world(&["a", "b", "c"]);
    let mut were = Vec::new();
    for name in ["damaged.torn", "damaged.1.torn"] {
        damage(&segment(&world, 2));
        were.push((
            segment(&world, 2).with_extension(format!("jsonl.{name}")),
            fs::read(segment(&world, 2)).unwrap(),
        ));
        assert_eq!(mend(world.data.path(), None).unwrap(), Mended { segments: 1, restored: 0, lost: 1 });
    }
    assert_ne!(were[0].1, were[1].1);
    for (aside, bytes) in were {
        assert_eq!(fs::read(&aside).unwrap(), bytes, "{}", aside.display());
    }
}

#[test]
fn a_log_that_is_gone_as_a_whole_comes_out_of_the_backup() {
    let world = world(&["a", "b", "c"]);
    let (_home, kept) = taken(&world);
    let received = world.path("received");
    for is_folder_there in [true, false] {
        fs::remove_dir_all(&received).unwrap();
        if is_folder_there {
            fs::create_dir(&received).unwrap();
        }
        assert_eq!(
            mend(world.data.path(), Some(&kept)).unwrap(),
            Mended { segments: 3, restored: 3, lost: 0 }
        );
        assert_eq!(exported(&world), ["a", "b", "c"]);
    }
    store(&world, &["d"], 1);
    let mut numbers = Vec::new();
    read_since(world.data.path(), 0, |number, _| numbers.push(number)).unwrap();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_backup_of_another_log_is_refused_and_a_log_in_use_is_left_alone() {
    let world = world(&["a", "b"]);
    let (_home, kept) = taken(&world);
    fs::rename(world.path("received"), world.path("away")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    store(&world, &["c", "d", "e"], 1);
    damage(&segment(&world, 2));
    let refused = mend(world.data.path(), Some(&kept)).unwrap_err();
    assert!(matches!(refused, StoreError::OtherLog(_)), "{refused}");
    assert_eq!(mend(world.data.path(), None).unwrap().lost, 1);
    let open = EventStore::open(world.data.path(), Limits::default()).unwrap();
    assert!(matches!(mend(world.data.path(), None), Err(StoreError::Locked(_))));
    drop(open);
}

#[test]
fn what_was_noted_of_a_log_that_was_moved_away_hides_no_event_of_the_next_one() {
    let world = world(&["a"]);
    DeadLetters::open(world.data.path()).unwrap().keep(&[Letter {
        refused_ms: NOW,
        refuser: Refuser::Counters,
        number: Some(2),
        code: "event_unreadable".into(),
        detail: "made by a newer version".into(),
        event: json!("?"),
    }]);
    fs::rename(world.path("received"), world.path("away")).unwrap();
    store(&world, &["b", "c"], 1);
    assert_eq!(exported(&world), ["b", "c"]);
}

//! Kills, power cuts, full disks and damage: what was acknowledged is there, once, and nothing is invented.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::power_cut::PowerCutDisk;
use super::reader::read;
use super::segments::SegmentReader;
use super::validate::{Batch, validate};
use super::{Disk as _, EventStore, FolderDisk, Limits, Senders, StoreError, last, read_since, read_until};
use crate::erasure::{Erased, Tombstones};

const SMALL: Limits = Limits {
    waiting_bytes: 1 << 20,
    segment_bytes: 2_000,
    dedup_window: Duration::from_secs(86_400),
    dedup_ids: 1_000_000,
};

fn batch(ids: &[&str]) -> Batch {
    let rows =
        ids.iter().map(|id| json!({"event_id": id, "kind": "like", "item": "t1", "time_ms": 1})).collect();
    let (batch, rejects) = validate(rows, Senders::anybody(&Erased::default()), 0, 10);
    assert!(rejects.is_empty(), "{rejects:?}");
    batch
}

fn stored(disk: &PowerCutDisk) -> Vec<String> {
    let mut ids = Vec::new();
    read(&mut SegmentReader::new(disk.clone(), 0), &BTreeSet::new(), |arrival| {
        ids.push(arrival.event.event_id);
        ControlFlow::Continue(())
    })
    .unwrap();
    ids
}

/// Sends batches of growing size until `batches` were acknowledged; returns their ids.
async fn fill(disk: &PowerCutDisk, batches: usize) -> BTreeSet<String> {
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    let mut acknowledged = BTreeSet::new();
    for number in 0..batches {
        let ids: Vec<String> = (0..=number % 5).map(|place| format!("e{number}-{place}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        store.append(batch(&ids)).await.unwrap();
        acknowledged.extend(ids.into_iter().map(str::to_owned));
    }
    acknowledged
}

#[tokio::test]
async fn acknowledged_events_survive_a_power_cut() {
    let disk = PowerCutDisk::default();
    let acknowledged = fill(&disk, 40).await;
    assert_eq!(disk.unsynced(), 0);
    let after = disk.after_power_cut(0, None);
    assert_eq!(stored(&after).into_iter().collect::<BTreeSet<_>>(), acknowledged);
}

#[tokio::test]
async fn without_the_sync_the_same_check_sees_the_loss() {
    let disk = PowerCutDisk::default();
    disk.state().lies_about_sync = true;
    let acknowledged = fill(&disk, 40).await;
    let after = disk.after_power_cut(0, None);
    let found: BTreeSet<String> = stored(&after).into_iter().collect();
    assert!(!acknowledged.is_subset(&found), "a store that never syncs must fail this check");
}

#[tokio::test]
async fn a_commit_cut_at_any_byte_invents_nothing_and_is_stored_when_it_is_sent_again() {
    let disk = PowerCutDisk::default();
    fill(&disk, 7).await;
    let before = stored(&disk);
    disk.state().lies_about_sync = true;
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    store.append(batch(&["x1", "x2", "x3"])).await.unwrap();
    drop(store);
    let unsynced = disk.unsynced();
    assert!(unsynced > 100);
    for kept in 0..unsynced {
        let after = disk.after_power_cut(kept, None);
        assert_eq!(stored(&after), before, "kept {kept} bytes, read beside the writer");
        let store = EventStore::on_disk(after.clone(), SMALL).unwrap();
        assert_eq!(store.count(), before.len() as u64, "kept {kept} bytes, opened");
        let outcome = store.append(batch(&["x1", "x2", "x3"])).await.unwrap();
        assert_eq!((outcome.accepted, outcome.duplicates), (3, 0), "kept {kept} bytes, sent again");
        drop(store);
        assert_eq!(stored(&after).len(), before.len() + 3);
    }
}

#[tokio::test]
async fn a_commit_whose_bytes_arrived_changed_is_cut_off_too() {
    let disk = PowerCutDisk::default();
    fill(&disk, 3).await;
    let before = stored(&disk);
    disk.state().lies_about_sync = true;
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    store.append(batch(&["x1", "x2"])).await.unwrap();
    drop(store);
    for flipped in 0..disk.unsynced() {
        let after = disk.after_power_cut(usize::MAX / 2, Some(flipped));
        let store = EventStore::on_disk(after.clone(), SMALL).unwrap();
        assert_eq!(store.count(), before.len() as u64, "byte {flipped}");
        assert_eq!(stored(&after), before);
    }
}

#[tokio::test]
async fn damage_before_the_last_commit_is_refused_with_its_place() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), Limits::default()).unwrap();
    for id in ["a", "b"] {
        store.append(batch(&[id])).await.unwrap();
    }
    drop(store);
    let name = "00000000000000000001.jsonl";
    let mut bytes = super::Disk::read(&disk, name).unwrap();
    bytes[200] ^= 1;
    let damaged = PowerCutDisk::holding(name, &bytes);
    let error = EventStore::on_disk(damaged.clone(), SMALL).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { segment, offset: 0, .. } if segment == name), "{error}");
    let mut reader = SegmentReader::new(damaged.clone(), 0);
    assert!(read(&mut reader, &BTreeSet::new(), |_| ControlFlow::Continue(())).is_err());
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_refused_and_left_as_it_is() {
    let disk = PowerCutDisk::holding("00000000000000000001.jsonl", b"{\"format\":2}\n");
    let error = EventStore::on_disk(disk.clone(), SMALL).unwrap_err();
    assert!(matches!(error, StoreError::Newer { format: 2, .. }), "{error}");
    assert_eq!(super::Disk::read(&disk, "00000000000000000001.jsonl").unwrap(), b"{\"format\":2}\n");
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_takes_events_again_when_there_is_room() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    store.append(batch(&["a"])).await.unwrap();
    disk.state().room = Some(30);
    let error = store.append(batch(&["b"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Disk { action: "append to", .. }), "{error}");
    disk.state().room = None;
    let outcome = store.append(batch(&["b", "c"])).await.unwrap();
    assert_eq!((outcome.accepted, outcome.duplicates), (2, 0));
    drop(store);
    assert_eq!(stored(&disk.after_power_cut(0, None)), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_segment_that_could_not_be_made_durable_is_taken_by_the_next_try() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), Limits { segment_bytes: 1, ..SMALL }).unwrap();
    store.append(batch(&["a"])).await.unwrap();
    disk.state().create_fails = true;
    let error = store.append(batch(&["b"])).await.unwrap_err();
    assert!(matches!(error, StoreError::Disk { action: "create", .. }), "{error}");
    assert_eq!(store.append(batch(&["b", "c"])).await.unwrap().accepted, 2);
    drop(store);
    assert_eq!(stored(&disk.after_power_cut(0, None)), ["a", "b", "c"]);
}

#[test]
fn a_folder_takes_an_empty_segment_for_a_new_one_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = FolderDisk::new(folder.path());
    std::fs::write(folder.path().join("left"), "").unwrap();
    disk.create("left").unwrap();
    disk.append("left", b"whole").unwrap();
    assert_eq!(disk.create("left").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(disk.read("left").unwrap(), b"whole");
}

/// A batch of `user`'s, and who is to be forgotten when that is `user`.
fn of(user: &str, ids: &[&str]) -> (Batch, Erased) {
    let row = |id: &&str| json!({"event_id": id, "user": user, "kind": "like", "item": "t1", "time_ms": 1});
    let (batch, _) = validate(ids.iter().map(row).collect(), Senders::anybody(&Erased::default()), 0, 10);
    let data = tempfile::tempdir().unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    tombstones.ask(user, 1, 0).unwrap();
    (batch, tombstones.erased())
}

#[tokio::test]
async fn events_are_taken_in_while_somebody_leaves_the_log() {
    let disk = PowerCutDisk::default();
    let store = Arc::new(EventStore::on_disk(disk.clone(), SMALL).unwrap());
    let (theirs, erased) = of("u1", &["mine"]);
    store.append(theirs).await.unwrap();
    for number in 0..20 {
        store.append(batch(&[&format!("e{number}")])).await.unwrap();
    }
    store.append(of("u1", &["mine too"]).0).await.unwrap();
    let held = disk.hold_next_replace();
    let erasing = Arc::clone(&store);
    let erasing = tokio::spawn(async move { erasing.erase(erased).await });
    while !disk.is_replacing() {
        tokio::task::yield_now().await;
    }
    let meanwhile = tokio::time::timeout(Duration::from_secs(20), store.append(batch(&["x"]))).await;
    assert_eq!(meanwhile.expect("an answer while the erasure goes on").unwrap().accepted, 1);
    drop(held);
    assert_eq!(erasing.await.unwrap().unwrap(), 2);
    assert_eq!(store.append(batch(&["x", "y"])).await.unwrap().accepted, 1);
    drop(store);
    let ids = stored(&disk.after_power_cut(0, None));
    assert_eq!(ids.len(), 22);
    assert!(ids.iter().all(|id| !id.starts_with("mine")) && ids.ends_with(&["x".into(), "y".into()]));
}

#[tokio::test]
async fn nothing_is_appended_to_a_segment_that_a_power_cut_may_undo() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    let (theirs, erased) = of("u1", &["mine"]);
    store.append(theirs).await.unwrap();
    disk.state().replace_fails = true;
    assert!(matches!(store.erase(erased).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.append(batch(&["a"])).await, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_until_the_store_is_opened_again() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    disk.state().sync_fails = true;
    assert!(matches!(store.append(batch(&["a"])).await, Err(StoreError::Failed(_))));
    assert!(matches!(store.append(batch(&["b"])).await, Err(StoreError::Failed(_))));
    drop(store);
    let store = EventStore::on_disk(disk.after_power_cut(0, None), SMALL).unwrap();
    assert_eq!(store.append(batch(&["a", "b"])).await.unwrap().accepted, 2);
}

#[tokio::test]
async fn what_a_killed_process_wrote_is_synced_before_it_counts_as_a_duplicate() {
    let disk = PowerCutDisk::default();
    // The process is killed between writing and syncing: the system still has the bytes.
    disk.state().lies_about_sync = true;
    EventStore::on_disk(disk.clone(), SMALL).unwrap().append(batch(&["a"])).await.unwrap();
    disk.state().lies_about_sync = false;
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    assert_eq!(store.append(batch(&["a"])).await.unwrap().duplicates, 1);
    drop(store);
    assert_eq!(stored(&disk.after_power_cut(0, None)), ["a"]);
}

#[tokio::test]
async fn what_a_failed_sync_left_is_not_taken_for_stored_by_the_next_start() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    store.append(batch(&["a"])).await.unwrap();
    disk.state().sync_fails = true;
    assert!(matches!(store.append(batch(&["b"])).await, Err(StoreError::Failed(_))));
    drop(store);
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    assert_eq!(store.append(batch(&["b"])).await.unwrap().accepted, 1);
    drop(store);
    assert_eq!(stored(&disk.after_power_cut(0, None)), ["a", "b"]);
}

#[tokio::test]
async fn waiting_requests_share_a_sync_and_a_full_queue_is_refused() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), Limits::default()).unwrap();
    // The writer stays in its first commit while the others gather behind it.
    let held = disk.hold_next_sync();
    let ids: Vec<String> = (0..50).map(|number| format!("e{number}")).collect();
    let mut waiting = Vec::new();
    for id in &ids {
        let mut append = Box::pin(store.append(batch(&[id])));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(
                append.as_mut().poll(context).is_pending()
            ))
            .await
        );
        waiting.push(append);
    }
    drop(held);
    for append in waiting {
        assert_eq!(append.await.unwrap().accepted, 1);
    }
    assert!(disk.state().syncs < ids.len(), "{} syncs", disk.state().syncs);
    assert_eq!(store.count(), 50);

    let tight = PowerCutDisk::default();
    let store = EventStore::on_disk(tight.clone(), Limits { waiting_bytes: 1024, ..SMALL }).unwrap();
    let held = tight.hold_next_sync();
    let mut first = Box::pin(store.append(batch(&["a"])));
    let waits =
        std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context).is_pending()));
    assert!(waits.await);
    assert_eq!(store.append(batch(&["b"])).await, Err(StoreError::Busy));
    drop(held);
    assert_eq!(first.await.unwrap().accepted, 1);
}

#[tokio::test]
async fn how_far_events_were_acknowledged_is_written_down_after_a_commit_and_nothing_seems_to_wait_then() {
    let disk = PowerCutDisk::default();
    let store = EventStore::on_disk(disk.clone(), SMALL).unwrap();
    let held = disk.hold_next_sync();
    let mut append = Box::pin(store.append(batch(&["a", "b"])));
    let waits =
        std::future::poll_fn(|context| std::task::Poll::Ready(append.as_mut().poll(context).is_pending()));
    assert!(waits.await);
    store.write_down();
    drop(held);
    append.await.unwrap();
    // What the writer does comes one after the other.
    assert_eq!(store.erase(Erased::default()).await, Ok(0));
    assert_eq!(super::Disk::read(&disk, "acknowledged").unwrap(), b"3\n3\n");
    assert_eq!(store.lag(), Duration::ZERO);
}

#[tokio::test]
async fn beyond_the_ids_that_may_be_known_nothing_is_taken_in_also_after_a_start() {
    let disk = PowerCutDisk::default();
    let few = Limits { dedup_ids: 3, ..SMALL };
    let store = EventStore::on_disk(disk.clone(), few).unwrap();
    store.append(batch(&["a", "b"])).await.unwrap();
    assert_eq!(store.append(batch(&["b", "c"])).await.unwrap().accepted, 1);
    assert_eq!(store.append(batch(&["d"])).await, Err(StoreError::Full));
    assert_eq!((store.ids(), store.count(), store.is_failing()), (3, 3, false));
    drop(store);
    let store = EventStore::on_disk(disk.clone(), few).unwrap();
    assert_eq!(store.append(batch(&["d"])).await, Err(StoreError::Full));
    drop(store);
    let store = EventStore::on_disk(disk, SMALL).unwrap();
    assert_eq!(store.append(batch(&["c", "d"])).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn the_log_is_read_beside_its_writer_and_only_one_process_writes() {
    let data = tempfile::tempdir().unwrap();
    let store = EventStore::open(data.path(), SMALL).unwrap();
    for number in 0..60 {
        store.append(batch(&[&format!("e{number}")])).await.unwrap();
    }
    let mut seen = Vec::new();
    assert_eq!(
        read_since(data.path(), 55, |sequence, event| seen.push((sequence, event.event_id))).unwrap(),
        60
    );
    assert_eq!(seen.first(), Some(&(56, "e55".to_owned())));
    assert_eq!(seen.len(), 5);
    assert_eq!(last(data.path()).unwrap(), 60);
    assert!(matches!(EventStore::open(data.path(), SMALL), Err(StoreError::Locked(_))));
    drop(store);
    assert_eq!(EventStore::open(data.path(), SMALL).unwrap().count(), 60);
    let segments = super::Disk::names(&FolderDisk::new(super::folder(data.path()))).unwrap();
    assert!(segments.len() > 3, "{segments:?}");
}

#[tokio::test]
async fn whoever_has_enough_reads_no_further_segment() {
    let data = tempfile::tempdir().unwrap();
    let store = EventStore::open(data.path(), SMALL).unwrap();
    for number in 0..60 {
        store.append(batch(&[&format!("e{number}")])).await.unwrap();
    }
    let mut ids = Vec::new();
    // The end of the log is damaged: whoever reads it learns of that.
    let last =
        super::log::segment_names(&FolderDisk::new(super::folder(data.path()))).unwrap().pop().unwrap();
    std::fs::write(super::folder(data.path()).join(last), "{\"format\":2}\n").unwrap();
    let flow = read_until(data.path(), |event| {
        ids.push(event.event_id);
        if ids.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(flow.unwrap().is_break());
    assert_eq!(ids, ["e0", "e1", "e2"]);
    assert!(read_until(data.path(), |_| ControlFlow::Continue(())).is_err());
}

#[test]
fn a_folder_without_a_log_has_no_events() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(read_since(data.path(), 0, |_, _| ()).unwrap(), 0);
    assert_eq!(last(data.path()).unwrap(), 0);
}

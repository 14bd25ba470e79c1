//! Kills, power cuts and dying devices: what was acknowledged is there, and nothing is invented.

use std::collections::BTreeSet;

use super::power_cut::PowerCutDisk;
use super::suite::{self, Place};
use super::{Answer, Change, Disk, LogStore, MemoryStore, Next, Outbox, Row, Store, Worth};
use crate::error::Code;
use crate::session::{Event, EventKind};

impl Place for MemoryStore {
    fn empty() -> Self {
        Self::default()
    }

    fn open(&mut self) -> impl Store + '_ {
        self
    }
}

impl Place for PowerCutDisk {
    fn empty() -> Self {
        Self::default()
    }

    /// Each start comes after a power cut.
    fn open(&mut self) -> impl Store + '_ {
        *self = self.after_power_cut(0);
        LogStore::new(self.clone())
    }
}

#[test]
fn memory_keeps_the_contract() {
    suite::check::<MemoryStore>();
}

#[test]
fn the_log_keeps_the_contract_with_a_power_cut_before_every_start() {
    suite::check::<PowerCutDisk>();
}

#[test]
#[should_panic(expected = "assertion")]
fn without_the_sync_the_contract_is_seen_to_be_broken() {
    struct Lying(PowerCutDisk);
    impl Place for Lying {
        fn empty() -> Self {
            Self(PowerCutDisk::lying())
        }
        fn open(&mut self) -> impl Store + '_ {
            let after = self.0.after_power_cut(0);
            let lying = PowerCutDisk::lying();
            lying.clone().replace(&after.clone().read().unwrap()).unwrap();
            self.0 = lying;
            LogStore::new(self.0.clone())
        }
    }
    suite::check::<Lying>();
}

/// What the app was told while it used an outbox.
#[derive(Default)]
struct Told {
    handed_over: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    sent: BTreeSet<String>,
}

/// Enqueues and now and then sends, until the device dies or `events` are through. `prefix` tells its events from others.
fn work(disk: &PowerCutDisk, prefix: &str, events: u32, told: &mut Told) -> crate::Result<()> {
    let mut outbox = Outbox::open(LogStore::new(disk.clone()), 1)?;
    (0..events).try_for_each(|number| step(&mut outbox, prefix, number, told))
}

fn step(
    outbox: &mut Outbox<LogStore<PowerCutDisk>>,
    prefix: &str,
    number: u32,
    told: &mut Told,
) -> crate::Result<()> {
    let id = format!("{prefix}{number}");
    told.handed_over.insert(id.clone());
    let mut event = Event::new(id.clone(), "t1", EventKind::Like, 1);
    // A few large ones, so that the log has to be rewritten on the way.
    let note = if number % 5 == 2 { 12_000 } else { 10 };
    event.context.insert("note".into(), "x".repeat(note));
    outbox.enqueue(&event)?;
    told.acknowledged.insert(id);
    if number % 4 == 3 { deliver(outbox, told) } else { Ok(()) }
}

/// The service takes a batch; from then on its events may be gone here.
fn deliver(outbox: &mut Outbox<LogStore<PowerCutDisk>>, told: &mut Told) -> crate::Result<()> {
    let Next::Send(batch) = outbox.next(1, usize::MAX) else { return Ok(()) };
    told.sent.extend(ids(&batch.body));
    let events = batch.sequences.len();
    let body = format!(r#"{{"accepted":{events},"duplicates":0,"rejected":[]}}"#);
    outbox.answered(&Answer { status: 202, retry_after_ms: None, body: body.as_bytes() }, 1)?;
    Ok(())
}

fn ids(body: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        events: Vec<Event>,
    }
    serde_json::from_str::<Body>(body).unwrap().events.into_iter().map(|event| event.event_id).collect()
}

fn kept(disk: &PowerCutDisk) -> BTreeSet<String> {
    let stored = LogStore::new(disk.clone()).load().unwrap();
    stored.rows.iter().map(|row| row.event_id().unwrap()).collect()
}

/// Every acknowledged event is kept or was sent, and nothing else is there.
fn holds(told: &Told, kept: &BTreeSet<String>) -> bool {
    let somewhere: BTreeSet<_> = kept.union(&told.sent).cloned().collect();
    told.acknowledged.is_subset(&somewhere) && kept.is_subset(&told.handed_over)
}

/// Cuts the power in every way there is and looks at what is left.
fn check_power_cuts(disk: &PowerCutDisk, told: &Told, deeds: usize) {
    for after in disk.after_power_cuts() {
        assert!(holds(told, &kept(&after)), "after {deeds} deeds");
    }
}

#[test]
fn a_device_that_dies_at_any_write_loses_nothing_acknowledged_at_any_byte_of_what_it_had_not_synced() {
    let mut rewrites = 0;
    for deeds in 0.. {
        let (disk, mut told) = (PowerCutDisk::dying_after(deeds), Told::default());
        let done = work(&disk, "e", 40, &mut told).is_ok();
        rewrites = disk.replacements();
        check_power_cuts(&disk, &told, deeds);
        if done {
            break;
        }
    }
    assert!(rewrites > 1, "the work is long enough to rewrite the log");
}

#[test]
fn what_a_killed_process_left_unsynced_takes_nothing_of_the_next_one_s_with_it() {
    for deeds in 0.. {
        let (disk, mut told) = (PowerCutDisk::dying_after(deeds), Told::default());
        let done = work(&disk, "e", 40, &mut told).is_ok();
        disk.revive();
        work(&disk, "next", 1, &mut told).unwrap();
        check_power_cuts(&disk, &told, deeds);
        if done {
            break;
        }
    }
}

#[test]
fn without_the_sync_the_same_check_sees_the_loss() {
    let nothing_is_lost_on = |disk: PowerCutDisk| {
        let mut told = Told::default();
        // The last three wait when the power goes.
        work(&disk, "e", 39, &mut told).unwrap();
        holds(&told, &kept(&disk.after_power_cut(0)))
    };
    assert!(nothing_is_lost_on(PowerCutDisk::default()), "the same work on an honest disk");
    assert!(!nothing_is_lost_on(PowerCutDisk::lying()), "a store that never syncs must fail this check");
}

#[test]
fn after_a_failed_write_of_any_kind_the_next_event_is_kept_beside_all_acknowledged_ones() {
    for deeds in 0..100 {
        let (disk, mut told) = (PowerCutDisk::default(), Told::default());
        let mut outbox = Outbox::open(LogStore::new(disk.clone()), 1).unwrap();
        disk.die_after(deeds);
        let failed = (0..40).find_map(|number| step(&mut outbox, "e", number, &mut told).err());
        if let Some(error) = failed {
            assert_eq!(error.code(), Code::StorageFailed);
        }
        disk.revive();
        step(&mut outbox, "next", 0, &mut told).unwrap();
        check_power_cuts(&disk, &told, deeds);
    }
}

#[test]
fn a_change_that_failed_is_undone_by_the_next_one() {
    let row = |sequence| Row { sequence, worth: Worth::Lasting, json: "{}".into() };
    let put = |sequence| Change { put: vec![row(sequence)], ..Change::default() };
    for deeds in 0..2 {
        let disk = PowerCutDisk::default();
        let mut store = LogStore::new(disk.clone());
        store.commit(&put(1)).unwrap();
        disk.die_after(deeds);
        store.commit(&Change { remove: vec![1], ..put(2) }).unwrap_err();
        disk.revive();
        store.commit(&put(3)).unwrap();
        assert_eq!(LogStore::new(disk).load().unwrap().rows, [row(1), row(3)]);
    }
}

#[test]
fn a_torn_end_is_cut_off_before_anything_is_written_behind_it() {
    let mut disk = PowerCutDisk::default();
    let row =
        |sequence| Row { sequence, worth: Worth::Lasting, json: format!(r#"{{"event_id":"e{sequence}"}}"#) };
    let commit = |disk: &PowerCutDisk, sequence| {
        let change = Change { put: vec![row(sequence)], ..Change::default() };
        LogStore::new(disk.clone()).commit(&change).unwrap();
    };
    commit(&disk, 1);
    disk.append(b"SGOB and then the battery was empty").unwrap();
    disk.sync().unwrap();
    commit(&disk, 2);
    assert_eq!(LogStore::new(disk).load().unwrap().rows, [row(1), row(2)]);
}

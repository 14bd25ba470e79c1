//! What old events leave behind when they go: packs are made from the same, and nobody who did something looks as before.

use std::path::Path;
use std::time::Duration;

use super::latest::{Latest, Reading};
use super::tests::{NOW, catalogue, event, folder, options};
use super::*;
use crate::catalog::{Event, EventKind};
use crate::events::ledger::{Ledger, Row, fingerprint};
use crate::events::{self, Filter, FolderDisk, Limits};
use crate::expiry::{self, expire};

const DAY: i64 = 86_400_000;

/// A log whose commits have a segment each.
fn log(data: &Path) -> Ledger {
    let disk = FolderDisk::new(events::folder(data));
    disk.create_folder().unwrap();
    Ledger::open(disk, Limits { segment_bytes: 1, ..Limits::default() }).unwrap()
}

fn receive(log: &mut Ledger, event: &Event, received_ms: i64) {
    let row = Row { id: fingerprint(&event.event_id), line: serde_json::to_vec(event).unwrap() };
    log.commit(&[&[row]], received_ms).unwrap();
}

/// Keeps thirty days; how many events went.
fn let_go(data: &Path) -> u64 {
    let options = expiry::Options {
        keep: Duration::from_secs(30 * 86_400),
        dedup_window: Duration::from_secs(86_400),
        at_once: true,
        history: HISTORY,
        filter: Filter::default(),
        is_training_log_written: false,
    };
    expire(data, NOW, options).unwrap().gone
}

fn latest(data: &Path) -> Latest {
    let reading = Reading {
        last: u64::MAX,
        filter: Filter::default(),
        history: HISTORY,
        nobodys_history: NOBODYS_HISTORY,
        whose: Whose::Everybody,
        now_ms: NOW,
    };
    Latest::read(data, &catalogue(60, 4), reading).unwrap()
}

#[test]
fn what_people_took_up_refused_and_follow_is_the_same_when_old_events_are_gone() {
    let (data, _) = folder();
    let mut log = log(data.path());
    let kinds = [
        EventKind::Impression,
        EventKind::Like,
        EventKind::NotInterested,
        EventKind::Follow,
        EventKind::Complete,
        EventKind::Skip,
        EventKind::Play,
    ];
    for at in 0..70_usize {
        let time_ms = NOW - 100 * DAY + at as i64;
        receive(
            &mut log,
            &event(&format!("r{at:02}"), at % 3, at % 60, kinds[at % 7].clone(), time_ms),
            time_ms,
        );
    }
    for at in 0..2 {
        receive(&mut log, &event(&format!("s{at}"), 3, at, EventKind::Impression, NOW - 1), NOW - 1);
    }
    let said = |latest: &Latest| -> Vec<Event> {
        latest.received.iter().filter(|event| Says::of(event) != Says::Nothing).cloned().collect()
    };
    let people = |latest: Latest| {
        let mut catalogue = catalogue(60, 4);
        catalogue.add_events([latest.tables, latest.received].concat());
        let people = People::new(&catalogue, Moment { until_ms: None, now_ms: NOW });
        (0..4)
            .map(|user| {
                (people.remembered(user).to_vec(), people.followed(user).map(str::to_owned).collect())
            })
            .collect::<Vec<(Vec<u32>, Vec<String>)>>()
    };
    let before = latest(data.path());
    assert_eq!((before.received.len(), said(&before).len()), (72, 50));
    assert_eq!(log_begins_ms(data.path()).unwrap(), Some(NOW - 100 * DAY));
    assert_eq!(let_go(data.path()), 20, "what was shown, and what began to play");
    let after = latest(data.path());
    assert_eq!(after.received.len(), 52);
    assert_eq!(said(&after), said(&before));
    assert_eq!(people(after), people(before));
    // The first event was shown only; what is in the tables from then on may be in the log no more.
    assert_eq!(log_begins_ms(data.path()).unwrap(), Some(NOW - 100 * DAY + 1));
}

#[test]
fn somebody_who_did_as_much_late_as_was_let_go_of_gets_a_list_of_their_own() {
    let (data, _) = folder();
    let mut log = log(data.path());
    receive(&mut log, &event("shown", 0, 3, EventKind::Impression, NOW - 100 * DAY), NOW - 100 * DAY);
    receive(&mut log, &event("newest", 0, 5, EventKind::Like, NOW - 10), NOW - 10);
    let of = |report: &Report, how| report.lists.get(&how).copied().unwrap_or(0);
    assert_eq!(of(&run(data.path(), &options()).unwrap(), How::Fresh), 4);
    assert_eq!(of(&run(data.path(), &options()).unwrap(), How::Unchanged), 4);
    assert_eq!(let_go(data.path()), 1);
    // As many events as before, and the newest is the same.
    receive(&mut log, &event("late", 0, 9, EventKind::Like, NOW - 50 * DAY), NOW - 5);
    assert_eq!(of(&run(data.path(), &options()).unwrap(), How::Fresh), 4);
    assert_eq!(of(&run(data.path(), &options()).unwrap(), How::Unchanged), 4, "and once only");
    assert_eq!(let_go(data.path()), 0);
    assert_eq!(of(&run(data.path(), &options()).unwrap(), How::Unchanged), 4, "nothing went");
}

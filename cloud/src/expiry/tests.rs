//! What stays of old events, how far it goes, and who has to wait for whom.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::state::State;
use super::*;
use crate::catalog::{Event, EventKind};
use crate::consumers::Consumer;
use crate::erasure::Tombstones;
use crate::events::ledger::{Ledger, Row, fingerprint};
use crate::events::{self, EventStore, Filter, FolderDisk, Limits, StoreError, check, try_rewriting};

#[path = "gap_tests.rs"]
mod gaps;

const DAY: i64 = 86_400_000;
const NOW: i64 = 20_779 * DAY;

const SMALL: Limits =
    Limits { segment_bytes: 300, waiting_bytes: 1 << 20, dedup_window: LEAST, dedup_ids: 1_000_000 };

/// Keeps thirty days, of each person two events of each kind that says something.
const OPTIONS: Options = Options {
    keep: std::time::Duration::from_secs(30 * 86_400),
    dedup_window: LEAST,
    at_once: true,
    history: 2,
    filter: Filter { actions_per_hour: 0, impressions_per_hour: 0, item_per_hour: 0, deeds: 0 },
    is_training_log_written: false,
};

struct World {
    data: tempfile::TempDir,
    log: Ledger,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let disk = FolderDisk::new(events::folder(data.path()));
        disk.create_folder().unwrap();
        Self { log: Ledger::open(disk, SMALL).unwrap(), data }
    }

    /// Takes an event in so many days ago; its id is its number.
    fn receive(&mut self, days: i64, user: &str, session: &str, kind: EventKind) -> u64 {
        let number = self.log.count() + 1;
        let event =
            Event::new(number.to_string(), format!("i{number}"), kind, NOW - days * DAY + number as i64);
        let event = Event { user: user.into(), session: session.into(), slate: Some("l1".into()), ..event };
        let line = serde_json::to_vec(&event).unwrap();
        let row = Row { id: fingerprint(&event.event_id), line };
        self.log.commit(&[&[row]], NOW - days * DAY).unwrap();
        number
    }

    /// Something of today, so that all before is settled.
    fn today(&mut self) -> u64 {
        self.receive(0, "u9", "s9", EventKind::Play);
        self.receive(0, "u9", "s9", EventKind::Play)
    }

    fn expire(&self, options: Options) -> Summary {
        expire(self.data.path(), NOW, options).unwrap()
    }

    fn numbers(&self) -> Vec<u64> {
        let mut numbers = Vec::new();
        events::read_since(self.data.path(), 0, |number, event| {
            assert_eq!(event.event_id, number.to_string());
            numbers.push(number);
        })
        .unwrap();
        numbers
    }
}

fn sign_in() -> EventKind {
    EventKind::Custom("sign_in".into())
}

/// What the log's folder holds but for how far it is.
fn segments(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(events::folder(data)).unwrap().map(Result::unwrap);
    let files =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    files.filter(|(name, _)| name.ends_with(".jsonl")).collect()
}

#[test]
fn of_each_person_the_latest_that_say_something_stay_and_all_else_that_is_old_goes() {
    let mut world = World::new();
    let mut stay = Vec::new();
    world.receive(90, "u1", "s1", EventKind::Like);
    stay.push(world.receive(89, "u1", "s1", EventKind::NotInterested));
    stay.push(world.receive(88, "u1", "s1", EventKind::Follow));
    stay.push(world.receive(87, "u2", "s2", EventKind::Dislike));
    for _ in 0..5 {
        world.receive(86, "u1", "s1", EventKind::Impression);
        world.receive(86, "", "s3", EventKind::Like);
        world.receive(86, "", "", EventKind::Skip);
    }
    for deed in [EventKind::Skip, EventKind::Complete, EventKind::Click] {
        let number = world.receive(85, "u1", "s1", deed);
        stay.extend((number > 20).then_some(number));
    }
    // Not old yet, whatever it says.
    stay.push(world.receive(29, "", "", EventKind::Play));
    stay.push(world.today() - 1);
    stay.push(stay.last().unwrap() + 1);
    let before = world.numbers().len();
    let summary = world.expire(OPTIONS);
    assert_eq!(world.numbers(), stay);
    assert_eq!(summary.gone as usize + stay.len(), before);
    assert_eq!((summary.until_ms, summary.held_back), (Some(NOW - 30 * DAY), None));
    let (written, checked) = (segments(world.data.path()), check(world.data.path()).unwrap());
    assert_eq!(checked.events as usize, before);
    let again = world.expire(OPTIONS);
    assert_eq!((again.gone, segments(world.data.path())), (0, written), "once more");
    // Numbers go on, and so does the log after a start.
    let World { data, log } = world;
    drop(log);
    let disk = FolderDisk::new(events::folder(data.path()));
    let mut world = World { log: Ledger::open(disk, SMALL).unwrap(), data };
    assert_eq!(world.receive(0, "u1", "s1", EventKind::Like) as usize, before + 1);
}

#[test]
fn what_cannot_be_read_stays_and_what_was_stored_twice_counts_once() {
    let mut world = World::new();
    let row = |id: u128, line: &str| Row { id, line: line.as_bytes().to_vec() };
    let like = |at: i64| {
        format!(r#"{{"event_id":"e{at}","user":"u1","session":"s","item":"i","kind":"like","time_ms":{at}}}"#)
    };
    let lines = [like(1), like(2), like(2), like(2), r#"{"event_id":"n","kind":{"newer":1}}"#.to_owned()];
    for (id, line) in lines.iter().enumerate() {
        world.log.commit(&[&[row(id as u128, line)]], NOW - 90 * DAY).unwrap();
    }
    world.today();
    assert_eq!(world.expire(OPTIONS).gone, 2);
    let kept = String::from_utf8(segments(world.data.path()).into_values().flatten().collect()).unwrap();
    assert_eq!(["\"e1\"", "\"e2\"", "\"newer\""].map(|text| kept.matches(text).count()), [1, 1, 1]);
}

#[test]
fn a_session_stays_its_persons_and_so_does_the_sign_in_as_long_as_anything_of_it_is_there() {
    let mut world = World::new();
    let like = world.receive(90, "", "before", EventKind::Like);
    let signed = world.receive(90, "u1", "before", sign_in());
    // A second claim is somebody else's.
    world.receive(90, "u2", "before", sign_in());
    let refused = world.receive(90, "", "long", EventKind::NotInterested);
    let waits = world.receive(90, "u4", "goes on", sign_in());
    world.receive(90, "u5", "without a trace", sign_in());
    world.receive(90, "", "shown", EventKind::Impression);
    let shown = world.receive(90, "u6", "shown", sign_in());
    let today = [
        world.receive(0, "u3", "long", sign_in()),
        world.receive(0, "", "goes on", EventKind::Play),
        world.receive(0, "u7", "without a trace", EventKind::Play),
    ];
    let last = world.today();
    let with_today = |old: &[u64]| [old, today.as_slice(), [last - 1, last].as_slice()].concat();
    world.expire(OPTIONS);
    assert_eq!(
        world.numbers(),
        with_today(&[like, signed, refused, waits, shown]),
        "a run later goes the last"
    );
    world.expire(OPTIONS);
    assert_eq!(world.numbers(), with_today(&[like, signed, refused, waits]));
}

#[test]
fn an_erasure_finds_what_is_old_of_a_session_and_not_settled_yet() {
    let mut world = World::new();
    let signed = world.receive(90, "u1", "s1", sign_in());
    world.receive(90, "", "", EventKind::Play);
    // In the last segment, of which nothing goes.
    let shown = world.receive(90, "", "s1", EventKind::Impression);
    assert_eq!(world.expire(OPTIONS).gone, 1);
    assert_eq!(world.numbers(), [signed, shown]);
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    tombstones.ask("u1", 1, 0).unwrap();
    assert_eq!(world.log.erase_all(&tombstones.erased()).unwrap(), 2);
    assert!(world.numbers().is_empty());
}

#[test]
fn what_counts_for_nothing_takes_no_place_of_what_stays() {
    let mut world = World::new();
    let first = world.receive(90, "u1", "s1", EventKind::Complete);
    for _ in 0..5 {
        world.receive(90, "u1", "s1", EventKind::Complete);
    }
    let last = world.today();
    let filter = Filter { actions_per_hour: 1, ..OPTIONS.filter };
    world.expire(Options { filter, ..OPTIONS });
    assert_eq!(world.numbers(), [first, last - 1, last]);
}

#[test]
fn a_run_goes_two_days_further_than_the_one_before_whatever_the_clock_says() {
    let mut world = World::new();
    for days in (31..=40).rev() {
        world.receive(days, "", "s1", EventKind::Play);
    }
    world.today();
    let step = Options { at_once: false, ..OPTIONS };
    // By a clock that is ten years ahead.
    let ahead = |step| expire(world.data.path(), NOW + 3_650 * DAY, step).unwrap();
    for run in 1..=3 {
        let summary = ahead(step);
        assert_eq!((summary.gone, summary.held_back), (2, Some(HeldBack::Step)), "run {run}");
        assert_eq!(summary.until_ms, Some(NOW - (40 - 2 * run) * DAY));
    }
    // Once it is right nothing goes back, and what is wanted is the end of it.
    assert_eq!(world.expire(step).gone, 2);
    let summary = world.expire(step);
    assert_eq!((summary.gone, summary.held_back), (2, None));
    assert_eq!(world.numbers(), [11, 12]);
    assert_eq!(last_run_ms(world.data.path()), Some(NOW));
}

#[test]
fn events_that_came_by_a_clock_that_was_ahead_or_behind_stop_nothing_and_go_when_their_time_has_come() {
    let mut world = World::new();
    let ahead = world.receive(-100, "", "s1", EventKind::Play);
    world.receive(90, "", "s1", EventKind::Play);
    let ahead_too = world.receive(-100, "", "s1", EventKind::Play);
    world.receive(90, "", "s1", EventKind::Play);
    let lately = world.receive(5, "", "s1", EventKind::Play);
    // Received just now, by a clock that was set back.
    let behind = world.receive(300, "", "s1", EventKind::Play);
    let last = world.today();
    assert_eq!(world.expire(OPTIONS).gone, 2);
    assert_eq!(world.numbers(), [ahead, ahead_too, lately, behind, last - 1, last]);
    let later = expire(world.data.path(), NOW + 200 * DAY, OPTIONS).unwrap();
    assert_eq!((later.gone, world.numbers()), (4, vec![last - 1, last]), "of the last segment nothing goes");
}

#[test]
fn a_first_run_by_a_clock_that_was_set_back_does_not_hold_up_those_after_it() {
    let mut world = World::new();
    for days in (31..=40).rev() {
        world.receive(days, "", "s1", EventKind::Play);
    }
    world.today();
    let step = Options { at_once: false, ..OPTIONS };
    assert_eq!(expire(world.data.path(), NOW - 3_650 * DAY, step).unwrap().gone, 0);
    let summary = world.expire(step);
    assert_eq!((summary.gone, summary.until_ms), (2, Some(NOW - 38 * DAY)));
}

#[test]
fn nothing_goes_that_the_training_log_has_not_read() {
    let mut world = World::new();
    world.receive(90, "", "s1", EventKind::Play);
    world.today();
    let trained = Options { is_training_log_written: true, ..OPTIONS };
    let (summary, held_back) = (world.expire(trained), Some(HeldBack::TrainingLog));
    assert_eq!(summary, Summary { wanted_ms: NOW - 30 * DAY, held_back, ..Summary::default() });
    let write = |days: i64| {
        crate::training_log::write(world.data.path(), NOW - days * DAY, Filter::default()).unwrap();
    };
    write(88);
    assert_eq!(world.expire(trained).gone, 0);
    write(80);
    assert_eq!(world.expire(trained).held_back, Some(HeldBack::TrainingLog));
    assert_eq!(world.numbers(), [2, 3]);
}

/// The files of the training log.
fn rows(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(rows(&path));
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn hours_of_which_the_log_holds_some_events_only_are_not_written_anew() {
    let mut world = World::new();
    world.receive(90, "u1", "s1", EventKind::Impression);
    world.receive(90, "u1", "s1", EventKind::Like);
    let last = world.today();
    let (data, training) = (world.data.path(), world.data.path().join("training"));
    let write = || crate::training_log::write(data, NOW, Filter::default()).unwrap();
    assert_eq!(write().rows, 2);
    let written = rows(&training);
    assert_eq!((world.expire(OPTIONS).gone, world.numbers()), (1, vec![2, last - 1, last]));
    let anew = || {
        fs::remove_file(training.join("state.json")).unwrap();
        (write().rows, rows(&training))
    };
    assert_eq!(anew(), (0, written.clone()));
    // The log itself tells what went of it, where nothing else does any more.
    fs::remove_file(events::folder(data).join(FILE)).unwrap();
    assert_eq!(anew(), (0, written.clone()));
    assert_eq!((world.expire(OPTIONS).gone, expired_until_ms(data).unwrap()), (0, None));
    assert_eq!(anew(), (0, written));
}

#[test]
fn an_erasure_finds_the_rows_of_a_session_of_which_all_else_is_gone() {
    let mut world = World::new();
    world.receive(90, "", "s1", EventKind::Impression);
    let signed = world.receive(90, "u1", "s1", sign_in());
    let last = world.today();
    let data = world.data.path();
    let written = crate::training_log::write(data, NOW, Filter::default()).unwrap().rows;
    assert!(written > 0);
    for _ in 0..2 {
        world.expire(OPTIONS);
    }
    assert_eq!(world.numbers(), [signed, last - 1, last]);
    let tombstones = Tombstones::open(data).unwrap();
    tombstones.ask("u1", 1, 0).unwrap();
    let (_guard, gone) = crate::training_log::erase(data, &tombstones.erased()).unwrap().unwrap();
    assert_eq!((gone as usize, rows(&data.join("training")).len()), (written, 0));
}

#[test]
fn nothing_goes_that_was_not_counted() {
    let mut world = World::new();
    for _ in 0..4 {
        world.receive(90, "", "s1", EventKind::Play);
    }
    let last = world.today();
    let mut consumer = Consumer::open(world.data.path(), last, OPTIONS.filter).unwrap();
    consumer.catch_up(2).unwrap();
    consumer.save().unwrap();
    assert_eq!((world.expire(OPTIONS).gone, consumer.seen()), (2, 2));
    consumer.catch_up(last).unwrap();
    consumer.save().unwrap();
    assert_eq!((world.expire(OPTIONS).gone, consumer.seen()), (2, last));
}

#[test]
fn events_are_kept_for_three_days_and_as_long_as_their_ids() {
    let world = World::new();
    let refused = |options| expire(world.data.path(), NOW, options).unwrap_err().to_string();
    let hours = |hours: u64| std::time::Duration::from_secs(hours * 3_600);
    assert!(refused(Options { keep: hours(71), ..OPTIONS }).contains("3d"));
    let dedup_window = hours(31 * 24);
    assert!(refused(Options { dedup_window, ..OPTIONS }).contains("limits.dedup_window"));
    // Without events, and without a log, nothing is to be done.
    assert_eq!(world.expire(OPTIONS).gone, 0);
    fs::remove_dir_all(events::folder(world.data.path())).unwrap();
    assert_eq!(world.expire(OPTIONS).until_ms, None);
}

#[test]
fn what_was_killed_is_marked_so_until_it_is_done_again() {
    let mut world = World::new();
    world.receive(90, "", "s1", EventKind::Play);
    world.today();
    let data = world.data.path();
    assert_eq!((mark(data).unwrap(), expired_until_ms(data).unwrap()), (String::new(), None));
    world.expire(OPTIONS);
    let done = mark(data).unwrap();
    assert_eq!(expired_until_ms(data).unwrap(), Some(NOW - 30 * DAY));
    world.expire(OPTIONS);
    assert_eq!(mark(data).unwrap(), done, "nothing went");
    let mut killed = State::read(data).unwrap().unwrap();
    killed.is_done = false;
    killed.write(data).unwrap();
    let during = mark(data).unwrap();
    world.expire(OPTIONS);
    assert!(during != done && mark(data).unwrap() != done && mark(data).unwrap() != during);
    fs::write(events::folder(data).join("expired.json"), "{").unwrap();
    assert!(mark(data).unwrap_err().to_string().contains("remove it"));
}

#[tokio::test]
async fn an_erasure_waits_for_it_and_it_does_not_begin_while_one_is_under_way() {
    let mut world = World::new();
    world.receive(90, "u1", "s1", EventKind::Like);
    world.receive(90, "u2", "s2", EventKind::Like);
    world.today();
    let World { data, log } = world;
    drop(log);
    let lock = try_rewriting(&events::folder(data.path())).unwrap();
    let refused = expire(data.path(), NOW, OPTIONS).unwrap_err();
    assert!(refused.is::<UnderWay>() && refused.to_string().contains("under way"), "{refused}");
    assert!(matches!(events::mend(data.path(), None), Err(StoreError::Rewriting(_))));
    let store = Arc::new(EventStore::open(data.path(), SMALL).unwrap());
    let tombstones = Tombstones::open(data.path()).unwrap();
    tombstones.ask("u1", 1, 0).unwrap();
    let (erasing, erased) = (Arc::clone(&store), tombstones.erased());
    let erasing = tokio::spawn(async move { erasing.erase(erased).await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!erasing.is_finished());
    let whole = segments(data.path()).into_values().flatten().collect::<Vec<u8>>();
    assert!(String::from_utf8(whole).unwrap().contains("\"u1\""));
    drop(lock);
    assert_eq!(erasing.await.unwrap().unwrap(), 1);
    // It is over before it is answered.
    expire(data.path(), NOW, OPTIONS).unwrap();
    let whole = String::from_utf8(segments(data.path()).into_values().flatten().collect()).unwrap();
    assert!(!whole.contains("\"u1\"") && whole.contains("\"u2\""));
    // Who is erased after it leaves nothing either.
    tombstones.ask("u2", 1, 0).unwrap();
    assert_eq!(store.erase(tombstones.erased()).await.unwrap(), 1);
    let whole = String::from_utf8(segments(data.path()).into_values().flatten().collect()).unwrap();
    assert!(!whole.contains("\"u2\""));
}

//! What holds of the training log: each place once, its label by what followed, the same files whenever they are written.

use std::collections::BTreeMap;
use std::path::Path;

use segue_core::features::{FeatureLog, LoggedPlace};

use super::rows::COLUMNS;
use super::table::{Row, Value, read};
use super::*;
use crate::catalog::{Event, EventKind};
use crate::erasure::Tombstones;
use crate::events::{self, Filter, FolderDisk, Limits, ledger};

/// 2026-11-22 at five.
const HOUR: i64 = 20_779 * 24 + 5;
const NOW: i64 = HOUR * HOUR_MS;

struct World {
    data: tempfile::TempDir,
    log: ledger::Ledger,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { log: log(data.path()), data }
    }

    /// Takes in `event`, so many minutes after the hour begins.
    fn receive(&mut self, minute: i64, event: Event) {
        let time_ms = NOW + minute * 60_000;
        let event = Event { time_ms, event_id: format!("e{}", self.log.count()), ..event };
        let row = ledger::Row {
            id: ledger::fingerprint(&event.event_id),
            line: serde_json::to_vec(&event).unwrap(),
        };
        self.log.commit(&[&[row]], time_ms + 1_000).unwrap();
    }

    fn write(&self, hour: i64) -> Summary {
        write(self.data.path(), NOW + hour * HOUR_MS, Filter::default()).unwrap()
    }

    fn rows(&self) -> Vec<BTreeMap<&'static str, Value>> {
        rows_of(self.data.path()).into_values().flatten().collect()
    }
}

fn log(data: &Path) -> ledger::Ledger {
    let disk = FolderDisk::new(events::folder(data));
    disk.create_folder().unwrap();
    ledger::Ledger::open(disk, Limits { segment_bytes: 700, ..Limits::default() }).unwrap()
}

/// The rows of each file, by its place.
fn rows_of(data: &Path) -> BTreeMap<String, Vec<BTreeMap<&'static str, Value>>> {
    let named = |row: Row| COLUMNS.iter().map(|(name, _)| *name).zip(row).collect();
    let of = |path: std::path::PathBuf| {
        let place = path.strip_prefix(folder(data)).unwrap().display().to_string();
        (place, read(&path, &COLUMNS).unwrap().into_iter().map(named).collect())
    };
    erase::parts(&folder(data)).unwrap().into_iter().map(of).collect()
}

fn event(user: &str, item: &str, slate: Option<&str>, kind: EventKind) -> Event {
    let slate = slate.map(str::to_owned);
    Event { user: user.into(), session: format!("s-{user}"), slate, ..Event::new("", item, kind, 0) }
}

fn shown(user: &str, item: &str, slate: &str) -> Event {
    Event { position: Some(3), ..event(user, item, Some(slate), EventKind::Impression) }
}

/// A day and a half of one person's and somebody else's life.
fn live(world: &mut World) {
    world.receive(1, shown("u1", "a", "l1"));
    world.receive(1, shown("u1", "b", "l1"));
    world.receive(2, shown("u2", "a", "l1"));
    world.receive(9, event("u1", "a", Some("l1"), EventKind::Complete));
    world.receive(59, event("", "c", Some("l7"), EventKind::Skip));
    world.receive(61, shown("u1", "a", "l1"));
    world.receive(62, event("u1", "a", None, EventKind::Like));
    world.receive(23 * 60, event("u1", "b", Some("l9"), EventKind::Complete));
    world.receive(24 * 60, event("u1", "b", None, EventKind::Skip));
    world.receive(25 * 60, event("u1", "b", None, EventKind::Like));
    world.receive(30 * 60, shown("u2", "d", "l2"));
}

#[test]
fn each_place_is_written_once_with_what_followed_within_a_day() {
    let mut world = World::new();
    live(&mut world);
    let summary = world.write(0);
    assert_eq!((summary.hours, summary.rows, summary.labelled), (1, 4, 3), "{summary:?}");
    let rows = rows_of(world.data.path());
    let (place, rows) = rows.first_key_value().unwrap();
    assert_eq!(place, "date=2026-11-22/hour=05/part-00000.parquet");
    let told = |row: &BTreeMap<&str, Value>| {
        let text = |name: &str| row[name].as_text().to_owned();
        let outcome = ["complete", "skip", "like"].map(|head| row[head].clone());
        (text("user"), text("item"), text("slate"), text("outcome"), outcome)
    };
    let known = |numbers: [f64; 3]| numbers.map(Value::Number);
    let unknown = || [Value::Absent, Value::Absent, Value::Absent];
    let row = |user: &str, item: &str, slate: &str, followed: &str, outcome| {
        (user.to_owned(), item.to_owned(), slate.to_owned(), followed.to_owned(), outcome)
    };
    let wanted = [
        row("u1", "a", "l1", "complete,like", known([1.0, 0.0, 1.0])),
        // What followed from another list, or after a day, says nothing of this one.
        row("u1", "b", "l1", "skip", known([0.0, 1.0, 0.0])),
        row("u2", "a", "l1", "", unknown()),
        row("", "c", "l7", "skip", known([0.0, 1.0, 0.0])),
    ];
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), wanted);
    assert_eq!(
        (&rows[0]["position"], &rows[0]["outcome_ms"]),
        (&Value::Whole(3), &Value::Whole(NOW + 9 * 60_000))
    );
}

#[test]
fn what_became_of_a_place_is_as_the_data_folders_own_rules_say() {
    let mut world = World::new();
    live(&mut world);
    let mut rules: serde_json::Value =
        serde_json::from_slice(include_bytes!("../evaluate/labels.json")).unwrap();
    rules["heads"]["complete"]["badly"] = vec!["dislike"].into();
    std::fs::write(world.data.path().join("labels.json"), rules.to_string()).unwrap();
    assert_eq!(world.write(0).labelled, 1, "a skip says nothing");
}

#[test]
fn label_rules_that_change_between_two_hours_are_told_of_once() {
    let mut world = World::new();
    live(&mut world);
    assert!(!world.write(0).new_labels, "there was nothing before");
    let mut rules: serde_json::Value =
        serde_json::from_slice(include_bytes!("../evaluate/labels.json")).unwrap();
    let path = world.data.path().join("labels.json");
    std::fs::write(&path, rules.to_string()).unwrap();
    assert!(!world.write(0).new_labels, "the same rules in a file of one's own");
    rules["heads"]["like"]["kinds"] = vec!["share"].into();
    std::fs::write(&path, rules.to_string()).unwrap();
    assert!(world.write(0).new_labels);
    assert!(!world.write(1).new_labels);
}

#[test]
fn an_hour_is_written_when_its_label_windows_are_over_and_not_before() {
    let mut world = World::new();
    world.receive(1, shown("u1", "a", "l1"));
    let early = world.write(24);
    assert_eq!((early.rows, early.waiting), (0, 1));
    let due = world.write(25);
    assert_eq!((due.rows, due.waiting), (1, 0));
    assert_eq!(world.write(100), Summary::default(), "nothing is written twice");
}

#[test]
fn a_log_that_was_begun_anew_is_written_from_its_first_event_and_what_was_written_stays() {
    let mut world = World::new();
    for hour in [0, 30, 60] {
        world.receive(hour * 60, shown("u1", "a", "l1"));
    }
    assert_eq!(world.write(100).hours, 3);
    let received = events::folder(world.data.path());
    std::fs::rename(&received, world.data.path().join("away")).unwrap();
    world.log = log(world.data.path());
    world.receive(110 * 60, shown("u2", "b", "l2"));
    assert_eq!(world.write(140).hours, 1);
    let users: Vec<String> = world.rows().iter().map(|row| row["user"].as_text().to_owned()).collect();
    assert_eq!(users, ["u1", "u1", "u1", "u2"]);
}

#[test]
fn what_no_person_does_is_in_no_row_and_no_label() {
    let mut world = World::new();
    world.receive(1, shown("u1", "a", "l1"));
    world.receive(1, event("u1", "a", Some("l1"), EventKind::Complete));
    for second in 0..100 {
        world.receive(2, event("bot", "a", Some(&format!("b{second}")), EventKind::Complete));
    }
    let summary = world.write(40);
    let allowed = Filter::default().item_per_hour as usize;
    assert_eq!((summary.rows, summary.left_out.item), (1 + allowed, 100 - allowed as u64), "{summary:?}");
}

#[test]
fn written_often_or_once_the_files_are_the_same() {
    let (mut often, mut once) = (World::new(), World::new());
    for round in 0..60 {
        for world in [&mut often, &mut once] {
            for minute in [0, 7, 31] {
                let item = ["a", "b", "c"][(round as usize * 7 + minute as usize) % 3];
                let at = round * 53 + minute;
                world.receive(at, shown("u1", item, &format!("l{}", round / 4)));
                world.receive(at + 5, event("u1", item, None, EventKind::Complete));
            }
        }
        // The clock goes back for a while.
        let hour = (round * 53 + 36) / 60 - round % 3;
        often.write(hour);
    }
    let (last, all) = (often.write(200), once.write(200));
    assert!(last.hours < all.hours, "{last:?} {all:?}");
    assert_eq!(rows_of(often.data.path()), rows_of(once.data.path()));
    let rows = often.rows();
    let places: std::collections::BTreeSet<_> =
        rows.iter().map(|row| (row["slate"].as_text(), row["item"].as_text())).collect();
    assert_eq!(places.len(), rows.len(), "a place is written twice");
}

#[test]
fn a_list_of_the_services_brings_what_the_model_saw() {
    let mut world = World::new();
    let slates = Slates::new(world.data.path(), 1_000);
    assert!(
        slates.wants("u1", 5) && !slates.wants("", 5) && !Slates::new(world.data.path(), 0).wants("u1", 5)
    );
    let seen =
        LoggedPlace { item: "a".into(), candidate: vec![0.5, -1.0], live: vec![2.0], heads: vec![0.25] };
    let (schema, places) = ("f".repeat(64), vec![seen]);
    let features = FeatureLog { format: 1, schema, context: vec![1.0], events: Vec::new(), used: 0, places };
    let place =
        |item: &str, position| KeptPlace { item: item.into(), position, score: 0.75, propensity: 900_000 };
    let kept = Kept {
        user: "u1".into(),
        slate: "l1".into(),
        surface: "radio".into(),
        time_ms: NOW - HOUR_MS,
        generation: 7,
        policy: None,
        ranker: Some("r".into()),
        context: [("device".to_owned(), "phone".to_owned())].into(),
        places: vec![place("b", 0), place("a", 1)],
        features,
        from_device: false,
    };
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    // Told of twice, also as made at another hour, it is one list: the earliest.
    let later = Kept { time_ms: NOW, generation: 8, ..kept.clone() };
    // What a device says of it counts less, whenever it says that it was made.
    let places = vec![KeptPlace { propensity: 1_000_000, ..place("a", 0) }];
    let told = Kept { time_ms: NOW - 2 * HOUR_MS, from_device: true, places, ..kept.clone() };
    for list in [&told, &kept, &later, &told, &kept] {
        assert!(slates.keep(list, &tombstones).unwrap());
    }
    world.receive(1, event("u1", "a", Some("l1"), EventKind::Like));
    world.receive(1, event("u2", "a", Some("l1"), EventKind::Like));
    let summary = world.write(30);
    assert_eq!((summary.rows, summary.with_features), (2, 1));
    let rows = world.rows();
    assert_eq!(rows[0]["candidate_inputs"], Value::floats(&[0.5, -1.0]));
    assert_eq!((&rows[0]["heads"], &rows[0]["generation"]), (&Value::floats(&[0.25]), &Value::Whole(7)));
    assert_eq!((&rows[0]["position"], &rows[0]["propensity"]), (&Value::Whole(1), &Value::Whole(900_000)));
    assert_eq!(
        (rows[0]["surface"].as_text(), rows[0]["context"].as_text()),
        ("radio", "{\"device\":\"phone\"}")
    );
    assert_eq!(rows[1]["candidate_inputs"], Value::Absent);
    world.receive(48 * 60, event("u1", "a", None, EventKind::Like));
    world.write(80);
    let left = std::fs::read_dir(world.data.path().join("slates")).unwrap().count();
    assert_eq!(left, 0, "no row can be about it any more");
}

/// A list of `user` made at [`NOW`], of which nothing is told.
fn list(user: &str, slate: &str) -> Kept {
    let (schema, places) = (String::new(), Vec::new());
    Kept {
        user: user.into(),
        slate: slate.into(),
        surface: "radio".into(),
        time_ms: NOW,
        generation: 1,
        policy: None,
        ranker: None,
        context: BTreeMap::new(),
        places: Vec::new(),
        features: FeatureLog { format: 1, schema, context: Vec::new(), events: Vec::new(), used: 0, places },
        from_device: false,
    }
}

#[test]
fn lists_are_drawn_as_nobody_can_tell_beforehand_and_each_alike_whenever_it_is_told_of() {
    let data = tempfile::tempdir().unwrap();
    let (one, other) = (Slates::new(data.path(), 500), Slates::new(data.path(), 500));
    let drawn = |slates: &Slates| -> Vec<bool> {
        (0..256).map(|list| slates.wants("u1", format!("l{list}"))).collect()
    };
    assert_eq!(drawn(&one), drawn(&one));
    assert_ne!(drawn(&one), drawn(&other));
}

#[test]
fn an_hour_keeps_as_many_lists_as_it_has_room_for_and_another_hour_others() {
    let data = tempfile::tempdir().unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    let line = serde_json::to_vec(&list("u1", "l1")).unwrap().len() as u64 + 1;
    let open = || {
        let mut slates = Slates::new(data.path(), 1);
        slates.hour_bytes = 2 * line;
        slates
    };
    let slates = open();
    let keep = |slates: &Slates, list: &Kept| slates.keep(list, &tombstones).unwrap();
    let kept = ["l1", "l2", "l3"].map(|slate| keep(&slates, &list("u1", slate)));
    assert_eq!(kept, [true, true, false]);
    assert!(keep(&slates, &Kept { time_ms: NOW + HOUR_MS, ..list("u1", "l4") }));
    assert!(!keep(&open(), &list("u1", "l3")), "what lies there counts after a restart");
}

#[test]
fn a_line_that_a_kill_cut_off_costs_no_other_list() {
    let data = tempfile::tempdir().unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    let keep = |slate: &str| Slates::new(data.path(), 1).keep(&list("u1", slate), &tombstones).unwrap();
    assert!(keep("l1"));
    let path = data.path().join("slates").join(format!("{HOUR}.jsonl"));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [whole.as_slice(), &whole[..20]].concat()).unwrap();
    assert!(keep("l2"));
    let (lists, cut_off) = slates::read(data.path(), (HOUR, HOUR), |_, _| true).unwrap();
    assert_eq!((lists.len(), cut_off), (2, 1));
    let (named, cut_off) = slates::read(data.path(), (HOUR, HOUR), |_, slate| slate == "l2").unwrap();
    assert_eq!(named.into_keys().collect::<Vec<_>>(), [("u1".to_owned(), "l2".to_owned())]);
    assert_eq!(cut_off, 1, "lines that are none count whoever is asked for");
}

#[test]
fn lists_that_no_event_tells_of_go_once_no_row_can_be_about_them() {
    let world = World::new();
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    let slates = Slates::new(world.data.path(), 1);
    assert!(slates.keep(&list("u1", "l1"), &tombstones).unwrap());
    let left = || std::fs::read_dir(world.data.path().join("slates")).unwrap().count();
    world.write(2 * LABEL_HOURS);
    assert_eq!(left(), 1, "a row of a day later may yet be about it");
    world.write(2 * LABEL_HOURS + 1);
    assert_eq!(left(), 0);
}

#[test]
fn lists_wait_a_week_for_whoever_writes_the_training_log() {
    let data = tempfile::tempdir().unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    let slates = Slates::new(data.path(), 1);
    let files_after = |hour: i64| {
        let kept = Kept { time_ms: NOW + hour * HOUR_MS, ..list("u1", &format!("l{hour}")) };
        assert!(slates.keep(&kept, &tombstones).unwrap());
        slates::files(&data.path().join("slates")).unwrap().len()
    };
    assert_eq!([0, 7 * 24, 7 * 24 + 1].map(files_after), [1, 2, 2]);
}

#[test]
fn no_list_is_kept_of_whoever_is_forgotten_and_those_of_several_hours_lie_apart() {
    let data = tempfile::tempdir().unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    let slates = Slates::new(data.path(), 1);
    let keep = |user: &str, hour: i64| {
        let kept = Kept { time_ms: NOW + hour * HOUR_MS, ..list(user, &format!("l{hour}")) };
        slates.keep(&kept, &tombstones).unwrap()
    };
    for hour in [0, 30, 1, 0, 31] {
        assert!(keep("u1", hour) && keep("u2", hour));
    }
    tombstones.ask("u1", NOW, 0).unwrap();
    assert!(!keep("u1", 0) && keep("u2", 0));
    assert_eq!(slates.erase(&tombstones.erased()).unwrap(), 5);
    assert!(!keep("u1", 1) && keep("u2", 1));
    for (hour, lists) in [(0, 1), (1, 1), (30, 1), (31, 1)] {
        let (found, cut_off) = slates::read(data.path(), (HOUR + hour, HOUR + hour), |_, _| true).unwrap();
        assert!(found.keys().all(|(user, _)| user == "u2"), "{hour}");
        assert_eq!((found.len(), cut_off), (lists, 0), "{hour}");
    }
}

#[test]
fn who_is_forgotten_is_in_no_row_and_neither_is_the_session_that_they_signed_in_to() {
    let mut world = World::new();
    live(&mut world);
    world.receive(
        1,
        Event {
            user: "u2".into(),
            session: "s-".into(),
            ..Event::new("", "", EventKind::Custom("sign_in".into()), 0)
        },
    );
    world.write(0);
    let (tombstones, data) = (Tombstones::open(world.data.path()).unwrap(), world.data.path());
    tombstones.ask("u2", NOW, 0).unwrap();
    let erased = tombstones.erased();
    let (guard, gone) = erase(data, &erased).unwrap().unwrap();
    assert_eq!(gone, 2, "u2's row and that of the session without a user");
    drop(guard);
    world.log.erase_all(&erased).unwrap();
    world.write(60);
    let users: Vec<String> = world.rows().iter().map(|row| row["user"].as_text().to_owned()).collect();
    assert!(!users.is_empty() && users.iter().all(|user| user == "u1"), "{users:?}");
}

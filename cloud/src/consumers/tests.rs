//! What holds of counters: a stream with restarts comes to what one pass over the log comes to.

use std::collections::BTreeMap;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::catalog::{Catalogue, Event, EventKind, Item};
use crate::config::Config;
use crate::erasure::{Erased, Tombstones};
use crate::events::{Filter, FolderDisk, LeftOut, Limits, folder, ledger, read_likely};
use crate::refresh::tests::{catalogue, event, write};
use crate::refresh::{Moment, Popular};
use crate::state::AppState;

const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
/// Narrow enough that some of what [`anything`] does is more than a person would.
const FILTER: Filter = Filter { actions_per_hour: 12, impressions_per_hour: 5, item_per_hour: 3, deeds: 20 };

fn below(random: &mut ChaCha8Rng, bound: u32) -> u32 {
    random.next_u32() % bound
}

/// Something that somebody may do: about known and unknown items, late, and from a clock that is ahead.
fn anything(random: &mut ChaCha8Rng, id: usize) -> Event {
    let kinds =
        [EventKind::Like, EventKind::Skip, EventKind::Impression, EventKind::Complete, EventKind::Search];
    let kind = kinds[below(random, 5) as usize].clone();
    let far = [MINUTE, 3_600_000, DAY, 40 * DAY][below(random, 4) as usize];
    let late = i64::from(below(random, 1_000)) * far / 1_000;
    let time_ms = NOW + id as i64 * 20_000 - late + i64::from(below(random, 20) / 19) * DAY / 2;
    let mut event =
        event(&format!("e{id}"), below(random, 6) as usize, below(random, 9) as usize, kind, time_ms);
    if below(random, 4) == 0 {
        event.user.clear();
        event.context.insert("region".into(), ["DE", "FR", "nowhere"][below(random, 3) as usize].into());
    }
    event
}

/// What no person does: the same item all the time, and what was told before under another id.
fn anything_unlikely(random: &mut ChaCha8Rng, id: usize, before: &[Event]) -> Event {
    match before.last().filter(|_| below(random, 2) == 0) {
        Some(last) => Event { event_id: format!("e{id}"), ..last.clone() },
        None => event(&format!("e{id}"), 5, 0, EventKind::Complete, NOW + id as i64 * 20_000),
    }
}

/// Tables with people of two countries, and seven of the nine items.
fn tables(data: &Path) -> Catalogue {
    let mut catalogue = catalogue(7, 6);
    for (user, row) in catalogue.users.iter_mut().enumerate() {
        row.country = [Some("DE".to_owned()), Some("FR".to_owned()), None][user % 3].clone();
        row.age_group = (user % 2 == 0).then(|| "18-24".to_owned());
    }
    write(data, &catalogue);
    catalogue
}

type Log = ledger::Ledger;

fn log(data: &Path) -> Log {
    let disk = FolderDisk::new(folder(data));
    disk.create_folder().unwrap();
    Log::open(disk, Limits { segment_bytes: 3_000, ..Limits::default() }).unwrap()
}

/// Takes events in as the service does; one of ten comes twice.
fn receive(log: &mut Log, random: &mut ChaCha8Rng, events: &[Event]) {
    let row = |event: &Event| ledger::Row {
        id: ledger::fingerprint(&event.event_id),
        line: serde_json::to_vec(event).unwrap(),
    };
    let mut rows: Vec<ledger::Row> = events.iter().map(row).collect();
    rows.extend(events.iter().filter(|_| below(random, 10) == 0).map(row).collect::<Vec<_>>());
    let received_ms = NOW + log.count() as i64 * 20_000;
    log.commit(&[&rows], received_ms).unwrap();
}

fn replayed(data: &Path) -> (Counters, LeftOut) {
    let mut consumer = Consumer::replaying(data, FILTER).unwrap();
    while !consumer.catch_up(u64::MAX).unwrap() {}
    (consumer.counters().clone(), consumer.left_out())
}

/// What each window comes to, by item and by region.
fn read(counters: &Counters, now_ms: i64) -> Vec<BTreeMap<String, Sum>> {
    let all = [Window::TenMinutes, Window::Hour, Window::Day, Window::Decayed];
    let by = |by| all.map(|window| counters.sums((window, now_ms), by, |_| None));
    [by(By::Item), by(By::Region)].concat()
}

#[test]
fn a_stream_with_restarts_erasures_late_and_repeated_events_comes_to_what_a_replay_of_the_log_comes_to() {
    let mut unlikely = LeftOut::default();
    for seed in 0..12 {
        let data = tempfile::tempdir().unwrap();
        let catalogue = tables(data.path());
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut log, tombstones) = (log(data.path()), Tombstones::open(data.path()).unwrap());
        let mut stream = Consumer::open(data.path(), 0, FILTER).unwrap();
        let mut sent = Vec::new();
        while sent.len() < 400 {
            let mut events: Vec<Event> = (0..1 + below(&mut random, 12) as usize)
                .map(|at| anything(&mut random, sent.len() + at))
                .collect();
            events.push(anything_unlikely(&mut random, sent.len() + events.len(), &events));
            receive(&mut log, &mut random, &events);
            sent.extend(events);
            stream.catch_up(log.count()).unwrap();
            match below(&mut random, 12) {
                0 => stream.save().unwrap(),
                // As after a kill: what was not saved is read again.
                1 | 2 => stream = Consumer::open(data.path(), log.count(), FILTER).unwrap(),
                3 if below(&mut random, 4) == 0 => forget(&mut log, &tombstones, below(&mut random, 6)),
                _ => {}
            }
            if stream.is_outdated(&tombstones.erased()) {
                stream = Consumer::open(data.path(), log.count(), FILTER).unwrap();
            }
        }
        stream.catch_up(log.count()).unwrap();
        let (counters, left_out) = replayed(data.path());
        assert_eq!((stream.counters(), stream.left_out()), (&counters, left_out), "seed {seed}");
        unlikely.rate += left_out.rate;
        unlikely.item += left_out.item;
        unlikely.repeat += left_out.repeat;
        same_as_the_refresh_counts(catalogue, data.path(), sent.len(), stream.counters());
    }
    assert!(unlikely.rate > 0 && unlikely.item > 0 && unlikely.repeat > 0, "{unlikely}");
}

fn forget(log: &mut Log, tombstones: &Tombstones, user: u32) {
    tombstones.ask(&format!("u{user}"), NOW + log.count() as i64, 0).unwrap();
    let erased = tombstones.erased();
    log.erase_all(&erased).unwrap();
    tombstones.done(&erased, NOW, 0).unwrap();
}

/// The refresh folds its catalogue, in the order of time, and knows nothing of numbers and commits.
fn same_as_the_refresh_counts(mut catalogue: Catalogue, data: &Path, sent: usize, stream: &Counters) {
    let mut kept = Vec::new();
    read_likely(data, u64::MAX, FILTER, |event| kept.push(event)).unwrap();
    catalogue.add_events(kept);
    let received_ms = NOW + (sent as i64 + 20) * 20_000;
    let batch = Counters::of(&catalogue, 0..catalogue.events.len(), received_ms);
    for now_ms in [received_ms, received_ms + 5 * MINUTE] {
        assert_eq!(read(&batch, now_ms), read(stream, now_ms));
    }
    let popular = Popular::of(&catalogue, &[stream]);
    let of_refresh = Popular::new(&catalogue, Moment { until_ms: None, now_ms: received_ms });
    assert_eq!(popular.scores(), of_refresh.scores());
    for segment in stream.segments() {
        assert_eq!(popular.first(segment), of_refresh.first(segment));
    }
}

#[test]
fn windows_hold_what_happened_in_them_and_a_time_ahead_waits_until_it_has_come() {
    let mut counters = Counters::default();
    let like = |id: &str, time_ms| event(id, 0, 0, EventKind::Like, time_ms);
    for (id, ago) in [("a", 0), ("b", 9), ("c", 10), ("d", 59), ("e", 60), ("f", 23 * 60), ("g", 24 * 60 + 9)]
    {
        counters.fold(&like(id, NOW - ago * MINUTE), &Segment::default(), NOW);
    }
    counters.fold(&like("ahead", NOW + 20 * MINUTE), &Segment::default(), NOW);
    let liked = |window, now_ms| {
        let sums = counters.sums((window, now_ms), By::Item, |_| None);
        sums.get("i0").map_or(0.0, Sum::liked)
    };
    let windows = [Window::TenMinutes, Window::Hour, Window::Day];
    assert_eq!(windows.map(|window| liked(window, NOW)), [2.0, 4.0, 6.0]);
    assert_eq!(windows.map(|window| liked(window, NOW + 20 * MINUTE)), [1.0, 4.0, 7.0]);
    let decayed = liked(Window::Decayed, NOW);
    assert!((7.0..8.0).contains(&decayed), "{decayed}");
}

#[test]
fn what_is_counted_by_creator_and_category_is_what_their_items_come_to() {
    let rows: Vec<Item> = catalogue(8, 1).items;
    let row = |item: &str| rows.iter().find(|row| row.item == item);
    let mut counters = Counters::default();
    let german = Segment { country: Some("DE".into()), age_group: None };
    for (id, item) in [("a", 0), ("b", 1), ("c", 4), ("d", 4), ("e", 99)] {
        counters.fold(&event(id, 0, item, EventKind::Complete, NOW), &german, NOW);
    }
    let worth = |by| {
        let sums = counters.sums((Window::Hour, NOW), by, row);
        sums.into_iter().map(|(name, sum)| (name, sum.worth())).collect::<Vec<_>>()
    };
    assert_eq!(worth(By::Creator), [("c0".to_owned(), 2.0), ("c1".to_owned(), 2.0)]);
    assert_eq!(worth(By::Category), [("folk".to_owned(), 3.0), ("jazz".to_owned(), 1.0)]);
    assert_eq!(worth(By::Region), [("DE".to_owned(), 5.0)]);
}

#[test]
fn an_erasure_makes_counters_anew_once_its_events_are_gone_and_not_before() {
    let data = tempfile::tempdir().unwrap();
    tables(data.path());
    let (mut log, mut random) = (log(data.path()), ChaCha8Rng::seed_from_u64(1));
    let events: Vec<Event> = (0..50).map(|id| anything(&mut random, id)).collect();
    receive(&mut log, &mut random, &events);
    let mut stream = Consumer::open(data.path(), 50, FILTER).unwrap();
    stream.catch_up(50).unwrap();
    let tombstones = Tombstones::open(data.path()).unwrap();
    tombstones.ask("u1", NOW, 0).unwrap();
    let erased = tombstones.erased();
    assert!(!stream.is_outdated(&erased));
    log.erase_all(&erased).unwrap();
    tombstones.done(&erased, NOW, 0).unwrap();
    assert!(stream.is_outdated(&tombstones.erased()));
}

#[test]
fn a_damaged_state_or_one_of_other_tables_or_a_longer_log_is_counted_anew() {
    let data = tempfile::tempdir().unwrap();
    tables(data.path());
    let (mut log, mut random) = (log(data.path()), ChaCha8Rng::seed_from_u64(1));
    let events: Vec<Event> = (0..50).map(|id| anything(&mut random, id)).collect();
    receive(&mut log, &mut random, &events);
    let mut stream = Consumer::open(data.path(), 50, FILTER).unwrap();
    stream.catch_up(50).unwrap();
    stream.save().unwrap();
    let seen = |last| Consumer::open(data.path(), last, FILTER).unwrap().seen();
    assert_eq!((seen(50), seen(49)), (50, 0));
    let path = super::saved::path(data.path());
    let whole = std::fs::read(&path).unwrap();
    for at in [0, 5, 20, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(seen(50), 0, "byte {at}");
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(seen(50), 50);
    std::fs::write(data.path().join("users.jsonl"), "").unwrap();
    assert!(stream.is_outdated(&Erased::default()));
    assert_eq!(seen(50), 0);
}

#[test]
fn an_event_that_cannot_be_read_is_kept_apart_after_three_tries_and_what_comes_after_it_counts() {
    let data = tempfile::tempdir().unwrap();
    tables(data.path());
    let mut log = log(data.path());
    let line =
        |id: &str, time: &str| format!(r#"{{"event_id":"{id}","item":"i0","kind":"like","time_ms":{time}}}"#);
    for (id, time) in [("a", "5"), ("b", "\"noon\""), ("c", "6")] {
        let row = ledger::Row { id: ledger::fingerprint(id), line: line(id, time).into_bytes() };
        log.commit(&[&[row]], NOW).unwrap();
    }
    drop(log);
    let state = AppState::open(Config::new(data.path())).unwrap();
    let seen = || state.counting.ask(|_, seen| seen);
    let tries: Vec<Option<u64>> =
        (0..4).map(|_| state.counting.catch_up(&state).map(|_| seen()).unwrap()).collect();
    assert_eq!(tries, [None, None, None, Some(3)]);
    let letters = crate::dead_letters::list(data.path()).unwrap();
    assert_eq!(
        (letters.len(), letters[0].number, letters[0].code.as_str()),
        (1, Some(2), "event_unreadable")
    );
    assert_eq!(state.counting.ask(|counters, _| counters.clone()), Some(replayed(data.path()).0));
    let mut read = Vec::new();
    crate::events::read_since(data.path(), 0, |number, _| read.push(number)).unwrap();
    assert_eq!(read, [1, 3]);
}

#[test]
fn days_of_which_nothing_is_left_are_let_go_of_and_no_sum_changes() {
    let mut counters = Counters::default();
    for day in 0..1_200 {
        let like = event("e", 0, day as usize % 5, EventKind::Like, day * DAY);
        counters.fold(&like, &Segment::default(), 1_200 * DAY);
    }
    let before = read(&counters, 1_200 * DAY);
    counters.forget_faded();
    assert_eq!(read(&counters, 1_200 * DAY), before);
    assert!(counters.days().count() < 470, "{} days", counters.days().count());
}

//! What is known over sets, runs, merges, starts and the leaps of clocks, with few ids.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::events::ledger::fingerprint;

const HOUR: i64 = 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn ids_in(folder: &Path, window: Duration, most: usize, sizes: Sizes) -> Ids {
    let limits = Limits { dedup_window: window, dedup_ids: most, ..Limits::default() };
    Ids::new(&limits, sizes, folder.to_owned())
}

fn ids(window: Duration, most: usize, sizes: Sizes) -> Ids {
    ids_in(&std::env::temp_dir(), window, most, sizes)
}

fn id(number: i64) -> Fingerprint {
    fingerprint(&number.to_string())
}

/// Ten ids that come in an hour, from the hour's number times ten on.
fn of_hour(hour: i64) -> impl Iterator<Item = Fingerprint> {
    (hour * 10..hour * 10 + 10).map(id)
}

fn known(ids: &Ids, mut wanted: impl Iterator<Item = Fingerprint>) -> bool {
    wanted.all(|id| ids.contains(id).unwrap())
}

#[test]
fn an_id_is_known_for_the_window_at_least_and_memory_has_a_bound() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 16, least: 1 });
    for hour in 0..200 {
        ids.extend(of_hour(hour), hour * HOUR);
        assert!(known(&ids, (hour.max(23) - 23..=hour).flat_map(of_hour)), "hour {hour}");
        assert!(ids.len() <= 30 * 10, "{} ids in hour {hour}", ids.len());
    }
    ids.finish();
    assert!(!ids.contains(id(0)).unwrap());
}

#[test]
fn however_long_ago_the_last_ones_are_known() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 16, least: 50 });
    (0..20).for_each(|step| ids.extend(of_hour(step * 1_000), step * 1_000 * HOUR));
    assert!(known(&ids, (15..20).flat_map(|step| of_hour(step * 1_000))));
    assert!(ids.len() <= 80, "{} ids", ids.len());
}

#[test]
fn there_is_room_for_so_many_and_again_when_the_window_is_over() {
    // In parts the first go when they are a day old, in one set all of them when the last is.
    for (set, days) in [(10, [0, 24, 48, 72, 96]), (1_000, [0, 26, 52, 78, 104])] {
        let mut ids = ids(DAY, 30, Sizes { set, least: 1 << 20 });
        let mut taken = Vec::new();
        for hour in 0..100 {
            if ids.has_room(hour * HOUR) {
                ids.extend(of_hour(hour), hour * HOUR);
                taken.push(hour);
            }
            assert!(ids.len() <= 30, "hour {hour}");
            assert!(known(&ids, taken.iter().filter(|at| hour - **at < 24).flat_map(|at| of_hour(*at))));
        }
        let hours = days.into_iter().flat_map(|day| day..day + 3).filter(|hour| *hour < 100);
        assert_eq!(taken, hours.collect::<Vec<_>>());
    }
}

#[test]
fn a_clock_that_was_ahead_for_a_while_does_not_make_the_window_endless() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 16, least: 1 });
    for hour in (0..10).chain([100_000]).chain(10..200) {
        ids.extend(of_hour(hour), hour * HOUR);
    }
    assert!(ids.len() <= 30 * 10, "{} ids", ids.len());
    assert!(known(&ids, (177..200).flat_map(of_hour)));
}

#[test]
fn through_all_sets_and_merges_each_id_is_known_and_no_other() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 16, least: 1 });
    for number in 0..5_000 {
        ids.extend([id(number)], number);
        // While sets are written and runs merged as well as when that is done.
        if number % 10 == 0 {
            let some = (0..=number).step_by(usize::try_from(number).unwrap() / 20 + 1);
            assert!(known(&ids, some.map(id)), "after {number}");
            assert!(!ids.contains(id(number + 1)).unwrap(), "before {number}");
        }
    }
    ids.finish();
    assert_eq!((ids.len(), ids.waiting()), (5_000, 0));
    assert!(known(&ids, (0..5_000).map(id)));
    assert!((5_000..10_000).all(|number| !ids.contains(id(number)).unwrap()));
    let tiers: Vec<u32> = ids.parts.iter().map(|part| part.tier).collect();
    assert!(tiers.is_sorted_by(|before, after| before >= after) && tiers[0] >= 2, "{tiers:?}");
    assert!(tiers.len() < 3 * MERGED, "{tiers:?}");
}

#[test]
fn runs_that_came_over_a_long_time_stay_apart_and_go_one_by_one() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 10, least: 1 });
    for hour in 0..20 {
        ids.extend(of_hour(hour), hour * HOUR);
        ids.finish();
    }
    assert_eq!(ids.parts.len(), 20);
    ids.extend([], 30 * HOUR);
    assert_eq!(ids.parts.len(), 13);
}

#[test]
fn an_id_that_comes_again_in_another_set_does_no_harm() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 4, least: 1 });
    for number in 0..400 {
        ids.extend([id(number), id(-1)], number);
    }
    ids.finish();
    assert!(known(&ids, (-1..400).map(id)));
    assert!(!ids.contains(id(400)).unwrap());
}

#[test]
fn what_the_disk_does_not_take_stays_known_and_is_written_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later");
    let mut ids = ids_in(&later, DAY, usize::MAX, Sizes { set: 4, least: 1 });
    ids.extend((0..4).map(id), 0);
    ids.finish();
    assert!(ids.has_room(0) && known(&ids, (0..4).map(id)));
    ids.extend((4..4 * 20).map(id), 0);
    ids.finish();
    assert!(known(&ids, (0..4 * 20).map(id)));
    assert_eq!((ids.waiting(), ids.has_room(0)), (20, false));
    ids.finish();
    std::fs::create_dir(&later).unwrap();
    assert!(!ids.has_room(0), "the try that begins with this is not over");
    ids.finish();
    assert_eq!((ids.waiting(), ids.has_room(0)), (0, true));
    assert!(known(&ids, (0..4 * 20).map(id)) && !ids.contains(id(4 * 20)).unwrap());
}

#[test]
fn a_damaged_block_is_an_error_and_no_answer() {
    let mut ids = ids(DAY, usize::MAX, Sizes { set: 16, least: 1 });
    ids.extend((0..100).map(id), 0);
    ids.damage();
    assert!((0..96).all(|number| matches!(ids.contains(id(number)), Err(StoreError::Ids(_)))));
    assert!(known(&ids, (96..100).map(id)));
    assert_eq!(ids.contains(id(100)), Ok(false));
}

/// What is known has to be, by the times that were told.
#[derive(Default)]
struct Model {
    /// Each id with its time, and whether it may be forgotten.
    came: Vec<(Fingerprint, i64, bool)>,
}

impl Model {
    fn extend(&mut self, new: &[Fingerprint], now_ms: i64, window_ms: i64, least: usize) {
        let old = self.came.len().saturating_sub(least);
        for (place, (_, came_ms, may_go)) in self.came.iter_mut().enumerate() {
            *came_ms = now_ms.min(*came_ms);
            *may_go |= place < old && now_ms - *came_ms >= window_ms;
        }
        self.came.extend(new.iter().map(|id| (*id, now_ms, false)));
    }

    fn check(&self, ids: &Ids, step: u64) {
        for (id, ..) in self.came.iter().filter(|(.., may_go)| !may_go) {
            assert!(ids.contains(*id).unwrap(), "step {step}");
        }
    }
}

/// Numbers in an order that nobody would guess, the same in every run.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn over_leaps_of_the_clock_and_starts_what_has_to_be_known_is() {
    let (sizes, window) = (Sizes { set: 8, least: 20 }, Duration::from_millis(2_000));
    let (mut ids_now, mut model) = (ids(window, usize::MAX, sizes), Model::default());
    let (mut log, mut state, mut now_ms, mut next) = (Vec::new(), 1, 1_000_000_i64, 0);
    for step in 0..1_000_u64 {
        now_ms += match random(&mut state, 60) {
            0 => 100_000,
            1 => -100_000,
            2 => -50,
            _ => i64::try_from(random(&mut state, 20)).unwrap(),
        };
        let new: Vec<_> =
            (0..random(&mut state, 6)).map(|at| id(next + i64::try_from(at).unwrap())).collect();
        next += i64::try_from(new.len()).unwrap();
        model.extend(&new, now_ms, 2_000, sizes.least);
        ids_now.extend(new.iter().copied(), now_ms);
        log.push((new, now_ms));
        if random(&mut state, 100) == 0 {
            // A start: what was known is made anew from the log.
            ids_now = ids(window, usize::MAX, sizes);
            log.iter().for_each(|(new, came_ms)| ids_now.extend(new.iter().copied(), *came_ms));
        }
        if step.is_multiple_of(10) {
            model.check(&ids_now, step);
            assert!((next..next + 20).all(|never| !ids_now.contains(id(never)).unwrap()), "step {step}");
        }
    }
}

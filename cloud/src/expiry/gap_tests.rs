//! No gap of the log keeps hours out of the training log of which nothing is old.

use super::*;

#[test]
fn who_was_forgotten_today_beside_what_was_old_keeps_no_hour_of_today_out_of_the_training_log() {
    let mut world = World::new();
    for _ in 0..4 {
        world.receive(90, "", "s1", EventKind::Play);
    }
    for _ in 0..3 {
        world.receive(0, "bad", "s2", EventKind::Impression);
    }
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    tombstones.ask("bad", 1, 0).unwrap();
    assert_eq!(world.log.erase_all(&tombstones.erased()).unwrap(), 3);
    world.today();
    let last = world.today();
    assert_eq!(world.expire(OPTIONS).gone, 4);
    assert_eq!(world.numbers(), (last - 3..=last).collect::<Vec<_>>());
    let written = crate::training_log::write(world.data.path(), NOW + 3 * DAY, Filter::default()).unwrap();
    assert_eq!(written.rows, 4);
}

#[test]
fn a_gap_of_a_clock_that_leapt_ahead_keeps_no_hour_out_of_the_training_log_that_came_since() {
    let mut world = World::new();
    let ahead = world.receive(-3_650, "u1", "s1", EventKind::Impression);
    world.today();
    world.today();
    let data = world.data.path();
    assert_eq!(events::eraser(data).compact(ahead + 1, &|_, _| false).unwrap(), 1);
    let written = crate::training_log::write(data, NOW + 3 * DAY / 2, Filter::default()).unwrap();
    assert_eq!(written.rows, 4);
}

//! Keys, events, tombstones, models.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::catalog::Dataset;
use crate::catalog::changes::{Journal, What};
use crate::erasure::{Erased, Tombstones};
use crate::events::{EventStore, Filter, Limits, Senders, validate};
use crate::{expiry, training_log};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Stores one event after another, a commit each.
fn store(world: &World, ids: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = EventStore::open(world.data.path(), Limits::default()).unwrap();
    for id in ids {
        let row = json!({"event_id": id, "kind": "like", "item": "i1", "user": "u1", "time_ms": 1});
        let (batch, _) = validate(vec![row], Senders::anybody(&Erased::default()), 0, 10);
        runtime.block_on(store.append(batch)).unwrap();
    }
}

fn segment(world: &World) -> PathBuf {
    let files = fs::read_dir(world.path("received")).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap()
}

#[test]
fn keys_that_are_lost_or_open_to_others_are_put_right() {
    let world = World::new();
    let (keys, away) = (world.path("keys"), world.path("away"));
    fs::rename(&keys, &away).unwrap();
    assert_eq!(world.codes(), [Code::KeysMissing]);
    fs::remove_dir_all(&keys).unwrap_or_default();
    fs::rename(&away, &keys).unwrap();
    assert_eq!(world.codes(), []);
    set_mode(&keys.join("signing.key"), 0o644);
    assert_eq!(world.codes(), [Code::KeysUnusable]);
    set_mode(&keys.join("signing.key"), 0o600);
    assert_eq!(world.codes(), []);
}

#[test]
fn a_damaged_log_is_put_back_and_half_a_commit_cut_off_by_the_next_start() {
    let mut world = World::new();
    world.examined.now_ms = crate::clock::now_ms();
    world.examined.late_ms = i64::MAX;
    store(&world, &["a", "b", "c"]);
    let well = world.codes();
    let file = segment(&world);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [b"!", &whole[1..]].concat()).unwrap();
    assert_eq!(without(world.codes(), &well), [Code::LogDamaged]);
    fs::write(&file, [whole.as_slice(), b"{\"format\":9,\"anything\":1}\n"].concat()).unwrap();
    assert_eq!(without(world.codes(), &well), [Code::LogNewer]);
    fs::write(&file, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(without(world.codes(), &well), [Code::LogDamaged], "the last commit was acknowledged");
    fs::write(&file, [whole.as_slice(), &whole[..50]].concat()).unwrap();
    assert_eq!(without(world.codes(), &well), [Code::LogTorn]);
    store(&world, &["d"]);
    assert_eq!(world.codes(), well);
    world.examined.now_ms -= HOUR;
    assert!(world.codes().contains(&Code::ClockBehind));
}

#[test]
fn how_far_old_events_went_is_found_out_anew_where_it_cannot_be_read() {
    let mut world = World::new();
    (world.examined.late_ms, world.examined.now_ms) = (i64::MAX, crate::clock::now_ms());
    store(&world, &["a"]);
    let well = world.codes();
    let expire = || {
        let day = Duration::from_secs(86_400);
        let options = expiry::Options {
            keep: 90 * day,
            dedup_window: day,
            at_once: true,
            history: 1_000,
            filter: Filter::default(),
            is_training_log_written: false,
        };
        expiry::expire(world.data.path(), crate::clock::now_ms(), options)
    };
    expire().unwrap();
    assert_eq!(world.codes(), well);
    let file = world.path("received/expired.json");
    fs::write(&file, "{").unwrap();
    assert_eq!(without(world.codes(), &well), [Code::OldEventsStay]);
    let refused = format!("{:#}", run(world.data.path(), &options()).unwrap_err());
    assert!(refused.contains("expired.json"), "{refused}");
    assert!(format!("{:#}", expire().unwrap_err()).contains("remove it"));
    fs::remove_file(&file).unwrap();
    expire().unwrap();
    assert_eq!(world.codes(), well);
}

/// What was not there before; the generation is of another year than the events.
fn without(codes: Vec<Code>, before: &[Code]) -> Vec<Code> {
    codes.into_iter().filter(|code| !before.contains(code)).collect()
}

#[test]
fn changes_of_items_that_cannot_be_read_are_put_back_or_moved_away() {
    let world = World::new();
    let (mut journal, _) = Journal::open(world.data.path()).unwrap();
    journal.add(vec![What::Withdrawn("i1".into()), What::Withdrawn("i2".into())], 5).unwrap();
    let file = world.path("item_changes.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[5..]).unwrap();
    assert_eq!(world.codes(), [Code::ItemChangesDamaged]);
    fs::write(&file, &whole).unwrap();
    assert_eq!(world.codes(), []);
    fs::write(&file, &whole[5..]).unwrap();
    fs::rename(&file, world.path("away")).unwrap();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_training_log_that_nobody_writes_or_can_read_is_late_until_it_is_written() {
    let mut world = World::new();
    world.examined.late_ms = i64::MAX;
    let write = |world: &World| {
        training_log::write(world.data.path(), world.examined.now_ms, Filter::default()).unwrap();
        assert_eq!(world.codes(), []);
    };
    write(&world);
    world.examined.now_ms += 2 * HOUR;
    assert_eq!(world.codes(), []);
    world.examined.now_ms += 2 * HOUR;
    assert_eq!(world.codes(), [Code::TrainingLogLate]);
    let is_off = Examined { training_late_ms: None, ..world.examined.clone() };
    assert!(examine(&is_off).iter().all(|finding| finding.code != Code::TrainingLogLate));
    write(&world);
    let state = world.path("training/state.json");
    fs::write(&state, "damaged").unwrap();
    assert_eq!(world.codes(), [Code::TrainingLogLate]);
    fs::remove_file(&state).unwrap();
    write(&world);
}

#[test]
fn a_training_log_of_which_nothing_was_ever_written_is_late_once_events_are_that_old() {
    let mut world = World::new();
    (world.examined.late_ms, world.examined.now_ms) = (i64::MAX, crate::clock::now_ms());
    let well = world.codes();
    world.examined.now_ms += 28 * HOUR;
    assert_eq!(without(world.codes(), &well), [], "nothing happened");
    world.examined.now_ms -= 28 * HOUR;
    store(&world, &["a"]);
    assert_eq!(without(world.codes(), &well), []);
    world.examined.now_ms += 28 * HOUR;
    assert_eq!(without(world.codes(), &well), [Code::TrainingLogLate]);
}

#[test]
fn tombstones_that_cannot_be_read_are_put_back() {
    let world = World::new();
    Tombstones::open(world.data.path()).unwrap().ask("u1", NOW, 0).unwrap();
    let file = world.path("erased.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, b"not this\n").unwrap();
    assert!(world.codes().contains(&Code::TombstonesDamaged));
    fs::write(&file, whole).unwrap();
    assert_eq!(world.codes(), []);
}

#[test]
fn who_asked_an_hour_ago_and_is_not_forgotten_is_said_until_their_rows_are_out() {
    let mut world = World::new();
    world.examined.late_ms = i64::MAX;
    Tombstones::open(world.data.path()).unwrap().ask("u1", world.examined.now_ms, 0).unwrap();
    world.examined.now_ms += HOUR;
    assert_eq!(world.codes(), []);
    world.examined.now_ms += 1;
    assert_eq!(world.codes(), [Code::ErasureLate]);
    let tombstones = Tombstones::open(world.data.path()).unwrap();
    tombstones.done(&tombstones.erased(), world.examined.now_ms, 1).unwrap();
    assert_eq!(world.codes(), []);
}

/// Puts a model of these bytes for the data set of this hash.
fn put_model(world: &World, hash: &str) {
    let current = world.path("models/current");
    fs::create_dir_all(&current).unwrap();
    for name in ["item_tower.onnx", "user_tower.onnx", "ranker.onnx"] {
        fs::write(current.join(name), "no model").unwrap();
    }
    fs::write(current.join("schema.json"), json!({ "dataset": hash }).to_string()).unwrap();
}

#[test]
fn a_model_that_is_unfit_damaged_or_has_nothing_to_run_it_is_said() {
    let mut world = World::new();
    put_model(&world, "of other data");
    assert_eq!(world.codes(), [Code::ModelUnfit]);
    put_model(&world, &Dataset::read(world.data.path()).unwrap().schema_hash());
    assert_eq!(world.codes(), [Code::RuntimeMissing]);
    world.examined.runtime = Some(world.path("libonnxruntime.so"));
    assert_eq!(world.codes(), [Code::RuntimeMissing]);
    if let Some(library) = std::env::var_os(crate::onnx::LIBRARY) {
        world.examined.runtime = Some(library.into());
        assert_eq!(world.codes(), [Code::ModelDamaged]);
    }
    fs::remove_file(world.path("models/current/ranker.onnx")).unwrap();
    assert_eq!(world.codes(), [Code::ModelDamaged]);
    fs::remove_dir_all(world.path("models")).unwrap();
    assert_eq!(world.codes(), []);
}

#[tokio::test]
async fn events_that_were_refused_three_times_are_said_until_they_are_taken_in_again() {
    let world = World::new();
    let letters = crate::dead_letters::DeadLetters::open(world.data.path()).unwrap();
    let event = serde_json::json!({"event_id": "e", "item": "i1", "kind": "like", "time_ms": NOW});
    letters.keep(&[crate::dead_letters::Letter {
        refused_ms: NOW,
        refuser: crate::dead_letters::Refuser::Intake,
        number: None,
        code: "time_out_of_range".into(),
        detail: "`time_ms` is ahead".into(),
        event,
    }]);
    assert_eq!(world.codes(), [Code::DeadLetters]);
    crate::dead_letters::replay(world.data.path()).await.unwrap();
    assert!(!world.codes().contains(&Code::DeadLetters));
}

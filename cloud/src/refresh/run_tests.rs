//! Runs in shards, interrupted runs, two at once, and the way back.

use std::fs;
use std::path::Path;

use segue_core::engine::Engine;
use segue_core::pack::Candidate;

use super::tests::{NOW, event, folder, open, options, root, write};
use super::*;
use crate::catalog::changes::{Journal, What};
use crate::catalog::{EventKind, Item};
use crate::packs::{PackStore, shard_file};
use crate::stores::disk::fault;

const USERS: [&str; 4] = ["user:u0", "user:u1", "user:u2", "user:u3"];

fn lists(data: &Path) -> Vec<Vec<Candidate>> {
    USERS.map(|subject| open(data, subject).candidates().to_vec()).to_vec()
}

fn shards(data: &Path, name: &str, of: usize) {
    for shard in 0..of {
        run_shard(data, name, (shard, of), &options()).unwrap();
    }
}

fn count(report: &Report, how: How) -> usize {
    report.lists.get(&how).copied().unwrap_or(0)
}

fn served(data: &Path) -> Option<u64> {
    PackStore::new(data).current().unwrap()
}

#[test]
fn shards_made_by_themselves_are_the_packs_of_a_whole_refresh() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let whole = lists(data.path());
    shards(data.path(), "nightly", 3);
    let report = publish(data.path(), "nightly", &Terms::default()).unwrap();
    assert_eq!((report.generation, report.shards, report.packs), (2, 3, 5));
    assert_eq!(lists(data.path()), whole);
    assert!(!data.path().join("refresh/runs/nightly").exists());
}

#[test]
fn a_bound_above_every_history_changes_no_byte_and_a_small_one_only_what_people_did_long_ago() {
    let (data, catalogue) = folder();
    let mut made = Vec::new();
    for (name, history) in [("unbounded", usize::MAX), ("bounded", 31), ("small", 5)] {
        let options = Options { history, ..options() };
        let report = run_shard(data.path(), name, (0, 1), &options).unwrap();
        let blob = data.path().join("refresh/runs").join(name).join(shard_file(0, 1, "blob"));
        made.push((report.events, report.events_held, fs::read(blob).unwrap()));
    }
    assert!(made[0] == made[1], "a bound that nobody reaches");
    assert_eq!([made[0].0, made[2].0], [catalogue.events.len(); 2]);
    assert_eq!((made[0].1, made[2].1), (catalogue.events.len(), 3 * (5 + 5)));
    assert!(made[0].2 != made[2].2);
}

#[test]
fn what_is_counted_of_items_is_the_same_whatever_is_held_and_shards_agree() {
    let (data, _) = folder();
    let counted = |data: &Path| {
        let pack = open(data, "region:all");
        let columns = |one: &Candidate| {
            let names = ["popularity", "popularity_rank", "completion_rate", "like_rate"];
            (one.item.clone(), names.map(|name| one.columns.get(name)))
        };
        pack.candidates().iter().map(columns).collect::<std::collections::BTreeMap<_, _>>()
    };
    run(data.path(), &options()).unwrap();
    let all = counted(data.path());
    let bounded = Options { history: 20, reuse_ms: 0, ..options() };
    let report = run(data.path(), &bounded).unwrap();
    assert_eq!((report.events, report.events_held, report.history), (90, 3 * (20 + 6), 20));
    assert_eq!(counted(data.path()), all);
    let whole = lists(data.path());
    for shard in 0..3 {
        run_shard(data.path(), "nightly", (shard, 3), &bounded).unwrap();
    }
    publish(data.path(), "nightly", &Terms::default()).unwrap();
    assert_eq!(lists(data.path()), whole);
}

#[test]
fn a_shard_is_made_once_and_again_when_it_is_damaged() {
    let (data, _) = folder();
    shards(data.path(), "r", 2);
    let folder = data.path().join("refresh/runs/r");
    let blob = folder.join(shard_file(1, 2, "blob"));
    let made = fs::metadata(&blob).unwrap().modified().unwrap();
    let first = run_shard(data.path(), "r", (1, 2), &options()).unwrap();
    assert_eq!(fs::metadata(&blob).unwrap().modified().unwrap(), made);
    for extension in ["blob", "index", "json"] {
        let path = folder.join(shard_file(1, 2, extension));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = format!("{:#}", publish(data.path(), "r", &Terms::default()).unwrap_err());
        assert!(error.contains("shard"), "{error}");
        if extension == "json" {
            fs::remove_file(&path).unwrap();
        }
        let again = run_shard(data.path(), "r", (1, 2), &options()).unwrap();
        assert_eq!((again.packs, again.index_hash), (first.packs, first.index_hash.clone()));
    }
    assert_eq!(served(data.path()), None);
    publish(data.path(), "r", &Terms::default()).unwrap();
    assert_eq!(served(data.path()), Some(1));
}

#[test]
fn a_run_that_lacks_a_shard_is_not_published_and_the_shard_is_named() {
    let (data, _) = folder();
    let error = publish(data.path(), "r", &Terms::default()).unwrap_err().to_string();
    assert!(error.contains("no run r"), "{error}");
    run_shard(data.path(), "r", (0, 3), &options()).unwrap();
    run_shard(data.path(), "r", (2, 3), &options()).unwrap();
    let error = publish(data.path(), "r", &Terms::default()).unwrap_err().to_string();
    assert!(error.contains("--shard 1 --of 3"), "{error}");
    assert!(run_shard(data.path(), "r", (3, 3), &options()).is_err());
}

#[test]
fn of_two_runs_from_one_generation_the_first_is_published_and_the_second_refused() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    shards(data.path(), "one", 1);
    shards(data.path(), "other", 2);
    publish(data.path(), "one", &Terms::default()).unwrap();
    let error = publish(data.path(), "other", &Terms::default()).unwrap_err().to_string();
    assert!(error.contains("no run other"), "{error}");
    let again = publish(data.path(), "one", &Terms::default()).unwrap_err().to_string();
    assert!(again.contains("published already, as generation 2"), "{again}");
    assert_eq!(served(data.path()), Some(2));
}

#[test]
fn two_refreshes_at_once_publish_whole_generations_only() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let refresh = || run(data.path(), &options()).map(|report| report.generation);
        let running: Vec<_> = (0..3).map(|_| scope.spawn(refresh)).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let published = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(published > 0);
    assert_eq!(served(data.path()), Some(1 + published as u64));
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(error.to_string().contains("another refresh"), "{error:#}");
    }
    assert_eq!(lists(data.path()).len(), USERS.len());
}

#[test]
fn wherever_a_refresh_is_killed_the_one_before_is_served_and_the_next_goes_on() {
    let (data, _) = folder();
    let options = Options { shards: Some(3), ..options() };
    run(data.path(), &options).unwrap();
    let wanted = lists(data.path());
    let mut killed = 0;
    for operations in (0..160).step_by(4) {
        let before = served(data.path());
        fault::after(Some(operations));
        let outcome = run(data.path(), &options);
        fault::after(None);
        killed += usize::from(outcome.is_err());
        assert!(outcome.is_err() || served(data.path()) > before);
        assert_eq!(lists(data.path()), wanted, "killed at operation {operations}");
        run(data.path(), &options).unwrap();
        assert_eq!(lists(data.path()), wanted);
    }
    assert!((10..40).contains(&killed), "{killed} refreshes were killed");
    let left = fs::read_dir(data.path().join("refresh/runs")).unwrap().count();
    assert_eq!(left, 1, "only the lock is left");
}

#[test]
fn an_interrupted_refresh_keeps_the_shards_it_finished() {
    let (data, _) = folder();
    let options = Options { shards: Some(2), ..options() };
    let keys = crate::keys::KeyStore::new(data.path()).init().unwrap();
    Plan::open(data.path(), "auto-1", &options, &keys).unwrap();
    run_shard(data.path(), "auto-1", (0, 2), &options).unwrap();
    let report = data.path().join("refresh/runs/auto-1").join(shard_file(0, 2, "json"));
    let made: ShardReport = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let whole = run(data.path(), &options).unwrap();
    assert!(whole.seconds_packs >= made.seconds_packs);
    assert_eq!((whole.run.as_str(), whole.packs), ("auto-1", 5));
}

#[test]
fn what_an_earlier_run_of_the_same_name_left_is_made_anew() {
    let (data, _) = folder();
    let first = run_shard(data.path(), "nightly", (0, 1), &options()).unwrap();
    // As where a removal was cut short.
    fs::remove_file(data.path().join("refresh/runs/nightly/plan.json")).unwrap();
    let later = Options { now_ms: Some(NOW + 1), ..options() };
    let second = run_shard(data.path(), "nightly", (0, 1), &later).unwrap();
    assert_eq!((first.created_ms, second.created_ms), (NOW, NOW + 1));
    publish(data.path(), "nightly", &Terms::default()).unwrap();
}

#[test]
fn a_run_whose_removal_was_cut_short_is_removed_by_the_next() {
    let (data, _) = folder();
    let runs = data.path().join("refresh/runs");
    shards(data.path(), "old", 1);
    fs::rename(runs.join("old"), runs.join(".removed-old")).unwrap();
    shards(data.path(), "old", 1);
    run(data.path(), &options()).unwrap();
    let left: Vec<_> = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn what_changes_between_two_processes_of_a_run_is_named() {
    let (data, mut catalogue) = folder();
    run_shard(data.path(), "r", (0, 2), &options()).unwrap();
    catalogue.items[0].title = "Renamed".into();
    write(data.path(), &catalogue);
    let error = run_shard(data.path(), "r", (1, 2), &options()).unwrap_err().to_string();
    assert!(error.contains("`items.jsonl` changed"), "{error}");
    catalogue.items[0].title = "Song 0".into();
    write(data.path(), &catalogue);
    run_shard(data.path(), "r", (1, 2), &options()).unwrap();
    fs::create_dir(data.path().join("policies")).unwrap();
    let mut policy: serde_json::Value = serde_json::from_slice(segue_core::policies::RADIO).unwrap();
    policy["feedback"]["decay"] = 0.5.into();
    fs::write(data.path().join("policies/radio.json"), policy.to_string()).unwrap();
    let error = publish(data.path(), "r", &Terms::default()).unwrap_err().to_string();
    assert!(error.contains("`policy radio` changed"), "{error}");
}

#[test]
fn lists_of_people_about_whom_nothing_changed_are_taken_over() {
    let (data, mut catalogue) = folder();
    let first = run(data.path(), &options()).unwrap();
    assert_eq!((count(&first, How::Fresh), count(&first, How::Region)), (4, 1));
    let before = lists(data.path());
    catalogue.add_events(vec![event("new", 1, 9, EventKind::Like, NOW + 1)]);
    write(data.path(), &catalogue);
    let second = run(data.path(), &options()).unwrap();
    assert_eq!((count(&second, How::Unchanged), count(&second, How::Fresh)), (3, 1));
    let ids = |list: &[Candidate]| list.iter().map(|one| one.item.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&lists(data.path())[0]), ids(&before[0]));
    let all_anew = run(data.path(), &Options { reuse_ms: 0, ..options() }).unwrap();
    assert_eq!(count(&all_anew, How::Fresh), 4);
    let later = Options { now_ms: Some(NOW + 7 * 3_600_000), ..options() };
    assert_eq!(count(&run(data.path(), &later).unwrap(), How::Fresh), 4);
}

#[test]
fn a_changed_item_makes_no_list_anew_and_is_in_them_as_it_is_now() {
    let (data, catalogue) = folder();
    run(data.path(), &options()).unwrap();
    assert!(open(data.path(), "user:u0").find("i8").is_some());
    let row = Item { creator: "other".into(), ..catalogue.items[9].clone() };
    let (mut journal, _) = Journal::open(data.path()).unwrap();
    journal.add(vec![What::Withdrawn("i8".into()), What::Item(Box::new(row))], NOW - 1).unwrap();
    let report = run(data.path(), &options()).unwrap();
    assert_eq!(count(&report, How::Unchanged), 4);
    let pack = open(data.path(), "user:u0");
    let creator = |item: &str| pack.find(item).map(|candidate| candidate.creator.as_str());
    assert_eq!((creator("i8"), creator("i9")), (None, Some("other")));
}

#[test]
fn a_list_that_is_taken_over_lacks_what_is_barred_meanwhile() {
    let (data, mut catalogue) = folder();
    run(data.path(), &options()).unwrap();
    assert!(open(data.path(), "user:u0").find("i8").is_some());
    catalogue.add_events(vec![event("new", 0, 8, EventKind::NotInterested, NOW + 1)]);
    write(data.path(), &catalogue);
    let late = Options { deadline_ms: Some(0), ..options() };
    let report = run(data.path(), &late).unwrap();
    assert_eq!((count(&report, How::Carried), count(&report, How::Unchanged)), (1, 3));
    assert!(open(data.path(), "user:u0").find("i8").is_none());
    assert_eq!(count(&run(data.path(), &options()).unwrap(), How::Fresh), 1);
}

#[test]
fn when_time_is_up_people_without_a_list_get_what_is_popular() {
    let (data, _) = folder();
    let report = run(data.path(), &Options { deadline_ms: Some(0), ..options() }).unwrap();
    assert_eq!((count(&report, How::Popular), report.packs), (4, 5));
    assert!(open(data.path(), "user:u0").find("i0").is_some());
    assert_eq!(count(&run(data.path(), &options()).unwrap(), How::Fresh), 4);
}

#[test]
fn the_refreshs_own_folder_may_be_removed_when_no_refresh_runs() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let wanted = lists(data.path());
    shards(data.path(), "unfinished", 2);
    fs::remove_dir_all(data.path().join("refresh")).unwrap();
    assert_eq!((served(data.path()), lists(data.path())), (Some(1), wanted));
    assert_eq!(run(data.path(), &options()).unwrap().generation, 2);
}

#[test]
fn after_a_rollback_clients_accept_the_packs_of_before() {
    let (data, mut catalogue) = folder();
    run(data.path(), &options()).unwrap();
    let wanted = lists(data.path());
    catalogue.add_events((0..30).map(|at| event(&format!("n{at}"), 0, at, EventKind::Like, NOW)).collect());
    write(data.path(), &catalogue);
    run(data.path(), &options()).unwrap();
    assert_ne!(lists(data.path()), wanted);
    let mut client = Engine::new(&root(data.path()).to_hex()).unwrap();
    client
        .accept_manifest(PackStore::new(data.path()).open_current().unwrap().unwrap().manifest(), NOW)
        .unwrap();

    crate::keys::KeyStore::new(data.path()).rotate().unwrap();
    let back = Back { lifetime_ms: 1_000, now_ms: Some(NOW), ..Back::default() };
    let report = rollback(data.path(), &back).unwrap();
    assert_eq!((report.generation, report.base, report.rolled_back_to), (3, Some(2), Some(1)));
    let generation = PackStore::new(data.path()).open_current().unwrap().unwrap();
    client.accept_rotations(generation.rotations()).unwrap();
    client.accept_manifest(generation.manifest(), NOW).unwrap();
    client.accept_pack(&generation.get("user:u0").unwrap().unwrap(), "user:u0", NOW).unwrap();
    assert_eq!(client.pack().unwrap().candidates(), wanted[0]);
    assert_eq!(count(&run(data.path(), &options()).unwrap(), How::Fresh), 4);
}

#[test]
fn a_rollback_goes_to_a_kept_generation_or_nowhere() {
    let (data, _) = folder();
    let to =
        |to| rollback(data.path(), &Back { to, lifetime_ms: 1_000, now_ms: Some(NOW), ..Back::default() });
    assert!(to(None).is_err());
    run(data.path(), &options()).unwrap();
    assert!(to(None).unwrap_err().to_string().contains("the only one"));
    run(data.path(), &options()).unwrap();
    assert!(to(Some(7)).unwrap_err().to_string().contains("cannot be gone back to"));
    assert_eq!(served(data.path()), Some(2));
    // The pointer says which one is in force, also where that one lost its list of blobs.
    std::fs::remove_file(data.path().join("served/generations/2/artefacts")).unwrap();
    assert!(to(Some(2)).unwrap_err().to_string().contains("2 is in force"));
    assert_eq!(to(Some(1)).unwrap().rolled_back_to, Some(1));
}

#[test]
fn going_back_again_goes_further_and_never_to_what_was_left_behind() {
    let (data, _) = folder();
    let terms = Terms { keep: 9, ..Terms::default() };
    let refresh = || run(data.path(), &Options { terms: terms.clone(), ..options() }).unwrap();
    let back = || {
        let back = Back { lifetime_ms: 1_000, now_ms: Some(NOW), keep: Some(9), ..Back::default() };
        rollback(data.path(), &back).map(|report| report.rolled_back_to)
    };
    (0..3).for_each(|_| drop(refresh()));
    assert_eq!(back().unwrap(), Some(2));
    assert_eq!(back().unwrap(), Some(1), "neither 3, which was left, nor 2 once more");
    let nowhere = back().unwrap_err().to_string();
    assert!(nowhere.contains("1, 2, 3, 4"), "{nowhere}");
    assert_eq!(refresh().generation, 6);
    assert_eq!(back().unwrap(), Some(5));
    assert!(back().is_err());
}

#[test]
fn a_damaged_generation_before_costs_its_lists_and_a_damaged_pointer_is_named() {
    let (data, _) = folder();
    run(data.path(), &options()).unwrap();
    let index = data.path().join("served/generations/1").join(shard_file(0, 1, "index"));
    let whole = fs::read(&index).unwrap();
    fs::write(&index, &whole[1..]).unwrap();
    let report = run(data.path(), &options()).unwrap();
    assert_eq!(count(&report, How::Fresh), 4);
    assert!(report.remarks.iter().any(|remark| remark.contains("cannot be read")), "{:?}", report.remarks);
    fs::write(data.path().join("served/current"), "zwei").unwrap();
    let error = format!("{:#}", run(data.path(), &options()).unwrap_err());
    assert!(error.contains("`zwei`") && error.contains("newest folder"), "{error}");
    fs::write(data.path().join("served/current"), "2").unwrap();
    run(data.path(), &options()).unwrap();
}

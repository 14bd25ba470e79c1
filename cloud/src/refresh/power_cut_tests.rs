//! The power is cut during a whole refresh: the generation before is served, and what goes on publishes the same packs.

use std::cell::Cell;
use std::path::Path;

use segue_core::pack::Candidate;

use super::shard::finished;
use super::tests::{NOW, folder, open, options};
use super::*;
use crate::packs::PackStore;
use crate::stores::power_cut::{Recorded, Recording, Syncs};

const USERS: [&str; 4] = ["user:u0", "user:u1", "user:u2", "user:u3"];
/// The run that is cut off; it goes on from generation 1.
const RUN: &str = "auto-2";

/// Everybody's list made anew, in two shards.
fn anew() -> Options {
    Options { shards: Some(2), reuse_ms: 0, ..options() }
}

fn lists(data: &Path) -> Vec<Vec<Candidate>> {
    USERS.map(|subject| open(data, subject).candidates().to_vec()).to_vec()
}

/// The second generation is made; and what is in its packs, as in those of the first.
fn refreshed(data: &Path) -> (Recorded, Vec<Vec<Candidate>>) {
    run(data, &anew()).unwrap();
    let wanted = lists(data);
    let recording = Recording::begin(data);
    run(data, &anew()).unwrap();
    let recorded = recording.end();
    assert_eq!(lists(data), wanted);
    (recorded, wanted)
}

/// What is in force is whole; nothing but the second generation once its publication was acknowledged.
fn check(data: &Path, is_acknowledged: bool, wanted: &[Vec<Candidate>]) -> Result<u64, String> {
    let store = PackStore::new(data);
    let generation =
        store.open_current().map_err(|error| format!("{error:#}"))?.ok_or("nothing is served")?;
    let whole = generation.shards().iter().try_for_each(crate::packs::ShardReader::verify);
    whole.map_err(|error| format!("{error:#}"))?;
    if is_acknowledged && generation.number() != 2 {
        return Err(format!("generation {} is served", generation.number()));
    }
    if lists(data) == wanted { Ok(generation.number()) } else { Err("other packs are served".to_owned()) }
}

#[test]
fn a_refresh_after_a_power_cut_goes_on_and_publishes_the_same_packs() {
    let (data, _) = folder();
    let (recorded, wanted) = refreshed(data.path());
    let resumed = Cell::new(0);
    let losses = recorded.losses(Syncs::Done, (9, usize::MAX), |data, done| {
        let before = check(data, done == recorded.operations(), &wanted)?;
        let run_folder = data.join("refresh/runs").join(RUN);
        if before == 1
            && let Ok(Some(plan)) = Plan::read(data, RUN)
        {
            let is_finished =
                |shard: &usize| finished(&run_folder, &plan, *shard, 2).is_ok_and(|report| report.is_some());
            resumed.set(resumed.get() + (0..2).filter(is_finished).count());
        }
        let report = run(data, &anew()).map_err(|error| format!("{error:#}"))?;
        match check(data, false, &wanted)? {
            number if number == before + 1 && report.generation == number => Ok(()),
            number => Err(format!("generation {number} follows {before}")),
        }
    });
    assert_eq!(losses, Vec::<String>::new());
    assert!(resumed.get() > 0, "no cut left a finished shard to go on from");
}

#[test]
fn a_rollback_after_a_power_cut_is_done_or_not_and_may_be_asked_for_again() {
    let (data, _) = folder();
    run(data.path(), &anew()).unwrap();
    run(data.path(), &anew()).unwrap();
    let (wanted, recording) = (lists(data.path()), Recording::begin(data.path()));
    let back = |data: &Path| {
        let back = Back { to: Some(1), lifetime_ms: 1_000, now_ms: Some(NOW), ..Back::default() };
        rollback(data, &back).map_err(|error| format!("{error:#}"))
    };
    assert_eq!(back(data.path()).unwrap().generation, 3);
    let recorded = recording.end();
    let losses = recorded.losses(Syncs::Done, (3, usize::MAX), |data, done| {
        let store = PackStore::new(data);
        let served = store.current().map_err(|error| format!("{error:#}"))?;
        let least = if done == recorded.operations() { 3 } else { 2 };
        if served.is_none_or(|served| served < least) {
            return Err(format!("generation {served:?} is served"));
        }
        if lists(data) != wanted {
            return Err("other packs are served".to_owned());
        }
        match done % 9 {
            0 => back(data).map(drop),
            _ => Ok(()),
        }
    });
    assert_eq!(losses, Vec::<String>::new());
}

/// The check above sees what a disk does that passes over syncs.
#[test]
fn without_the_syncs_the_same_check_sees_the_loss() {
    let (data, _) = folder();
    let (recorded, wanted) = refreshed(data.path());
    for syncs in [Syncs::NotOfFiles, Syncs::NotOfFolders] {
        let last = recorded.operations();
        let losses = recorded.losses(syncs, (usize::MAX, usize::MAX), |data, done| {
            check(data, done == last, &wanted).map(drop)
        });
        assert!(!losses.is_empty(), "{syncs:?}");
    }
}

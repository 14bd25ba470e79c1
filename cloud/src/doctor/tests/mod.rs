//! Every fault is made for real and found, and but for a slow disk gone after its remedy.

mod log;
mod service;
mod stores;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::packs::{PackStore, shard_file};
use crate::refresh::tests::{NOW, folder, options};
use crate::refresh::{Back, Gate, Options, Terms, publish, rollback, run};

const HOUR: i64 = 3_600_000;

/// A data folder with one generation, looked at a minute after it was made.
struct World {
    data: tempfile::TempDir,
    examined: Examined,
}

impl World {
    fn new() -> Self {
        let world = Self::unpublished();
        world.refresh();
        world
    }

    fn unpublished() -> Self {
        let (data, _) = folder();
        let examined = Examined {
            data: data.path().to_owned(),
            now_ms: NOW + 60_000,
            late_ms: HOUR,
            training_late_ms: Some(27 * HOUR),
            service: None,
            trusted: None,
            runtime: None,
        };
        Self { data, examined }
    }

    fn refresh(&self) {
        let options = Options { now_ms: Some(self.examined.now_ms - 60_000), ..options() };
        run(self.data.path(), &options).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// What is found, but for how full this machine's disk is.
    fn codes(&self) -> Vec<Code> {
        let codes = examine(&self.examined).into_iter().map(|finding| finding.code);
        codes.filter(|code| ![Code::DiskNearlyFull, Code::DiskFull].contains(code)).collect()
    }
}

/// Changes one byte of a file.
fn damage(path: &Path) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    whole
}

#[test]
fn nothing_is_wrong_with_a_folder_that_is_well() {
    assert_eq!(World::new().codes(), []);
}

#[test]
fn a_folder_without_data_is_filled_and_one_without_a_generation_refreshed() {
    let empty = tempfile::tempdir().unwrap();
    let mut world = World::unpublished();
    for wrong in [empty.path().to_owned(), world.path("nowhere")] {
        world.examined.data = wrong;
        assert_eq!(world.codes(), [Code::DataMissing]);
    }
    world.examined.data = world.data.path().to_owned();
    assert_eq!(world.codes(), [Code::KeysMissing, Code::GenerationMissing]);
    world.refresh();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_pointer_that_is_no_number_or_names_nothing_is_written_again() {
    let world = World::new();
    for wrong in ["x", "9"] {
        fs::write(world.path("served/current"), wrong).unwrap();
        assert_eq!(world.codes(), [Code::PointerDamaged]);
    }
    let numbers = fs::read_dir(world.path("served/generations")).unwrap();
    let newest = numbers.map(|entry| entry.unwrap().file_name().into_string().unwrap()).max().unwrap();
    fs::write(world.path("served/current"), newest).unwrap();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_damaged_shard_index_or_manifest_is_rolled_back_or_refreshed_away() {
    for file in [shard_file(0, 1, "blob"), shard_file(0, 1, "index"), "manifest.cose".to_owned()] {
        let world = World::new();
        world.refresh();
        damage(&world.path("served/generations/2").join(&file));
        assert_eq!(world.codes(), [Code::GenerationDamaged], "{file}");
        let back = Back { lifetime_ms: 7 * 24 * HOUR, now_ms: Some(NOW), ..Back::default() };
        assert_eq!(rollback(world.data.path(), &back).unwrap().generation, 3);
        assert_eq!(world.codes(), [], "{file}");
    }
    let world = World::new();
    damage(&world.path("served/generations/1").join(shard_file(0, 1, "index")));
    world.refresh();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_model_or_policy_file_that_was_swapped_or_lost_is_written_again_by_a_refresh() {
    let world = World::new();
    let blob = fs::read_dir(world.path("served/blobs")).unwrap().next().unwrap().unwrap().path();
    fs::write(&blob, b"another model").unwrap();
    assert_eq!(world.codes(), [Code::ArtefactDamaged]);
    fs::remove_file(&blob).unwrap();
    assert_eq!(world.codes(), [Code::ArtefactDamaged]);
    world.refresh();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_late_refresh_an_expiry_and_a_clock_that_was_set_back_are_told_apart() {
    let mut world = World::new();
    let mut at = |after_ms: i64| {
        world.examined.now_ms = NOW + after_ms;
        world.codes()
    };
    assert_eq!(at(HOUR), []);
    assert_eq!(at(HOUR + 1), [Code::RefreshLate]);
    assert_eq!(at(6 * 24 * HOUR + 1), [Code::RefreshLate, Code::GenerationExpiring]);
    assert_eq!(at(7 * 24 * HOUR), [Code::GenerationExpired, Code::RefreshLate]);
    assert_eq!(at(-4 * 60_000), []);
    assert_eq!(at(-6 * 60_000), [Code::ClockBehind]);
    world.examined.now_ms = NOW + 8 * 24 * HOUR;
    world.refresh();
    assert_eq!(world.codes(), []);
}

#[test]
fn a_clock_that_ran_ahead_and_was_set_back_leaves_a_generation_that_the_next_refresh_replaces() {
    let mut world = World::new();
    world.examined.now_ms = NOW - 24 * HOUR;
    assert_eq!(world.codes(), [Code::ClockBehind]);
    world.refresh();
    assert_eq!(world.codes(), []);
    assert_eq!(PackStore::new(world.data.path()).current().unwrap(), Some(2));
}

#[test]
fn a_run_that_was_refused_is_published_by_waiving_its_gate() {
    let world = World::new();
    let path = world.path("served/generations/1/report.json");
    let mut report: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    report["gates"]["diversity"] = 100.0.into();
    fs::write(&path, report.to_string()).unwrap();
    let error = run(world.data.path(), &options()).unwrap_err().to_string();
    assert!(error.contains("diversity"), "{error}");
    assert_eq!(world.codes(), [Code::RefreshRefused]);
    let terms = Terms { waived: vec![Gate::Diversity], ..Terms::default() };
    assert_eq!(publish(world.data.path(), "auto-2", &terms).unwrap().generation, 2);
    assert_eq!(world.codes(), []);
    assert_eq!(PackStore::new(world.data.path()).current().unwrap(), Some(2));
}

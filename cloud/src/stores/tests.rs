//! The stores of this machine, held to their suites; and values and objects under power cuts.

use std::cell::RefCell;
use std::path::Path;

use super::power_cut::{Recorded, Recording, Syncs};
use super::*;

#[test]
fn values_of_a_folder_do_what_values_do() {
    let folder = tempfile::tempdir().unwrap();
    suite::key_value(&|| Box::new(FolderValues::new(folder.path().join("made/when/needed"))));
}

#[test]
fn objects_of_a_folder_do_what_objects_do() {
    let folder = tempfile::tempdir().unwrap();
    suite::objects(&|| Box::new(FolderObjects::new(folder.path().join("made/when/needed"))));
}

#[test]
fn processes_do_what_tasks_do() {
    let folder = tempfile::tempdir().unwrap();
    suite::tasks(&Processes::default(), folder.path());
}

#[test]
fn a_process_that_was_asked_to_end_is_not_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let (tasks, file) = (Processes::default(), folder.path().join("begun"));
    let script = format!("echo begun >> '{}'; kill -TERM $$; sleep 600", file.display());
    tasks.submit("asked", Task { retries: 2, ..Task::new("sh").with(["-c", script.as_str()]) }).unwrap();
    let outcome = loop {
        match tasks.outcome("asked").unwrap().unwrap() {
            Outcome::Running => std::thread::sleep(std::time::Duration::from_millis(5)),
            outcome => break outcome,
        }
    };
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "begun\n");
}

#[test]
fn an_open_object_is_read_on_after_it_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let objects = FolderObjects::new(folder.path());
    objects.put_if_absent("a/b", b"packs").unwrap();
    let open = objects.open("a/b").unwrap().unwrap();
    objects.delete("a/b").unwrap();
    let mut part = [0; 5];
    open.get_range(0, &mut part).unwrap();
    assert_eq!(&part, b"packs");
    assert!(!folder.path().join("a").exists(), "no empty folder is left");
}

/// Four numbers are put; with which was acknowledged after how many operations.
fn numbers_put_into(root: &Path) -> (Recorded, Vec<(usize, u64)>) {
    let values = FolderValues::new(root);
    let (recording, mut acknowledged) = (Recording::begin(root), Vec::new());
    for number in 0_u64..4 {
        let (before, value) = (values.get("deep/count").unwrap(), number.to_string().repeat(20));
        assert!(values.compare_and_set("deep/count", before.as_deref(), value.as_bytes()).unwrap());
        acknowledged.push((recording.so_far(), number));
    }
    (recording.end(), acknowledged)
}

/// The value is one that was put, whole, and none before the last that was acknowledged.
fn check_number(data: &Path, acknowledged: Option<u64>) -> Result<(), String> {
    let value = FolderValues::new(data).get("deep/count").unwrap();
    let number = value.map(|value| {
        let known = (0_u64..4).find(|number| number.to_string().repeat(20).as_bytes() == value);
        known.ok_or_else(|| format!("{} bytes of no value", value.len()))
    });
    let number = number.transpose()?;
    if number < acknowledged { Err(format!("{number:?} instead of {acknowledged:?}")) } else { Ok(()) }
}

#[test]
fn an_acknowledged_value_survives_a_power_cut_and_a_disk_without_syncs_is_caught() {
    let data = tempfile::tempdir().unwrap();
    let (recorded, acknowledged) = numbers_put_into(data.path());
    let losses = |syncs| {
        recorded.losses(syncs, (1, 7), |data, done| {
            let until = acknowledged.iter().rev().find(|(operations, _)| *operations <= done);
            check_number(data, until.map(|(_, number)| *number))
        })
    };
    assert_eq!(losses(Syncs::Done), Vec::<String>::new());
    assert!(!losses(Syncs::NotOfFiles).is_empty());
    assert!(!losses(Syncs::NotOfFolders).is_empty());
}

#[test]
fn an_acknowledged_object_survives_a_power_cut_and_a_disk_without_syncs_is_caught() {
    let data = tempfile::tempdir().unwrap();
    let (objects, file) = (FolderObjects::new(data.path()), data.path().join(".file"));
    let (recording, acknowledged) = (Recording::begin(data.path()), RefCell::new(Vec::new()));
    let acknowledge = |key: &'static str| acknowledged.borrow_mut().push((recording.so_far(), key));
    for key in ["a/1", "a/2"] {
        assert_eq!(objects.put_if_absent(key, key.repeat(10).as_bytes()).unwrap(), Put::New);
        acknowledge(key);
    }
    disk::write_new(&file, "a/3".repeat(10).as_bytes()).unwrap();
    assert_eq!(objects.put_file_if_absent("a/3", &file).unwrap(), Put::New);
    acknowledge("a/3");
    let (recorded, acknowledged) = (recording.end(), acknowledged.into_inner());
    let check = |data: &Path, done: usize| {
        let objects = FolderObjects::new(data);
        let there = objects.list("").unwrap();
        let damaged = |key: &&String| objects.get(key).unwrap() != Some(key.repeat(10).into_bytes());
        if let Some(key) = there.iter().find(damaged) {
            return Err(format!("{key} is not whole"));
        }
        let lost = |(operations, key): &&(usize, &str)| {
            *operations <= done && !there.iter().any(|found| found == key)
        };
        acknowledged.iter().find(lost).map_or(Ok(()), |(_, key)| Err(format!("{key} is lost")))
    };
    assert_eq!(recorded.losses(Syncs::Done, (1, 7), check), Vec::<String>::new());
    assert!(!recorded.losses(Syncs::NotOfFiles, (1, 7), check).is_empty());
    assert!(!recorded.losses(Syncs::NotOfFolders, (1, 7), check).is_empty());
}

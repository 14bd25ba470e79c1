use super::*;
use crate::stores::disk::{DiskFile, remove_folder, sync_folder, write_synced};
use std::io::Write as _;

/// Everything that a cut may leave of a file, with the number of operations before it.
fn left_of(recorded: &Recorded, name: &str) -> Vec<(usize, Option<Vec<u8>>)> {
    let found = RefCell::new(Vec::new());
    let look = |data: &Path, done: usize| {
        found.borrow_mut().push((done, fs::read(data.join(name)).ok()));
        Ok(())
    };
    assert!(recorded.losses(Syncs::Done, (1, 1), look).is_empty());
    found.into_inner()
}

#[test]
fn what_is_not_synced_may_go_byte_by_byte_and_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::begin(folder.path());
    let mut file = DiskFile::create(&folder.path().join("a")).unwrap();
    file.write_all(b"xyz").unwrap();
    let written = recording.so_far();
    file.sync().unwrap();
    let synced = recording.so_far();
    sync_folder(folder.path()).unwrap();
    let left = left_of(&recording.end(), "a");
    let at = |operations| {
        left.iter().filter(move |(done, _)| *done == operations).map(|(_, left)| left.as_deref())
    };
    let may_be = |operations, bytes: Option<&[u8]>| at(operations).any(|left| left == bytes);
    assert!(may_be(written, None));
    assert!(["", "x", "xy", "xyz"].into_iter().all(|left| may_be(written, Some(left.as_bytes()))));
    let (part, whole) = (Some(b"xy".as_slice()), Some(b"xyz".as_slice()));
    assert!(may_be(synced, None) && may_be(synced, whole) && !may_be(synced, part));
    assert!(at(synced + 1).all(|left| left == whole));
}

#[test]
fn a_file_that_is_written_over_in_its_place_may_be_the_old_one_empty_or_part_of_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    write_synced(&folder.path().join("a"), b"old").unwrap();
    let recording = Recording::begin(folder.path());
    DiskFile::create(&folder.path().join("a")).unwrap().write_all(b"older").unwrap();
    let left = left_of(&recording.end(), "a");
    let last = left.last().unwrap().0;
    let may_be = |bytes: &str| {
        left.iter().any(|(done, left)| *done == last && left.as_deref() == Some(bytes.as_bytes()))
    };
    assert!(["old", "", "o", "olde", "older"].into_iter().all(may_be));
}

#[test]
fn a_file_that_is_cut_off_keeps_what_lies_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    write_synced(&folder.path().join("a"), b"whole").unwrap();
    let recording = Recording::begin(folder.path());
    DiskFile::open(&folder.path().join("a")).unwrap().unwrap().cut(2).unwrap();
    let left = left_of(&recording.end(), "a").into_iter().map(|(_, left)| left.unwrap());
    let left: std::collections::BTreeSet<Vec<u8>> = left.collect();
    assert_eq!(left, [b"wh".to_vec(), b"whole".to_vec()].into());
}

#[test]
fn a_folder_may_be_removed_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("folder/inner");
    fs::create_dir_all(&inner).unwrap();
    write_synced(&inner.join("a"), b"1").unwrap();
    write_synced(&folder.path().join("folder/b"), b"2").unwrap();
    let recording = Recording::begin(folder.path());
    remove_folder(&folder.path().join("folder")).unwrap();
    let recorded = recording.end();
    assert_eq!((recorded.operations(), folder.path().join("folder").exists()), (4, false));
    let count = RefCell::new(std::collections::BTreeSet::new());
    let look = |data: &Path, _: usize| {
        let here = |path: &str| usize::from(data.join(path).exists());
        count.borrow_mut().insert(here("folder/inner/a") + here("folder/b"));
        Ok(())
    };
    assert!(recorded.losses(Syncs::Done, (1, 1), look).is_empty());
    assert_eq!(count.into_inner(), [0, 1, 2].into());
}

#[test]
fn a_file_that_is_replaced_is_the_old_one_or_the_new_one_at_any_cut() {
    let folder = tempfile::tempdir().unwrap();
    write_synced(&folder.path().join("a"), b"old").unwrap();
    let recording = Recording::begin(folder.path());
    write_synced(&folder.path().join("a"), b"newer").unwrap();
    let left = left_of(&recording.end(), "a");
    let (old, newer) = (Some(b"old".to_vec()), Some(b"newer".to_vec()));
    assert!(left.iter().all(|(_, left)| *left == old || *left == newer));
    assert_eq!(left.last().unwrap().1, newer);
}

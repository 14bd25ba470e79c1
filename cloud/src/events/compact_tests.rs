//! What is old leaves the log, and whoever reads, opens, checks or mends it goes on over the gaps.

use std::fs;
use std::path::Path;

use super::*;
use crate::events::log::{EventLog, segment_names};
use crate::events::segments::SegmentReader;
use crate::events::{FolderDisk, Mended, check, eraser, folder, last, mend, read_since};
use crate::stores::power_cut::{Recording, Syncs};
use crate::stores::{Log as _, LogReader as _};

fn line(number: u64) -> Vec<u8> {
    format!(r#"{{"event_id":"e{number}","item":"i","kind":"like","time_ms":{number}}}"#).into_bytes()
}

/// A commit of these events, received when its first one was sent.
fn commit(first: u64, events: u64) -> Vec<u8> {
    let lines: Vec<Vec<u8>> = (first..first + events).map(line).collect();
    frame::encode(first, 10 * first as i64, lines.iter().map(Vec::as_slice))
}

fn compacted_to(bytes: &[u8], end: u64, stay: &[u64]) -> (Vec<u8>, u64) {
    compacted("segment", bytes, end, &|number, _| stay.contains(&number)).unwrap()
}

/// A folder whose log has thirty events in commits of three, few of them in a segment.
fn filled(data: &Path) -> FolderDisk {
    let disk = FolderDisk::new(folder(data));
    disk.create_folder().unwrap();
    let mut log = EventLog::open(disk.clone(), 400, |_| Ok(())).unwrap();
    for first in (1..=28).step_by(3) {
        let lines: Vec<Vec<u8>> = (first..first + 3).map(line).collect();
        log.append(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>(), 10 * first as i64).unwrap();
    }
    assert!(segment_names(&disk).unwrap().len() > 3);
    disk
}

/// The numbers of what is in the log, each of which is the event that it was.
fn numbers(data: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    read_since(data, 0, |number, event| {
        assert_eq!(event.event_id, format!("e{number}"));
        numbers.push(number);
    })?;
    Ok(numbers)
}

fn stays(number: u64) -> bool {
    matches!(number, 5 | 12 | 13 | 17)
}

fn compact(data: &Path) -> u64 {
    eraser(data).compact(20, &|number, _| stays(number)).unwrap()
}

/// Those that stay, and what is not old or not settled.
fn left() -> Vec<u64> {
    (1..=30).filter(|number| stays(*number) || *number >= 20).collect()
}

#[test]
fn what_stays_keeps_number_and_time_and_what_goes_is_one_gap() {
    let bytes = [commit(1, 3), commit(4, 2), commit(6, 3), commit(9, 2)].concat();
    let (kept, gone) = compacted_to(&bytes, 10, &[2, 6, 7, 8]);
    let second = [line(2)];
    let wanted = [
        frame::encode_gap(1, 1, 10),
        frame::encode(2, 10, second.iter().map(Vec::as_slice)),
        frame::encode_gap(3, 3, 40),
        commit(6, 3),
        frame::encode_gap(9, 1, 90),
        frame::encode(10, 90, [line(10)].iter().map(Vec::as_slice)),
    ];
    assert_eq!(String::from_utf8(kept.clone()).unwrap(), String::from_utf8(wanted.concat()).unwrap());
    assert_eq!(gone, 5);
    assert_eq!(compacted_to(&kept, 10, &[2, 6, 7, 8]), (kept.clone(), 0), "once more");
    // Gaps grow together, and stubs of what was erased go uncounted.
    let (stubs, _) = crate::events::log::without("segment", &kept, &|bytes| bytes == line(7)).unwrap();
    assert_eq!(compacted_to(&stubs, 11, &[6, 7]).1, 3);
    assert_eq!(compacted_to(&stubs, 11, &[]), (frame::encode_gap(1, 10, 90), 4));
}

#[test]
fn a_gap_tells_when_the_latest_came_in_that_was_old_and_nothing_of_who_was_forgotten() {
    let without = |bytes: &[u8], theirs: &[u64]| {
        let is_theirs = |bytes: &[u8]| theirs.iter().any(|number| bytes == line(*number));
        crate::events::log::without("segment", bytes, &is_theirs).unwrap().0
    };
    let bytes = [commit(1, 2), commit(3, 2), commit(5, 2)].concat();
    assert_eq!(compacted_to(&without(&bytes, &[4, 5, 6]), 7, &[]), (frame::encode_gap(1, 6, 30), 3));
    let (alone, gone) = compacted_to(&without(&bytes, &[3, 4]), 5, &[1, 2]);
    assert_eq!((&alone, gone), (&[commit(1, 2), frame::encode_gap(3, 2, 0), commit(5, 2)].concat(), 0));
    assert_eq!(compacted_to(&alone, 7, &[]), (frame::encode_gap(1, 6, 50), 4), "gaps grow together");
    // The clock was set back in between.
    let one = |number: u64, at: i64| frame::encode(number, at, [line(number)].iter().map(Vec::as_slice));
    assert_eq!(compacted_to(&[one(1, 90), one(2, 20)].concat(), 3, &[]), (frame::encode_gap(1, 2, 90), 2));
}

#[test]
fn a_commit_that_is_not_old_is_not_touched_and_damage_is_no_gap() {
    let mut bytes = [commit(1, 3), commit(4, 2)].concat();
    assert_eq!(compacted_to(&bytes, 1, &[]), (bytes.clone(), 0));
    let end = bytes.len();
    bytes[end - 3] ^= 1;
    assert!(matches!(compacted("segment", &bytes, 9, &|_, _| false), Err(StoreError::Damaged { .. })));
}

#[test]
fn whoever_reads_opens_and_checks_the_log_goes_on_over_gaps() {
    let data = tempfile::tempdir().unwrap();
    let disk = filled(data.path());
    let names = segment_names(&disk).unwrap();
    let gone = compact(data.path());
    assert_eq!(numbers(data.path()).unwrap(), left());
    assert_eq!(gone as usize + left().len(), 30);
    assert_eq!(segment_names(&disk).unwrap(), names, "no file goes");
    assert_eq!((last(data.path()).unwrap(), check(data.path()).unwrap().events), (30, 30));
    for seen in 0..=30 {
        let (mut reader, mut found) = (SegmentReader::new(disk.clone(), seen), Vec::new());
        let flow = reader.read(u64::MAX, &mut |batch| {
            let commit = |number: u64| 10 * (number as i64 - (number as i64 - 1) % 3);
            assert!(batch.records.iter().all(|(number, _)| batch.appended_ms == commit(*number)));
            found.extend(batch.records.iter().map(|(number, _)| *number));
            Ok(std::ops::ControlFlow::Continue(()))
        });
        assert!(flow.unwrap().is_continue());
        assert_eq!(found, left().into_iter().filter(|number| *number > seen).collect::<Vec<_>>());
        assert_eq!(reader.seen(), 30);
    }
    let mut opened = Vec::new();
    let mut log = EventLog::open(disk.clone(), 400, |frame| {
        opened.extend(frame.lines().map(<[u8]>::to_vec));
        Ok(())
    })
    .unwrap();
    assert_eq!(opened, left().into_iter().map(line).collect::<Vec<_>>());
    assert_eq!(log.append(&[&line(31)], 400).unwrap(), 31..32);
    // Who is erased later leaves the log as ever.
    assert_eq!(log.erase_from(1, &|bytes| bytes == line(12)).unwrap(), 1);
    assert!(!numbers(data.path()).unwrap().contains(&12));
    assert_eq!(check(data.path()).unwrap().events, 31);
}

#[test]
fn a_log_that_is_read_while_it_is_compacted_is_read_on() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    let (mut tail, mut read) = (crate::events::Tail::new(data.path(), 0), Vec::new());
    tail.read(8, |arrival| read.push(arrival.number)).unwrap();
    assert_eq!(read, (1..=9).collect::<Vec<_>>());
    compact(data.path());
    let mut on = |read: &mut Vec<u64>| tail.read(u64::MAX, |arrival| read.push(arrival.number));
    // Once an error, where a segment is another one now.
    if on(&mut read).is_err() {
        on(&mut read).unwrap();
    }
    assert_eq!(read[9..], left().into_iter().filter(|number| *number > 9).collect::<Vec<_>>());
}

#[test]
fn wherever_it_is_killed_or_the_power_is_cut_nothing_goes_of_what_stays() {
    let data = tempfile::tempdir().unwrap();
    filled(data.path());
    let recording = Recording::begin(data.path());
    compact(data.path());
    let recorded = recording.end();
    let check = |data: &Path, _: usize| check_left(data);
    assert_eq!(recorded.losses(Syncs::Done, (1, 97), check), Vec::<String>::new());
    assert!(!recorded.losses(Syncs::NotOfFiles, (1, usize::MAX), check).is_empty());
}

/// What stays is there, the log is whole, and doing it again goes on.
fn check_left(data: &Path) -> Result<(), String> {
    let found = numbers(data).map_err(|error| error.to_string())?;
    if let Some(lost) = left().into_iter().find(|number| !found.contains(number)) {
        return Err(format!("{lost} is lost"));
    }
    check(data).map_err(|error| error.to_string())?;
    compact(data);
    let again = numbers(data).map_err(|error| error.to_string())?;
    if again == left() { Ok(()) } else { Err(format!("{again:?} are left")) }
}

#[test]
fn a_compacted_log_is_mended_out_of_a_backup_of_before_and_what_was_old_stays_away() {
    let (data, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = filled(data.path());
    filled(backup.path());
    compact(data.path());
    assert_eq!(mend(data.path(), Some(backup.path())).unwrap(), Mended::default(), "gaps are no damage");
    let name = segment_names(&disk).unwrap().into_iter().next().unwrap();
    let path = folder(data.path()).join(name);
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|part| part == b"\"e5\"").unwrap();
    let mut damaged = bytes.clone();
    damaged[at + 1] ^= 1;
    fs::write(&path, damaged).unwrap();
    assert!(matches!(check(data.path()), Err(StoreError::Damaged { .. })));
    let mended = mend(data.path(), Some(backup.path())).unwrap();
    assert_eq!(mended, Mended { segments: 1, restored: 1, lost: 0 });
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(numbers(data.path()).unwrap(), left());
    // A segment that is gone as a whole comes as the backup has it; the next run takes what is old out again.
    fs::remove_file(&path).unwrap();
    assert_eq!(mend(data.path(), Some(backup.path())).unwrap().lost, 0);
    assert!(numbers(data.path()).unwrap().contains(&1));
    compact(data.path());
    assert_eq!(numbers(data.path()).unwrap(), left());
}

//! How far the log was acknowledged, as far as somebody had time to write it down.
//!
//! A broken frame at the very end of the log is half a commit that nobody was told of, or an acknowledged one whose bytes
//! rotted: the bytes do not tell which. So each start and each orderly stop writes down the number of the next event, once
//! all before it are durable, and so does a service that runs, from time to time and beside its commits: after a kill only what came
//! since then is taken for half a commit. Numbers are never given back, whatever is erased, mended or appended; so what was written down stays true,
//! and when it is old it says less and nothing wrong. A log that ends before that number lost what was acknowledged.

use std::io;

use super::disk::Disk;
use super::error::StoreError;

/// The file beside the segments.
pub(super) const NAME: &str = "acknowledged";

/// The number of an event before which all were acknowledged; 1 where nobody wrote one down.
///
/// # Errors
/// The disk refuses.
pub(super) fn end(disk: &impl Disk) -> Result<u64, StoreError> {
    match disk.read(NAME) {
        Ok(bytes) => Ok(number(&bytes).unwrap_or(1)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(1),
        Err(error) => Err(StoreError::disk("read", NAME, &error)),
    }
}

/// Checks that a log whose whole commits end in `segment` at `offset`, before event `next`, holds everything that was
/// acknowledged.
///
/// # Errors
/// Some of it is not there.
pub(super) fn check(acknowledged: u64, segment: &str, offset: usize, next: u64) -> Result<(), StoreError> {
    if next >= acknowledged {
        return Ok(());
    }
    let last = acknowledged - 1;
    let why = format!("events {next} to {last} were acknowledged and cannot be read there any more");
    Err(StoreError::damaged(segment, offset, &why))
}

/// Writes down that all events before `next` are durable, and says whether it did. Where the disk refuses, what is there stays
/// true.
pub(super) fn write(disk: &mut impl Disk, next: u64) -> bool {
    let written = disk.replace(NAME, format!("{next}\n{next}\n").as_bytes());
    if let Err(error) = &written {
        tracing::warn!(%error, "how far events were acknowledged could not be written down");
    }
    written.is_ok()
}

/// Twice the same, one a line: a damaged file says nothing.
fn number(bytes: &[u8]) -> Option<u64> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    let (first, second) = (lines.next()?, lines.next()?);
    first.parse().ok().filter(|_| first == second)
}

#[cfg(test)]
mod tests {
    use super::super::log::{EventLog, segment_name};
    use super::super::power_cut::PowerCutDisk;
    use super::*;
    use crate::stores::Log as _;

    fn open(disk: &PowerCutDisk) -> Result<EventLog<PowerCutDisk>, StoreError> {
        EventLog::open(disk.clone(), 1 << 20, |_| Ok(()))
    }

    /// A log of three commits, stopped in order.
    fn stopped() -> PowerCutDisk {
        let disk = PowerCutDisk::default();
        let mut log = open(&disk).unwrap();
        for _ in 0..3 {
            log.append(&[br#"{"event_id":"a"}"#], 5).unwrap();
        }
        disk
    }

    #[test]
    fn after_a_stop_a_last_commit_that_rotted_is_damage_and_without_the_file_it_is_taken_for_half_a_one() {
        let disk = stopped().after_power_cut(0, None);
        let name = segment_name(1);
        let whole = disk.read(&name).unwrap();
        let third = whole.len() / 3 * 2;
        // Another number of the format would be a newer one.
        for at in third + br#"{"format":1"#.len()..whole.len() {
            let mut rotted = whole.clone();
            rotted[at] ^= 1;
            let mut disk = disk.after_power_cut(0, None);
            for bytes in [rotted.as_slice(), &whole[..at]] {
                disk.replace(&name, bytes).unwrap();
                let error = open(&disk).unwrap_err();
                let words = error.to_string();
                assert!(
                    matches!(error, StoreError::Damaged { .. }) && words.contains("events 3 to 3"),
                    "{words}"
                );
                assert_eq!(disk.read(&name).unwrap(), bytes, "it is left as it is");
            }
            disk.remove(NAME).unwrap();
            assert_eq!(open(&disk).unwrap().end(), 3);
        }
        let mut none = disk.after_power_cut(0, None);
        none.remove(&name).unwrap();
        assert!(open(&none).unwrap_err().to_string().contains("events 1 to 3"));
    }

    #[test]
    fn after_a_kill_only_what_came_since_it_was_written_down_is_taken_for_half_a_commit() {
        let disk = PowerCutDisk::default();
        let mut log = open(&disk).unwrap();
        for commit in 1..=3 {
            log.append(&[br#"{"event_id":"a"}"#], 5).unwrap();
            if commit == 2 {
                log.write_down();
            }
        }
        // Killed: nothing is written down.
        std::mem::forget(log);
        let name = segment_name(1);
        let whole = disk.read(&name).unwrap();
        let cut = |at: usize| {
            let mut cut = disk.after_power_cut(0, None);
            cut.replace(&name, &whole[..at]).unwrap();
            cut
        };
        let third = whole.len() / 3;
        assert_eq!(open(&cut(third * 3 - 1)).unwrap().end(), 3);
        let lost = cut(third * 2 - 1);
        let words = open(&lost).unwrap_err().to_string();
        assert!(words.contains("events 2 to 2"), "{words}");
        assert_eq!(lost.read(&name).unwrap(), whole[..third * 2 - 1], "it is left as it is");
    }

    #[test]
    fn what_could_not_be_written_down_is_tried_again_also_where_nothing_came_since() {
        let mut disk = PowerCutDisk::default();
        let mut log = open(&disk).unwrap();
        log.append(&[br#"{"event_id":"a"}"#], 5).unwrap();
        disk.state().replace_fails = true;
        log.write_down();
        // What is there may not survive a power cut.
        disk.remove(NAME).unwrap();
        log.write_down();
        assert_eq!(end(&disk), Ok(2));
        // Killed. Nor does a start take it for written.
        std::mem::forget(log);
        disk.remove(NAME).unwrap();
        disk.state().replace_fails = true;
        let mut log = open(&disk).unwrap();
        disk.remove(NAME).unwrap();
        log.write_down();
        assert_eq!(end(&disk), Ok(2));
    }

    #[test]
    fn what_is_taken_out_after_it_was_written_down_refuses_no_start() {
        let disk = PowerCutDisk::default();
        let mut log = EventLog::open(disk.clone(), 1, |_| Ok(())).unwrap();
        for _ in 0..4 {
            log.append(&[br#"{"event_id":"a"}"#], 5).unwrap();
        }
        log.write_down();
        assert_eq!(log.eraser().compact(3, &|_, _| false).unwrap(), 2);
        assert_eq!(log.erase_from(1, &|_| true).unwrap(), 2);
        std::mem::forget(log);
        assert_eq!((end(&disk), open(&disk).unwrap().end()), (Ok(5), 5));
    }

    #[test]
    fn what_was_written_down_before_a_crash_refuses_no_honest_start() {
        let disk = stopped();
        let mut log = open(&disk).unwrap();
        log.append(&[b"{}"], 6).unwrap();
        disk.state().lies_about_sync = true;
        log.append(&[b"{}", b"{}"], 7).unwrap();
        // Killed: nothing is written down.
        std::mem::forget(log);
        for kept in 0..disk.unsynced() {
            let after = disk.after_power_cut(kept, None);
            assert_eq!(end(&after), Ok(4));
            assert_eq!(open(&after).unwrap().end(), 5, "kept {kept} bytes");
            assert_eq!(end(&after), Ok(5), "a start writes down what it found");
        }
    }

    #[test]
    fn a_damaged_file_says_nothing_and_neither_does_a_log_that_failed() {
        for bytes in [b"40\n44\n".as_slice(), b"4", b"\xff\xff", b""] {
            let mut disk = stopped();
            disk.replace(NAME, bytes).unwrap();
            assert_eq!(end(&disk), Ok(1));
            assert_eq!(open(&disk).unwrap().end(), 4);
        }
        let disk = stopped();
        let mut log = open(&disk).unwrap();
        log.append(&[b"{}"], 6).unwrap();
        disk.state().sync_fails = true;
        assert!(log.append(&[b"{}"], 7).is_err());
        log.write_down();
        drop(log);
        assert_eq!(end(&disk), Ok(4));
    }
}

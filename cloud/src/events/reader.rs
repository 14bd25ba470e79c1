//! Reading the log beside the process that writes it.

use std::collections::BTreeSet;
use std::path::Path;

use super::disk::{Disk, FolderDisk};
use super::error::StoreError;
use super::frame::Frame;
use super::log::{ENDING, STUB, scan, segment_names};
use crate::catalog::Event;
use crate::dead_letters;
use crate::erasure::Erased;

/// Shows every stored event after sequence number `after` to `each`, in the order of arrival.
///
/// `data` is the data folder. People who are to be forgotten are not shown, and neither is what became a dead letter. Needs no lock: a commit that is being written is not seen yet. Returns the last
/// sequence number seen, to go on from. An event may be seen a moment before its sync; after a power cut in that
/// moment its number is given to another, so keep a returned number only together with what was read up to it.
///
/// # Errors
/// The folder cannot be read or a segment is damaged.
pub fn read_since(data: &Path, after: u64, mut each: impl FnMut(u64, Event)) -> Result<u64, StoreError> {
    let erased = Erased::read(data).map_err(|error| StoreError::Tombstones(format!("{error:#}")))?;
    let over = dead_letters::passed_over(data).map_err(|error| StoreError::Disk {
        action: "read",
        name: "the dead letters".to_owned(),
        reason: format!("{error:#}"),
    })?;
    read(&FolderDisk::new(super::folder(data)), after, &over, |sequence, event: Event| {
        if !erased.contains(&event.user) {
            each(sequence, event);
        }
    })
}

pub(crate) fn read(
    disk: &impl Disk,
    after: u64,
    over: &BTreeSet<u64>,
    mut each: impl FnMut(u64, Event),
) -> Result<u64, StoreError> {
    let names = segment_names(disk)?;
    let mut seen = after;
    for (index, name) in names.iter().enumerate() {
        let next_starts = names.get(index + 1).and_then(|next| first_of(next));
        if next_starts.is_some_and(|next| next <= after.saturating_add(1)) {
            continue;
        }
        let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
        scan(name, &bytes, index + 1 == names.len(), |frame| {
            show(frame, |sequence| sequence > after && !over.contains(&sequence), &mut each)?;
            seen = seen.max(frame.first + frame.events - 1);
            Ok(())
        })?;
    }
    Ok(seen)
}

fn show(
    frame: &Frame<'_>,
    is_wanted: impl Fn(u64) -> bool,
    each: &mut impl FnMut(u64, Event),
) -> Result<(), StoreError> {
    for (sequence, line) in (frame.first..).zip(frame.lines()) {
        if is_wanted(sequence) && line != STUB {
            let event = serde_json::from_slice(line);
            each(sequence, event.map_err(|error| StoreError::unreadable(sequence, &error, line))?);
        }
    }
    Ok(())
}

/// The sequence number a segment begins with, by its name.
pub(super) fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(ENDING)?.parse().ok()
}

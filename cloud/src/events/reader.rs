//! Reading the log beside the process that writes it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use super::disk::{Disk, FolderDisk};
use super::error::StoreError;
use super::log::{ENDING, scan, segment_names};
use super::tail::{Arrival, show};
use super::{Conduct, Filter, LeftOut};
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
    read_arrivals(data, after, |arrival| each(arrival.number, arrival.event))
}

/// The sequence number of the last stored event, by the last segment alone; 0 where there is none.
///
/// # Errors
/// As [`read_since`].
pub fn last(data: &Path) -> Result<u64, StoreError> {
    let disk = FolderDisk::new(super::folder(data));
    let names = segment_names(&disk)?;
    let Some(name) = names.last() else { return Ok(0) };
    // Nothing may be in it yet: its name says what came before.
    let mut last = first_of(name).map_or(0, |first| first.saturating_sub(1));
    let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
    scan(name, &bytes, true, |frame| {
        last = last.max(frame.first + frame.events - 1);
        Ok(())
    })?;
    Ok(last)
}

/// As [`read_since`], up to event number `last` and but for what breaks a rule of `filter` ([`Conduct`]); how many those
/// were.
///
/// # Errors
/// As [`read_since`].
pub fn read_likely(
    data: &Path,
    last: u64,
    filter: Filter,
    mut each: impl FnMut(Event),
) -> Result<LeftOut, StoreError> {
    let (mut conduct, mut left_out) = (Conduct::new(filter), LeftOut::default());
    read_arrivals(data, 0, |arrival| {
        if arrival.number <= last {
            match conduct.judge(&arrival) {
                Some(rule) => left_out.add(rule),
                None => each(arrival.event),
            }
        }
    })?;
    Ok(left_out)
}

/// As [`read_since`] from the first event on, until `each` has enough.
///
/// # Errors
/// As [`read_since`].
pub fn read_until(
    data: &Path,
    mut each: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StoreError> {
    let mut flow = ControlFlow::Continue(());
    let while_wanted = |arrival: Arrival| {
        flow = each(arrival.event);
        flow
    };
    read_some(data, 0, while_wanted)?;
    Ok(flow)
}

fn read_arrivals(data: &Path, after: u64, mut each: impl FnMut(Arrival)) -> Result<u64, StoreError> {
    read_some(data, after, |arrival| {
        each(arrival);
        ControlFlow::Continue(())
    })
}

fn read_some(
    data: &Path,
    after: u64,
    mut each: impl FnMut(Arrival) -> ControlFlow<()>,
) -> Result<u64, StoreError> {
    let erased = Erased::read(data).map_err(|error| StoreError::Tombstones(format!("{error:#}")))?;
    let over = dead_letters::passed_over(data).map_err(|error| StoreError::Disk {
        action: "read",
        name: "the dead letters".to_owned(),
        reason: format!("{error:#}"),
    })?;
    read(&FolderDisk::new(super::folder(data)), after, &over, |arrival| {
        match erased.contains(&arrival.event.user) {
            true => ControlFlow::Continue(()),
            false => each(arrival),
        }
    })
}

pub(crate) fn read(
    disk: &impl Disk,
    after: u64,
    over: &BTreeSet<u64>,
    mut each: impl FnMut(Arrival) -> ControlFlow<()>,
) -> Result<u64, StoreError> {
    let names = segment_names(disk)?;
    let (mut seen, flow) = (after, Cell::new(ControlFlow::Continue(())));
    for (index, name) in names.iter().enumerate() {
        let next_starts = names.get(index + 1).and_then(|next| first_of(next));
        if next_starts.is_some_and(|next| next <= after.saturating_add(1)) {
            continue;
        }
        if flow.get().is_break() {
            break;
        }
        let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
        scan(name, &bytes, index + 1 == names.len(), |frame| {
            let is_wanted =
                |sequence| flow.get().is_continue() && sequence > after && !over.contains(&sequence);
            show(frame, is_wanted, &mut |arrival| {
                if flow.get().is_continue() {
                    flow.set(each(arrival));
                }
            })?;
            seen = seen.max(frame.first + frame.events - 1);
            Ok(())
        })?;
    }
    Ok(seen)
}

/// The sequence number a segment begins with, by its name.
pub(super) fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(ENDING)?.parse().ok()
}

//! Reading the log beside the process that writes it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use super::error::StoreError;
use super::tail::{Arrival, arrivals, reader_of};
use super::{Conduct, Filter, LeftOut};
use crate::catalog::Event;
use crate::dead_letters;
use crate::erasure::Erased;
use crate::stores::LogReader;

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
    Ok(reader_of(data, 0).end()? - 1)
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
    read(&mut *reader_of(data, after), &over, |arrival| match erased.contains(&arrival.event.user) {
        true => ControlFlow::Continue(()),
        false => each(arrival),
    })
}

/// Shows every event of a log that is not passed over, until `each` has enough; the number of the last event that was read.
pub(super) fn read(
    log: &mut dyn LogReader,
    over: &BTreeSet<u64>,
    mut each: impl FnMut(Arrival) -> ControlFlow<()>,
) -> Result<u64, StoreError> {
    let _enough = log.read(u64::MAX, &mut |batch| {
        let mut arrivals = arrivals(batch, over)?.into_iter();
        Ok(arrivals.try_for_each(&mut each))
    })?;
    Ok(log.seen())
}

//! Looking through the whole log without opening it.

use std::path::Path;

use super::acknowledged;
use super::disk::{Disk as _, FolderDisk};
use super::error::StoreError;
use super::ledger::id_of;
use super::log::{begin, scan, segment_name, segment_names, take};

/// What a look through the log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checked {
    /// Events in whole commits, those among them of which only the numbers are left.
    pub events: u64,
    /// When the last of them came in, in milliseconds since 1970; 0 without any.
    pub newest_ms: i64,
    /// Bytes at the end that are half a commit; a service that is writing may be in the middle of one.
    pub torn_bytes: usize,
}

/// Reads every commit of the log of data folder `data` and checks it, that each follows the one before and that every event has
/// an id: whatever a start of the service checks.
///
/// # Errors
/// The folder cannot be read, a commit is damaged or events are missing between two.
pub fn check(data: &Path) -> Result<Checked, StoreError> {
    let disk = FolderDisk::new(super::folder(data));
    let (mut found, mut next) = (Checked::default(), 1);
    // Read first: the service may append meanwhile.
    let acknowledged = acknowledged::end(&disk)?;
    let names = segment_names(&disk)?;
    if names.is_empty() {
        acknowledged::check(acknowledged, &segment_name(next), 0, next)?;
    }
    for (index, name) in names.iter().enumerate() {
        begin(name, next)?;
        let bytes = disk.read(name).map_err(|error| StoreError::disk("read", name, &error))?;
        let end = scan(name, &bytes, index + 1 == names.len(), |frame| {
            take(frame, name, &mut next)?;
            let known = frame.lines().try_for_each(|line| id_of(line).map(drop));
            known.map_err(|why| StoreError::damaged(name, frame.end, &why))?;
            found.events += frame.events;
            found.newest_ms = frame.received_ms;
            Ok(())
        })?;
        if index + 1 == names.len() {
            acknowledged::check(acknowledged, name, end, next)?;
        }
        found.torn_bytes = bytes.len() - end;
    }
    Ok(found)
}

/// The log as somebody copies it who does not stop its writer.
pub(crate) struct Segments {
    /// Names of those that are full.
    pub(crate) full: Vec<String>,
    /// Name and whole commits of the last; none where nothing was received.
    pub(crate) last: Option<(String, Vec<u8>)>,
}

/// The log's segments as they are now. One that is replaced meanwhile, by an erasure, holds the same commits.
///
/// # Errors
/// The folder cannot be read or a commit of the last segment is damaged.
pub(crate) fn segments(data: &Path) -> Result<Segments, StoreError> {
    let disk = FolderDisk::new(super::folder(data));
    let mut full = segment_names(&disk)?;
    let Some(last) = full.pop() else { return Ok(Segments { full, last: None }) };
    let mut bytes = disk.read(&last).map_err(|error| StoreError::disk("read", &last, &error))?;
    let end = scan(&last, &bytes, true, |_| Ok(()))?;
    bytes.truncate(end);
    Ok(Segments { full, last: Some((last, bytes)) })
}

//! The data folder itself: is it there, may it be written, is there room.

use std::path::{Path, PathBuf};

use super::{Code, Examined, Finding};
use crate::catalog::Dataset;
use crate::monitor::free_bytes;

/// Less than this, and the next refresh or an hour of events may not fit.
const FEW_BYTES: u64 = 1 << 30;
/// Less than this, and nothing fits.
const NO_BYTES: u64 = 16 << 20;

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let data = &examined.data;
    if !data.is_dir() {
        return vec![Finding::new(Code::DataMissing, format!("{} is no folder", data.display()))];
    }
    let mut findings = permissions(data);
    if findings.is_empty()
        && let Err(error) = Dataset::read(data)
    {
        findings.push(Finding::new(Code::DataMissing, format!("{error:#}")));
    }
    findings.extend(free_bytes(data).ok().and_then(|free| room(data, free)));
    findings
}

fn room(data: &Path, free: u64) -> Option<Finding> {
    let code = match free {
        0..NO_BYTES => Code::DiskFull,
        NO_BYTES..FEW_BYTES => Code::DiskNearlyFull,
        _ => return None,
    };
    Some(Finding::new(code, format!("{} MiB are free where {} lies", free >> 20, data.display())))
}

/// The folders that are written to, and the tables that are read.
fn permissions(data: &Path) -> Vec<Finding> {
    let written = ["", "served", "served/generations", "received", "refresh"].map(|name| data.join(name));
    let tables = ["dataset.json", "items.jsonl", "users.jsonl", "events.jsonl"].map(|name| data.join(name));
    let refused = |path: &PathBuf, what: &str| {
        Finding::new(Code::PermissionDenied, format!("{} cannot be {what} by this user", path.display()))
    };
    let folders = written.iter().filter(|path| path.is_dir() && !may(path, rustix::fs::Access::WRITE_OK));
    let files = tables.iter().filter(|path| path.exists() && !may(path, rustix::fs::Access::READ_OK));
    folders.map(|path| refused(path, "written")).chain(files.map(|path| refused(path, "read"))).collect()
}

/// Whether this process may; asked of the system, as trying would change the folder.
fn may(path: &Path, what: rustix::fs::Access) -> bool {
    rustix::fs::access(path, what).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_told_from_none() {
        let code = |free| room(Path::new("D"), free).map(|finding| finding.code);
        assert_eq!(code(0), Some(Code::DiskFull));
        assert_eq!(code(100 << 20), Some(Code::DiskNearlyFull));
        assert_eq!(code(2 << 30), None);
    }
}

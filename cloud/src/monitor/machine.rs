//! What the machine has left for the service.

use std::path::Path;

/// Bytes that may still be written to the file system of `path`.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Sets the gauges of disk and memory.
pub(crate) fn set_gauges(data: &Path) {
    if let Ok(free) = free_bytes(data) {
        metrics::gauge!("segue_disk_free_bytes").set(free as f64);
    }
    if let Some(resident) = resident_bytes() {
        metrics::gauge!("segue_resident_bytes").set(resident as f64);
    }
}

/// Memory of this process, where the system has `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_room_and_memory() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/does/not/exist")).is_err());
        if Path::new("/proc/self/status").exists() {
            assert!(resident_bytes().unwrap() > 1 << 20);
        }
    }
}

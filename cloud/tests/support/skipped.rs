//! Tests that cannot run here: counted as skipped by `cargo xtask test` instead of as passed.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Notes that the calling test, or a part of it, cannot run here, why, and what lets it run.
pub(crate) fn note(reason: &str, command: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped: {test}: {reason}; {command}");
    // A passed test's output is shown to nobody, so `cargo xtask test` names a file.
    let Some(file) = std::env::var_os("SEGUE_TEST_SKIPS") else { return };
    let line = format!("{test}\t{reason}\t{command}\n");
    let noted = OpenOptions::new().create(true).append(true).open(file);
    noted.and_then(|mut file| file.write_all(line.as_bytes())).unwrap();
}

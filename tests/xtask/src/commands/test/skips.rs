//! Tests that found out by themselves that they cannot run here: `cloud/tests/support/skipped.rs` notes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::paths::Paths;

/// Names the file that they are noted in.
pub(super) const VARIABLE: &str = "SEGUE_TEST_SKIPS";

/// One of them, or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Skip {
    /// The test's name.
    pub(super) test: String,
    /// Why it cannot run.
    pub(super) reason: String,
    /// What lets it run.
    pub(super) command: String,
}

/// Forgets those of the last run; returns the file.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn begin(paths: &Paths) -> anyhow::Result<PathBuf> {
    let file = file(paths);
    fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Those of the last run, by name.
pub(super) fn read(paths: &Paths) -> Vec<Skip> {
    lines(&fs::read_to_string(file(paths)).unwrap_or_default())
}

/// How many tests they are.
pub(super) fn tests(skips: &[Skip]) -> u64 {
    skips.iter().map(|skip| &skip.test).collect::<BTreeSet<_>>().len() as u64
}

fn file(paths: &Paths) -> PathBuf {
    paths.cache.join("skipped-tests")
}

fn lines(text: &str) -> Vec<Skip> {
    let skip = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        Some(Skip { test: parts.next()?, reason: parts.next()?, command: parts.next()? })
    };
    let mut skips: Vec<Skip> = text.lines().filter_map(skip).collect();
    skips.sort_by(|one, other| one.test.cmp(&other.test));
    skips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_note_is_read_and_each_test_counts_once() {
        let skips = lines("b\tno tool\tinstall it\na\tone part\tx\nhalf a line\na\tanother part\ty\n");
        let first = Skip { test: "a".into(), reason: "one part".into(), command: "x".into() };
        assert_eq!((skips.len(), &skips[0], tests(&skips)), (3, &first, 2));
    }
}

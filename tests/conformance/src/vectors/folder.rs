//! The vectors as files.

use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::{Case, Expected};

/// Where they lie.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors");

/// Names of the committed cases; none where the folder cannot be listed.
#[must_use]
pub fn names() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("case.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The committed case called `name`.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn load(name: &str) -> (Case, Expected) {
    (read(&format!("{name}/case.json")), read(&format!("{name}/expected.json")))
}

/// The bytes of a committed shared file.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read_shared(name: &str) -> Vec<u8> {
    let file = PathBuf::from(FOLDER).join("shared").join(name);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let file = PathBuf::from(FOLDER).join(name);
    let text = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

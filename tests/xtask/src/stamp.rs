//! Hashes of files, to check downloads and to skip what has not changed.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::paths::Paths;
use crate::shell;

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn file_hash(file: &Path) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    add_file(&mut hasher, file)?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// One hash over names and contents of all files below the given places of the checkout.
///
/// What git ignores is left out, so outputs beside the sources do not count.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn sources_hash(paths: &Paths, places: &[&str]) -> anyhow::Result<String> {
    let mut hasher = Sha256::new();
    for name in source_files(paths, places)? {
        let file = paths.root.join(&name);
        if file.is_file() {
            hasher.update(name.as_bytes());
            hasher.update([0]);
            add_file(&mut hasher, &file)?;
        }
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// SHA-256 of a text, in hexadecimal.
pub(crate) fn text_hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// Whether `file` holds `stamp`.
pub(crate) fn is_current(file: &Path, stamp: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.trim() == stamp)
}

/// Records that what `file` stands for was made from `stamp`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(file: &Path, stamp: &str) -> anyhow::Result<()> {
    fs::write(file, stamp).with_context(|| format!("cannot write {}", file.display()))
}

fn source_files(paths: &Paths, places: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command =
        shell::program(paths, "git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
    if let Some(listed) = shell::answer(command.args(places)) {
        let mut names: Vec<String> =
            listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        return Ok(names);
    }
    let mut names = Vec::new();
    for place in places {
        walk(&paths.root, &paths.root.join(place), &mut names)?;
    }
    names.sort();
    Ok(names)
}

/// For a checkout without git: everything but build outputs.
fn walk(root: &Path, place: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    if place.is_file() {
        let name = place.strip_prefix(root).unwrap_or(place);
        names.push(name.to_string_lossy().into_owned());
        return Ok(());
    }
    if !place.is_dir() {
        return Ok(());
    }
    let mut children: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(place).with_context(|| format!("cannot list {}", place.display()))? {
        children.push(entry?.path());
    }
    for child in children {
        let output = child.file_name().is_some_and(|name| {
            name == "node_modules" || name == "dist" || name == "target" || name == ".git"
        });
        if !output {
            walk(root, &child, names)?;
        }
    }
    Ok(())
}

fn add_file(hasher: &mut Sha256, file: &Path) -> anyhow::Result<()> {
    let mut reader = fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer).with_context(|| format!("cannot read {}", file.display()))?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_published_hash() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text_hash("abc"), expected);
    }
}

//! The sides of the library that are not Rust: made by a program, committed, and checked.
//!
//! The generator takes a minute to compile, so that `cargo xtask test` compares a hash of what it reads with the one that
//! was kept when it last ran; `cargo xtask test --all` runs it again and compares every byte.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::library;
use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;

/// The crate's folder.
pub(crate) const FOLDER: &str = "mobile-ffi";

/// What is generated, below the crate's folder.
const GENERATED: [&str; 5] = [
    "include/segue.h",
    "kotlin/segue/src/generated/kotlin/dev/segue/bindings/segue.kt",
    "swift/Sources/SegueBindings/SegueBindings.swift",
    "swift/Sources/SegueBindingsFFI/SegueBindingsFFI.h",
    "swift/Sources/SegueBindingsFFI/module.modulemap",
];

/// What decides about it.
const SOURCES: [&str; 4] =
    ["mobile-ffi/src", "mobile-ffi/uniffi.toml", "mobile-ffi/cbindgen.toml", "mobile-ffi/bindgen"];

/// Holds the hash of the sources that the committed files are made from.
const STAMP: &str = "mobile-ffi/bindings.sha256";

/// What writes the files.
const REMEDY: &str = "run `cargo xtask mobile host` and commit what it changes";

/// Writes all of them anew.
///
/// # Errors
/// When the generator fails.
pub(crate) fn write(paths: &Paths, step: &Step, library: &Path) -> anyhow::Result<()> {
    let made = generate(paths, step, library)?;
    for name in GENERATED {
        library::copy(&made.join(name), &paths.file(FOLDER).join(name))?;
    }
    stamp::write(&paths.file(STAMP), &format!("{}\n", stamp::sources_hash(paths, &SOURCES)?))
}

/// Whether they are of the present sources, as far as hashes tell.
///
/// # Errors
/// When they are not.
pub(crate) fn check_stamp(paths: &Paths) -> anyhow::Result<()> {
    if stamp::is_current(&paths.file(STAMP), &stamp::sources_hash(paths, &SOURCES)?) {
        return Ok(());
    }
    bail!("header and bindings of the mobile library are of other sources: {REMEDY}")
}

/// Whether the generator writes the same today.
///
/// # Errors
/// Names the files that differ.
pub(crate) fn check(paths: &Paths, step: &Step, library: &Path) -> anyhow::Result<()> {
    let made = generate(paths, step, library)?;
    let is_other = |name: &&str| {
        std::fs::read(made.join(name)).ok() != std::fs::read(paths.file(FOLDER).join(name)).ok()
    };
    let others: Vec<&str> = GENERATED.into_iter().filter(is_other).collect();
    if others.is_empty() {
        return Ok(());
    }
    bail!("{} of {FOLDER}: {REMEDY}", others.join(", "))
}

/// Runs the generator into a folder that mirrors the crate's; returns that folder.
fn generate(paths: &Paths, step: &Step, library: &Path) -> anyhow::Result<std::path::PathBuf> {
    let manifest = paths.file(FOLDER).join("bindgen/Cargo.toml");
    let mut build = shell::cargo(paths, ["build", "--locked", "--manifest-path"]);
    shell::run(step, build.arg(&manifest))?;
    let made = paths.cache.join("mobile/bindings");
    let _ = std::fs::remove_dir_all(&made);
    let kotlin = made.join("kotlin/segue/src/generated/kotlin");
    let swift = made.join("swift/Sources");
    std::fs::create_dir_all(made.join("include")).context("cannot make the folder for the header")?;
    for (side, folder) in [("kotlin", &kotlin), ("swift", &swift)] {
        let config = paths.file(FOLDER).join("uniffi.toml");
        let mut command =
            shell::program(paths, paths.executable("debug", "segue-mobile-bindgen"), [side, "--config"]);
        shell::run(step, command.arg(config).arg(library).arg(folder))?;
    }
    let mut header = shell::program(paths, paths.executable("debug", "segue-mobile-bindgen"), ["header"]);
    shell::run(step, header.arg(paths.file(FOLDER)).arg(made.join("include/segue.h")))?;
    // A C target of its own, as Swift's package manager wants it.
    let module = swift.join("SegueBindingsFFI");
    library::copy(&swift.join("SegueBindingsFFI.h"), &module.join("SegueBindingsFFI.h"))?;
    library::copy(&swift.join("SegueBindingsFFI.modulemap"), &module.join("module.modulemap"))?;
    library::copy(&swift.join("SegueBindings.swift"), &swift.join("SegueBindings/SegueBindings.swift"))?;
    Ok(made)
}

//! The library for phones, as far as it goes without their makers' tools.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::commands::mobile::{ios, library};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::rust_target;

/// Every phone that there is a package for.
const TARGETS: [&str; 6] = [
    "aarch64-linux-android",
    "armv7-linux-androideabi",
    "x86_64-linux-android",
    "aarch64-apple-ios",
    "aarch64-apple-ios-sim",
    "aarch64-apple-darwin",
];

/// The one whose library can be built whole: a static library is not linked.
const BUILT: &str = "aarch64-apple-ios";

/// Checks the library for each of them, and builds the static library for iOS.
pub(super) fn run(paths: &Paths, steps: &Steps) {
    for target in TARGETS {
        let name = format!("mobile: library for {target}");
        match rust_target::install(paths, target) {
            true => drop(steps.run(&name, |step| check(paths, step, target))),
            false => steps.skip(
                &name,
                "its standard library cannot be had",
                &format!("rustup target add {target}"),
            ),
        }
    }
    if rust_target::install(paths, BUILT) {
        steps.run(&format!("mobile: static library for {BUILT}"), |step| {
            is_whole(&ios::static_library(paths, step, BUILT)?)
        });
    }
}

fn check(paths: &Paths, step: &Step, target: &str) -> anyhow::Result<()> {
    let mut command = shell::cargo(paths, ["check", "--locked", "--package", library::PACKAGE, "--lib"]);
    shell::run(step, command.args(["--target", target])).map(drop)
}

/// It has C's and the other languages' functions, and every object inside is one of Apple's.
fn is_whole(archive: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    for name in ["_segue_engine_rank", "_uniffi_segue_mobile_fn_method_engine_rank"] {
        ensure!(has(name.as_bytes()), "{} lacks {name}", archive.display());
    }
    ensure!(!has(b"\x7fELF"), "{} holds objects of other systems", archive.display());
    Ok(())
}

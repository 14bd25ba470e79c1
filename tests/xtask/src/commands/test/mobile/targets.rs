//! The library for phones, as far as it goes without their makers' tools.

use crate::commands::mobile::{ios, library};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::rust_target;

/// Checked without the scorer for rankers, whose kernels want an assembler for the phone.
const CHECKED: [&str; 5] = [
    "aarch64-linux-android",
    "armv7-linux-androideabi",
    "x86_64-linux-android",
    "aarch64-apple-ios",
    "aarch64-apple-ios-sim",
];

/// Checks each target, and builds the static library for iOS. A target that cannot be installed counts as skipped.
pub(super) fn run(paths: &Paths, steps: &Steps) {
    for target in CHECKED {
        steps.run_counted(&format!("mobile: library for {target}"), |step| check(paths, step, target));
    }
    steps.run("mobile: static library for aarch64-apple-ios", |step| {
        rust_target::ensure(paths, step, "aarch64-apple-ios")?;
        ios::static_library(paths, step, "aarch64-apple-ios", &["--no-default-features"])
    });
}

fn check(paths: &Paths, step: &Step, target: &str) -> anyhow::Result<((), Counts)> {
    if let Err(error) = rust_target::ensure(paths, step, target) {
        step.message(&format!("{error:#}"));
        return Ok(((), Counts { skipped: 1, ..Counts::default() }));
    }
    let mut command = shell::cargo(paths, ["check", "--locked", "--package", library::PACKAGE]);
    shell::run(step, command.args(["--no-default-features", "--target", target]))?;
    Ok(((), Counts::ONE))
}

//! Machines other than this one: browsers and phones by type check, phones' processors by emulator.

use std::process::Command;

use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::{qemu, rust_target};

use super::{rust, summary};

/// Browsers and phones: nothing is linked, which for phones would need their makers' tools.
const TARGETS: [&str; 3] = [rust_target::WASM, "aarch64-linux-android", "aarch64-apple-ios"];

/// Each feature of the core alone, without the scorer for rankers: its kernels want an assembler for the phone, and the
/// browser's module is built with it.
const FEATURES: [&[&str]; 4] =
    [&[], &["--features", "encode"], &["--features", "schema"], &["--features", "test-support"]];

/// ARM under an emulator; linked statically, so that no system for it has to be there.
const ARM: &str = "aarch64-unknown-linux-musl";

/// Processors whose instructions differ: without dot products, with them, and all that the emulator knows.
const PROCESSORS: [&str; 3] = ["cortex-a53", "cortex-a76", "max"];

/// Checks the core for browsers and phones; with `all` runs its tests and the vectors on ARM.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool) {
    for target in TARGETS {
        steps.run_counted(&format!("core for {target}"), |step| check(paths, step, target));
    }
    if !all {
        steps.skip("tests on ARM", "the emulator is slow", "cargo xtask test --all");
        return;
    }
    match steps.run("emulator", |step| qemu::ensure(paths, step)) {
        Some(true) => arm(paths, steps),
        Some(false) => steps.skip("tests on ARM", "there is no emulator and this is not root", qemu::INSTALL),
        None => {}
    }
}

/// A target that cannot be installed here counts as skipped.
fn check(paths: &Paths, step: &Step, target: &str) -> anyhow::Result<((), Counts)> {
    let mut counts = Counts::default();
    if let Err(error) = rust_target::ensure(paths, step, target) {
        step.message(&format!("{error:#}"));
        return Ok(((), Counts { skipped: 1, ..counts }));
    }
    for features in FEATURES {
        let mut command = shell::cargo(paths, ["check", "--locked", "--package", "segue-core"]);
        shell::run(step, command.args(["--no-default-features", "--target", target]).args(features))?;
        counts.add(Counts::ONE);
    }
    Ok(((), counts))
}

fn arm(paths: &Paths, steps: &Steps) {
    for processor in PROCESSORS {
        steps.run_counted(&format!("tests on ARM ({processor})"), |step| {
            rust_target::ensure(paths, step, ARM)?;
            let mut command = core_tests(shell::cargo(paths, ["test", "--locked", "--target", ARM]));
            command
                .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
                .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER", qemu::AARCH64)
                .env("QEMU_CPU", processor);
            rust::counted(step, &mut command, summary::of_cargo)
        });
    }
}

/// The tests of the core and those that every host shares, without the scorer for rankers.
fn core_tests(mut command: Command) -> Command {
    command.args(["--package", "segue-core", "--package", "segue-conformance", "--no-default-features"]);
    command.args(["--features", "segue-core/encode", "--lib", "--tests"]);
    command
}

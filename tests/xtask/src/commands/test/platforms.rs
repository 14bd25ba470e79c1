//! Machines other than this one: browsers and phones by type check, phones' processors by emulator.

use std::process::Command;

use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::{qemu, rust_target};

use super::{rust, summary};

/// Browsers and phones: nothing is linked, which for phones would need their makers' tools.
const PHONES: [&str; 2] = ["aarch64-linux-android", "aarch64-apple-ios"];

/// Each feature of the core alone.
const FEATURES: [&str; 5] = ["", "ranker", "encode", "schema", "test-support"];

/// ARM under an emulator; linked statically, so that no system for it has to be there.
const ARM: &str = "aarch64-unknown-linux-musl";

/// Processors whose instructions differ: without dot products, with them, and all that the emulator knows.
const PROCESSORS: [&str; 3] = ["cortex-a53", "cortex-a76", "max"];

/// Checks the core for browsers and phones; with `all` runs its tests and the vectors on ARM.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool) {
    check(paths, steps, rust_target::WASM);
    PHONES.iter().for_each(|target| check(paths, steps, target));
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

fn check(paths: &Paths, steps: &Steps, target: &str) {
    let name = format!("core for {target}");
    if !rust_target::can_be_had(paths, target) {
        return steps.skip(
            &name,
            "the compiler lacks the target, and there is no rustup",
            &format!("rustup target add {target}"),
        );
    }
    steps.run_counted(&name, |step| {
        rust_target::ensure(paths, step, target)?;
        let mut counts = Counts::default();
        for feature in FEATURES {
            check_feature(paths, step, target, feature)?;
            counts.add(Counts::ONE);
        }
        Ok(((), counts))
    });
}

fn check_feature(paths: &Paths, step: &Step, target: &str, feature: &str) -> anyhow::Result<()> {
    let mut command = shell::cargo(paths, ["check", "--locked", "--package", "segue-core"]);
    command.args(["--no-default-features", "--target", target, "--features", feature]);
    shell::run(step, &mut command).map(drop)
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

/// The tests of the core and those that every host shares, rankers and their kernels included.
fn core_tests(mut command: Command) -> Command {
    command.args(["--package", "segue-core", "--package", "segue-conformance"]);
    command.args(["--features", "segue-core/encode", "--lib", "--tests"]);
    command
}

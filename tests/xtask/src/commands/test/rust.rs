//! Checks of the Rust side.

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use super::{skips, summary};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::onnxruntime;
use crate::whole_path::Segue;

/// Feature sets that users may choose and that the workspace build never tries alone.
///
/// `segue-core` with `ranker` alone is what the WebAssembly build compiles.
const FEATURES_ALONE: [(&str, &[&str]); 7] = [
    ("segue-core", &["--no-default-features"]),
    ("segue-core", &["--no-default-features", "--features", "encode"]),
    ("segue-core", &["--no-default-features", "--features", "schema"]),
    ("segue-core", &["--no-default-features", "--features", "test-support"]),
    ("segue-core", &["--no-default-features", "--features", "ranker"]),
    ("segue-cloud", &["--no-default-features"]),
    ("segue-cloud", &["--no-default-features", "--features", "test-support"]),
];

/// Where the public data sets lie, if they do.
const PUBLIC_DATA: &str = "../shared/data";

/// Whether every file looks as rustfmt writes it.
///
/// # Errors
/// When one does not.
pub(super) fn formatting(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    shell::run(step, &mut shell::cargo(paths, ["fmt", "--all", "--check"]))?;
    Ok(())
}

/// All of it; returns the command for the whole paths when it was built.
pub(super) fn all(paths: &Paths, steps: &Steps, library: Option<PathBuf>) -> Option<Segue> {
    steps.run("lints", |step| lints(paths, step));
    steps.run_counted("each feature alone", |step| features_alone(paths, step));
    steps.run_counted("Rust tests", |step| tests(paths, step, library.as_ref()));
    skips::read(paths).iter().for_each(|skip| steps.skip(&skip.test, &skip.reason, &skip.command));
    steps.run("documentation", |step| documentation(paths, step));
    command(paths, steps, library)
}

/// The command for the whole paths, when it can be built.
pub(super) fn command(paths: &Paths, steps: &Steps, library: Option<PathBuf>) -> Option<Segue> {
    let executable = steps.run("server: compile", |step| build(paths, step))?;
    Some(Segue { executable, library: library? })
}

fn lints(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    Ok(())
}

fn features_alone(paths: &Paths, step: &Step) -> anyhow::Result<((), Counts)> {
    let mut counts = Counts::default();
    for (package, features) in FEATURES_ALONE {
        let mut command = shell::cargo(paths, ["check", "--locked", "--package", package]);
        shell::run(step, command.args(features))?;
        counts.add(Counts::ONE);
    }
    Ok(((), counts))
}

fn tests(paths: &Paths, step: &Step, library: Option<&PathBuf>) -> anyhow::Result<((), Counts)> {
    let mut command = shell::cargo(paths, ["test", "--locked", "--workspace", "--no-fail-fast"]);
    if let Some(library) = library {
        command.env(onnxruntime::VARIABLE, library);
    }
    // Tests on public data are ignored where there is none.
    if paths.file(PUBLIC_DATA).is_dir() {
        command.args(["--", "--include-ignored"]);
    }
    command.env(skips::VARIABLE, skips::begin(paths)?);
    let ((), mut counts) = counted(step, &mut command, summary::of_cargo)?;
    // To cargo they are passed; each is a row of its own.
    counts.passed = counts.passed.saturating_sub(skips::tests(&skips::read(paths)));
    Ok(((), counts))
}

/// Runs a test runner and reads its counts; a runner that fails without a count is an error.
///
/// # Errors
/// When the runner cannot start, or fails before it runs a test.
pub(crate) fn counted(
    step: &Step,
    command: &mut Command,
    read: fn(&str) -> Counts,
) -> anyhow::Result<((), Counts)> {
    let (status, output) = shell::run_any(step, command)?;
    let counts = read(&output);
    if !status.success() && counts.failed == 0 {
        bail!("`{}` ended with {status}", shell::line(command));
    }
    if status.success() && counts == Counts::default() {
        bail!("`{}` ran no test", shell::line(command));
    }
    Ok(((), counts))
}

fn documentation(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    let mut command = shell::cargo(paths, ["doc", "--locked", "--workspace", "--no-deps"]);
    shell::run(step, command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(())
}

/// With the features the tests were built with, so that nothing is compiled a second time.
fn build(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    shell::run(step, &mut shell::cargo(paths, ["build", "--locked", "--workspace", "--all-targets"]))?;
    Ok(paths.executable("debug", "segue"))
}

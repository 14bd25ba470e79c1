//! The training's own tests, and training the models again.

use super::{rust, summary};
use crate::paths::Paths;
use crate::shell;
use crate::steps::Steps;
use crate::tools::python;

/// The training's sources and its pinned packages.
pub(super) const FOLDER: &str = "cloud/training";

/// Runs them, or counts them as skipped.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool) {
    let folder = paths.file(FOLDER);
    if !all {
        let reason = "installing PyTorch and training take long";
        steps.skip("training tests", reason, "cargo xtask test --all");
        return;
    }
    let requirements = folder.join("requirements.lock");
    let python =
        steps.run("training: Python packages", |step| python::with_requirements(paths, step, &requirements));
    let Some(python) = python else { return };
    steps.run_counted("training tests", |step| {
        let mut command = shell::program(paths, &python, ["-m", "pytest", "-q"]);
        rust::counted(step, command.current_dir(&folder), summary::of_pytest)
    });
}

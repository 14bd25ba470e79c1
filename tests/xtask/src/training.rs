//! Training of the demo's models, in a Python environment of its own.

use std::path::{Path, PathBuf};

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::{onnxruntime, python};
use crate::whole_path::Segue;

/// The training's sources and its pinned packages.
pub(crate) const FOLDER: &str = "cloud/training";

/// The committed models.
pub(crate) const MODELS: &str = "cloud/models/demo";

/// Installs what the lock file pins, PyTorch among it; returns the Python.
///
/// # Errors
/// When a package cannot be installed.
pub(crate) fn packages(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    python::with_requirements(paths, step, &paths.file(FOLDER).join("requirements.lock"))
}

/// Makes the demo's models from nothing, as their card says, into `output`.
///
/// # Errors
/// When the training fails.
pub(crate) fn demo(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    python: &Path,
    output: &Path,
) -> anyhow::Result<()> {
    run(paths, step, segue, python, "demo", output)
}

/// Judges the demo's models in `models` and writes what is found into their card; nothing is learned.
///
/// # Errors
/// When there are none, or they cannot be judged.
pub(crate) fn judge(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    python: &Path,
    models: &Path,
) -> anyhow::Result<()> {
    run(paths, step, segue, python, "judge", models)
}

fn run(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    python: &Path,
    word: &str,
    models: &Path,
) -> anyhow::Result<()> {
    let mut command = shell::program(paths, python, ["-m", "segue_training", "--segue"]);
    command.arg(&segue.executable).arg(word).arg("--out").arg(models);
    command.arg("--work").arg(paths.cache.join("training"));
    command.current_dir(paths.file(FOLDER)).env(onnxruntime::VARIABLE, &segue.library);
    shell::run(step, &mut command)?;
    Ok(())
}

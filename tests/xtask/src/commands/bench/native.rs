//! The native bench program: what times the engine, draws the scaling and makes what the page fetches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::Figures;
use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// The processor that measurements keep to, where the system can be told.
const PROCESSOR: &str = "1";

/// The program, built with full optimisation.
pub(super) struct Native(PathBuf);

impl Native {
    /// Builds it.
    ///
    /// # Errors
    /// When the compiler fails.
    pub(super) fn build(paths: &Paths, step: &Step) -> anyhow::Result<Self> {
        let arguments = ["build", "--locked", "--release", "--package", "segue-bench"];
        shell::run(step, &mut shell::cargo(paths, arguments))?;
        Ok(Self(paths.executable("release", "segue-bench")))
    }

    /// Runs one of its commands on one processor; returns the figures it printed.
    ///
    /// # Errors
    /// When it fails or prints no JSON object.
    pub(super) fn figures(&self, step: &Step, command: &mut Command) -> anyhow::Result<Figures> {
        let value = shell::last_json(&shell::run(step, command)?)?;
        value.as_object().cloned().context("segue-bench printed no JSON object")
    }

    /// `segue-bench COMMAND`, kept to one processor where there are several and `taskset` is there.
    pub(super) fn command(&self, paths: &Paths, name: &str) -> Command {
        let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        if !several || shell::on_path("taskset").is_none() {
            return shell::program(paths, &self.0, [name]);
        }
        let mut command = shell::program(paths, "taskset", ["--cpu-list", PROCESSOR]);
        command.arg(&self.0).arg(name);
        command
    }

    /// Writes what the page in Chromium fetches; returns the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn artefacts(&self, paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
        let folder = paths.cache.join("bench-artefacts");
        fresh(&folder)?;
        shell::run(step, self.command(paths, "artefacts").arg("--out").arg(&folder))?;
        Ok(folder)
    }
}

fn fresh(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

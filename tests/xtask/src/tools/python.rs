//! Python environments in the cache; the system's own is never changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;

/// A virtual environment with pip and nothing else; returns its Python.
///
/// # Errors
/// When Python 3 or its venv module is missing.
pub(crate) fn plain(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    environment(paths, step, &paths.cache.join("python/plain"))
}

/// A virtual environment that holds exactly what the requirements file pins; returns its Python.
///
/// # Errors
/// When it cannot be made or a package cannot be installed.
pub(crate) fn with_requirements(paths: &Paths, step: &Step, requirements: &Path) -> anyhow::Result<PathBuf> {
    let hash = stamp::file_hash(requirements)?;
    let folder = requirements_folder(paths, &hash);
    let python = environment(paths, step, &folder)?;
    let done = folder.join(".segue-installed");
    if stamp::is_current(&done, &hash) {
        return Ok(python);
    }
    let mut command = shell::program(paths, &python, ["-m", "pip", "install", "--progress-bar", "off", "-r"]);
    shell::run(step, command.arg(requirements))?;
    stamp::write(&done, &hash)?;
    Ok(python)
}

fn requirements_folder(paths: &Paths, hash: &str) -> PathBuf {
    paths.cache.join("python").join(&hash[..16])
}

fn environment(paths: &Paths, step: &Step, folder: &Path) -> anyhow::Result<PathBuf> {
    let python = interpreter(folder);
    let works = shell::answer(&mut shell::program(paths, &python, ["-m", "pip", "--version"])).is_some();
    if works {
        return Ok(python);
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let system = shell::on_path("python3").context("python3 is not on PATH: install Python 3 with venv")?;
    let mut command = shell::program(paths, system, ["-m", "venv"]);
    if let Err(error) = shell::run(step, command.arg(folder)) {
        bail!("{error:#}; on Debian and Ubuntu `apt-get install python3-venv` provides what is missing");
    }
    Ok(python)
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python3")
}

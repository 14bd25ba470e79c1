//! Maven with a JDK, for the Kotlin side of the mobile library.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// What installs it where nobody is root.
pub(crate) const INSTALL: &str = "sudo apt-get install -y --no-install-recommends maven default-jdk-headless";

/// Maven, where it and a Java compiler are there.
pub(crate) fn find() -> Option<PathBuf> {
    shell::on_path("javac").and(shell::on_path("mvn"))
}

/// Whether it is there, or could be installed because this is root on Debian or Ubuntu.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<bool> {
    if find().is_some() {
        return Ok(true);
    }
    if !debian::can_install(paths) {
        return Ok(false);
    }
    for package in ["default-jdk-headless", "maven"] {
        debian::install(paths, step, package)?;
    }
    Ok(find().is_some())
}

/// Maven on the project in `folder`, with outputs below `outputs`.
pub(crate) fn command(paths: &Paths, folder: &Path, outputs: &Path) -> Command {
    let mut command =
        shell::program(paths, "mvn", ["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never"]);
    command.arg(format!("-Dsegue.build={}", outputs.display())).current_dir(folder);
    command
}

//! Packages of the distribution, where this is root on Debian or Ubuntu.

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// Whether packages can be installed here without asking anybody.
pub(crate) fn can_install(paths: &Paths) -> bool {
    let root = shell::answer(&mut shell::program(paths, "id", ["-u"])).is_some_and(|id| id == "0");
    root && shell::on_path("apt-get").is_some()
}

/// Installs `package`.
///
/// # Errors
/// When the installer fails.
pub(crate) fn install(paths: &Paths, step: &Step, package: &str) -> anyhow::Result<()> {
    for arguments in [&["update"][..], &["install", "-y", "--no-install-recommends", package]] {
        let mut command = shell::program(paths, "apt-get", arguments);
        shell::run(step, command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

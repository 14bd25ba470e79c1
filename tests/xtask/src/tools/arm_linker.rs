//! A linker for ARM machines with Linux.

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// The program: a C compiler, which knows where the system's libraries are.
pub(crate) const PROGRAM: &str = "aarch64-linux-gnu-gcc";

/// What installs it where nobody is root.
pub(crate) const INSTALL: &str =
    "sudo apt-get install -y --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross";

/// Whether it is there, or could be installed because this is root on Debian or Ubuntu.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<bool> {
    if shell::on_path(PROGRAM).is_some() {
        return Ok(true);
    }
    if !debian::can_install(paths) {
        return Ok(false);
    }
    debian::install(paths, step, "gcc-aarch64-linux-gnu")?;
    debian::install(paths, step, "libc6-dev-arm64-cross")?;
    Ok(shell::on_path(PROGRAM).is_some())
}

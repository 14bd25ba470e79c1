//! An emulator for programs of ARM machines.

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// The emulator's program.
pub(crate) const AARCH64: &str = "qemu-aarch64-static";

/// What installs it where nobody is root.
pub(crate) const INSTALL: &str = "sudo apt-get install -y --no-install-recommends qemu-user-static";

/// Whether it is there, or could be installed because this is root on Debian or Ubuntu.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<bool> {
    if shell::on_path(AARCH64).is_some() {
        return Ok(true);
    }
    if !debian::can_install(paths) {
        return Ok(false);
    }
    debian::install(paths, step, "qemu-user-static")?;
    Ok(shell::on_path(AARCH64).is_some())
}

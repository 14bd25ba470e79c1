//! The compiler's targets beside this machine's own.

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// The target of everything that runs in a browser.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Installs `target` through rustup when it is missing.
///
/// # Errors
/// When it is missing and rustup is too, or the download fails.
pub(crate) fn ensure(paths: &Paths, step: &Step, target: &str) -> anyhow::Result<()> {
    if is_installed(paths, target)? {
        return Ok(());
    }
    if shell::on_path("rustup").is_none() {
        bail!("the compiler has no {target} target: install it, or use rustup (https://rustup.rs)");
    }
    shell::run(step, &mut shell::program(paths, "rustup", ["target", "add", target]))?;
    Ok(())
}

/// Whether `target` is there or rustup is, which installs it.
pub(crate) fn can_be_had(paths: &Paths, target: &str) -> bool {
    shell::on_path("rustup").is_some() || is_installed(paths, target).unwrap_or(false)
}

/// Whether `target` is there, or rustup installs it now: not every target is to be had everywhere.
pub(crate) fn install(paths: &Paths, target: &str) -> bool {
    let add = || shell::answer(&mut shell::program(paths, "rustup", ["target", "add", target]));
    is_installed(paths, target).unwrap_or(false) || (shell::on_path("rustup").is_some() && add().is_some())
}

fn is_installed(paths: &Paths, target: &str) -> anyhow::Result<bool> {
    let sysroot = shell::answer(&mut shell::program(paths, "rustc", ["--print", "sysroot"]));
    let sysroot = sysroot.context("`rustc --print sysroot` fails: is the toolchain installed?")?;
    Ok(std::path::Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir())
}

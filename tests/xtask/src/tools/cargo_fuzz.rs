//! cargo-fuzz and the nightly compiler it needs.

use anyhow::bail;

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// The toolchain that can instrument code for the fuzzer.
pub(crate) const TOOLCHAIN: &str = "+nightly";

/// Installs cargo-fuzz when it is missing.
///
/// # Errors
/// When there is no nightly toolchain, or the install fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    if shell::answer(&mut shell::program(paths, "cargo", [TOOLCHAIN, "--version"])).is_none() {
        bail!("fuzzing needs a nightly compiler: rustup toolchain install nightly");
    }
    if shell::on_path("cargo-fuzz").is_some() {
        return Ok(());
    }
    step.message("installing cargo-fuzz");
    shell::run(step, &mut shell::cargo(paths, ["install", "--locked", "cargo-fuzz"]))?;
    Ok(())
}

//! Clang, which assembles for every phone: the kernels of the scorer for rankers are written in assembly.

use std::process::Command;

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::debian;

/// The compiler, and what puts together what it assembled: the machine's own knows no files of Apple's.
const PROGRAMS: [&str; 2] = ["clang", "llvm-ar"];

/// The packages they are in.
const PACKAGES: [&str; 2] = ["clang", "llvm"];

/// What installs them where nobody is root.
pub(crate) const INSTALL: &str = "sudo apt-get install -y --no-install-recommends clang llvm";

/// Whether both are there, or could be installed because this is root on Debian or Ubuntu.
///
/// # Errors
/// When the distribution's installer fails.
pub(crate) fn ensure(paths: &Paths, step: &Step) -> anyhow::Result<bool> {
    if are_there() {
        return Ok(true);
    }
    if !debian::can_install(paths) {
        return Ok(false);
    }
    for package in PACKAGES {
        debian::install(paths, step, package)?;
    }
    Ok(are_there())
}

fn are_there() -> bool {
    PROGRAMS.iter().all(|program| shell::on_path(program).is_some())
}

/// Assembles for `target` with it. Kernels include nothing, so that any folder does in place of Apple's kit.
pub(crate) fn assemble(command: &mut Command, paths: &Paths, target: &str) {
    let name = target.replace('-', "_");
    for (tool, program) in ["CC", "AR"].iter().zip(PROGRAMS) {
        command.env(format!("{tool}_{name}"), program);
    }
    if target.starts_with("armv7") {
        // What the NDK's own takes for granted.
        command.env(format!("CFLAGS_{name}"), "-march=armv7-a -mfloat-abi=softfp");
    }
    if target.contains("apple") {
        command.env("SDKROOT", &paths.cache);
    }
}

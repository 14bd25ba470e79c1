//! The Swift package where a toolchain sees it, which may be a folder with a system of its own.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::library;
use crate::paths::Paths;
use crate::tools::swift::Swift;

/// What lies beside the package: its tests read it.
const BESIDE: [&str; 3] = ["mobile-ffi/swift", "tests/vectors", "docs/ERRORS.md"];

/// The library for Apple's systems, in the package's folder where `cargo xtask mobile ios` has made it.
pub(crate) const FRAMEWORK: &str = "SegueMobile.xcframework";

/// Puts package, vectors and the library in `folder` where the toolchain sees them.
///
/// # Errors
/// Names what cannot be copied.
pub(crate) fn gather(paths: &Paths, swift: &Swift, folder: &Path) -> anyhow::Result<()> {
    let work = swift.work(paths);
    for name in BESIDE {
        let target = work.join(name);
        // The package's own outputs stay, so that the next time is quick.
        for part in ["Sources", "Tests"] {
            let _ = std::fs::remove_dir_all(target.join(part));
        }
        copy(&paths.file(name), &target)?;
    }
    library::copy(&library::shared(folder), &library::shared(&work.join("lib")))
}

/// Copies a file, or a folder with all in it but the package's outputs and the framework, in whose place the tests link the
/// library of this machine.
///
/// # Errors
/// Names what cannot be copied.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_file() {
        return library::copy(from, to);
    }
    let entries = std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name() != ".build" && entry.file_name() != FRAMEWORK {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// `swift NAME REST` in the package, with the gathered library linked.
pub(crate) fn command(paths: &Paths, swift: &Swift, name: &str, rest: &[&str]) -> Command {
    let lib = swift.work_inside(paths).join("lib").display().to_string();
    let mut command = swift.command(paths, "mobile-ffi/swift");
    command.args([
        name,
        "--disable-sandbox",
        "-Xlinker",
        &format!("-L{lib}"),
        "-Xlinker",
        "-rpath",
        "-Xlinker",
        &lib,
    ]);
    command.args(rest);
    command
}

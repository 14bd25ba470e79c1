//! The library as cargo builds it.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// The crate.
pub(crate) const PACKAGE: &str = "segue-mobile-ffi";

/// What ships: size first, and a panic that unwinds, so that it can become a code.
pub(crate) const SHIPPED: &str = "mobile";

/// The library as the tests use it: not optimised for size, and it trusts the published test key.
///
/// # Errors
/// When the compiler fails.
pub(crate) fn for_tests(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    shell::run(step, &mut shell::cargo(paths, ["build", "--locked", "--package", PACKAGE]))?;
    Ok(shared(&paths.target.join("debug")))
}

/// The library that ships, for this machine; returns the folder that holds it.
///
/// # Errors
/// When the compiler fails.
pub(crate) fn shipped(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    shell::run(step, shell::cargo(paths, ["rustc"]).args(shipping("cdylib,staticlib")))?;
    Ok(paths.target.join(SHIPPED))
}

/// What `cargo rustc` is told about what ships. With an rlib among the kinds, which the crate has for its own tests, cargo
/// leaves link-time optimisation out.
pub(crate) fn shipping(kinds: &str) -> [&str; 8] {
    ["--locked", "--package", PACKAGE, "--lib", "--profile", SHIPPED, "--crate-type", kinds]
}

/// The shared library in a folder.
pub(crate) fn shared(folder: &Path) -> PathBuf {
    folder.join(format!("{DLL_PREFIX}segue_mobile{DLL_SUFFIX}"))
}

/// The static library in a folder.
pub(crate) fn archive(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "segue_mobile.lib" } else { "libsegue_mobile.a" })
}

/// The folder's name under which JNA looks for a library inside a jar.
pub(crate) fn jna_folder() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x86-64",
        other => other,
    };
    format!("{system}-{processor}")
}

/// Copies a file, making its folder.
///
/// # Errors
/// Names the file that cannot be copied.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

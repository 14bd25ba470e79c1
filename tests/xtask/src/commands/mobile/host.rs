//! The library for the present machine.

use std::path::{Path, PathBuf};

use super::{bindings, library};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::maven;
use crate::wasm::fresh_folder;

/// Writes bindings and header, builds the library, and the jar where Maven is there.
pub(super) fn run(paths: &Paths, steps: &Steps) -> Option<PathBuf> {
    let output = paths.target.join("mobile-host");
    steps.run("bindings and header", |step| {
        let library = library::for_tests(paths, step)?;
        bindings::write(paths, step, &library)
    })?;
    steps.run("library", |step| collect(paths, step, &output))?;
    match maven::find() {
        Some(_) => drop(steps.run("jar", |step| jar(paths, step, &output))),
        None => steps.skip("jar", "there is no Maven", maven::INSTALL),
    }
    Some(output)
}

/// The libraries, the header, and the shared library once more where a jar wants it.
fn collect(paths: &Paths, step: &Step, output: &Path) -> anyhow::Result<()> {
    let built = library::shipped(paths, step)?;
    for file in [library::shared(&built), library::archive(&built)] {
        library::copy(&file, &output.join("lib").join(file.file_name().unwrap_or_default()))?;
    }
    let shared = library::shared(&output.join("natives").join(library::jna_folder()));
    library::copy(&library::shared(&built), &shared)?;
    library::copy(&paths.file("mobile-ffi/include/segue.h"), &output.join("include/segue.h"))
}

/// Puts `dev.segue:segue` with the library inside into the local Maven repository, and the jar beside the libraries.
fn jar(paths: &Paths, step: &Step, output: &Path) -> anyhow::Result<()> {
    // Anew: what the compiler left of an older build would be in the jar too.
    fresh_folder(&output.join("maven"))?;
    let mut command = maven::command(paths, &paths.file("mobile-ffi/kotlin"), &output.join("maven"));
    command.arg(format!("-Dsegue.natives={}", output.join("natives").display()));
    shell::run(step, command.args(["-DskipTests", "--projects", "segue", "--also-make", "install"]))?;
    library::copy(&output.join("maven/segue/segue-0.1.0.jar"), &output.join("segue-0.1.0.jar"))
}

//! The XCFramework for iOS and macOS, which the Swift package looks for in its own folder.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{library, swift};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::rust_target;

/// Devices, and simulator and Mac on Apple's processors.
const TARGETS: [&str; 3] = ["aarch64-apple-ios", "aarch64-apple-ios-sim", "aarch64-apple-darwin"];

/// The oldest systems it runs on, as `Package.swift` has them.
const OLDEST: [(&str, &str); 2] =
    [("IPHONEOS_DEPLOYMENT_TARGET", "15.0"), ("MACOSX_DEPLOYMENT_TARGET", "12.0")];

/// Builds the XCFramework; says what is missing where it cannot.
pub(super) fn run(paths: &Paths, steps: &Steps) -> Option<PathBuf> {
    steps.run("what it needs", |_| check_tools(paths))?;
    steps.run("library for device, simulator and Mac", |step| build(paths, step))?;
    let framework = paths.file("mobile-ffi/swift").join(swift::FRAMEWORK);
    steps.run("XCFramework", |step| assemble(paths, step, &framework))?;
    Some(framework)
}

/// A Mac without Xcode has an `xcodebuild` as well, which only says so.
fn check_tools(paths: &Paths) -> anyhow::Result<()> {
    let version = || shell::answer(&mut shell::program(paths, "xcodebuild", ["-version"]));
    if cfg!(target_os = "macos") && version().is_some() {
        return Ok(());
    }
    bail!(
        "an XCFramework cannot be built here; it needs macOS with Xcode 16 or newer (where `xcodebuild -version` answers). \
         Elsewhere `cargo xtask test --all` builds the static library for {}, and tests the Swift package on Linux",
        TARGETS[0]
    )
}

fn build(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    for target in TARGETS {
        rust_target::ensure(paths, step, target)?;
        static_library(paths, step, target)?;
    }
    Ok(())
}

/// The static library alone, which needs no linker of Apple's; returns it.
///
/// # Errors
/// When the compiler fails.
pub(crate) fn static_library(paths: &Paths, step: &Step, target: &str) -> anyhow::Result<PathBuf> {
    let mut command = shell::cargo(paths, ["rustc"]);
    command.args(library::shipping("staticlib")).args(["--target", target]);
    shell::run(step, command.envs(OLDEST))?;
    Ok(library::archive(&paths.target.join(target).join(library::SHIPPED)))
}

fn assemble(paths: &Paths, step: &Step, framework: &Path) -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(framework);
    let headers = paths.file("mobile-ffi/swift/Sources/SegueBindingsFFI");
    let mut command = shell::program(paths, "xcodebuild", ["-create-xcframework"]);
    for target in TARGETS {
        let archive = library::archive(&paths.target.join(target).join(library::SHIPPED));
        command.arg("-library").arg(archive).arg("-headers").arg(&headers);
    }
    shell::run(step, command.arg("-output").arg(framework))?;
    Ok(())
}

//! `cargo xtask mobile`: the mobile library for this machine, for Android and for iOS.

mod android;
pub(crate) mod bindings;
mod host;
pub(crate) mod ios;
pub(crate) mod library;
pub(crate) mod swift;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::paths::Paths;
use crate::steps::{self, Steps};

/// Arguments of `cargo xtask mobile`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the library is to run.
    #[arg(value_enum)]
    platform: Platform,
}

/// Where the library runs.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Platform {
    /// This machine: bindings and header written anew, the library, and the jar where Maven is there.
    Host,
    /// An AAR with arm64-v8a, armeabi-v7a and x86_64. Needs the Android NDK, cargo-ndk and Maven.
    Android,
    /// An XCFramework for the Swift package. Needs macOS with Xcode.
    Ios,
}

/// Builds for the platform and prints where the result lies.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "mobile")?;
    let result: Option<PathBuf> = match arguments.platform {
        Platform::Host => host::run(&paths, &steps),
        Platform::Android => android::run(&paths, &steps),
        Platform::Ios => ios::run(&paths, &steps),
    };
    if let Some(result) = result {
        steps::print_result(&result.display().to_string());
    }
    Ok(steps.exit_code())
}

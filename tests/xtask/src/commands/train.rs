//! `cargo xtask train`.

use std::process::ExitCode;

use crate::paths::Paths;
use crate::steps::Steps;

/// Arguments of `cargo xtask train`.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Trains the demo's models again.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "train")?;
    let _ = &steps;
    Ok(steps.exit_code())
}

//! `cargo xtask gen-vectors`.

use std::process::ExitCode;

use crate::paths::Paths;
use crate::shell;
use crate::steps::{self, Steps};

/// Arguments of `cargo xtask gen-vectors`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when the committed vectors are not what the recipes give.
    #[arg(long)]
    check: bool,
}

/// Writes the golden vectors, or says whether they are current.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "gen-vectors")?;
    let word = if arguments.check { "check-vectors" } else { "vectors" };
    let said = steps.run("golden vectors", |step| {
        // The selection of the tests, so that nothing is compiled a second time.
        shell::run(step, &mut shell::cargo(&paths, ["build", "--locked", "--workspace", "--all-targets"]))?;
        let tool = paths.executable("debug", "segue-conformance");
        shell::run(step, &mut shell::program(&paths, tool, [word]))
    });
    if let Some(said) = said {
        steps::print_result(said.trim());
    }
    Ok(steps.exit_code())
}

//! `segue features`.

use std::path::PathBuf;

/// Arguments of `segue features`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Runs `segue features`.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("{} is being built", arguments.data.display())
}

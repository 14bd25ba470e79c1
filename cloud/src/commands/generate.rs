//! `segue generate`.

use std::path::PathBuf;

/// Arguments of `segue generate`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Runs `segue generate`.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::bail!("{} is being built", arguments.data.display())
}

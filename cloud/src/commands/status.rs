//! `segue status`.

use anyhow::Context as _;

use super::settings::Examining;
use crate::doctor::{Status, knock};

/// Arguments of `segue status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    examining: Examining,
    /// Ask only whether the service answers, and read nothing of the data folder: for what restarts a service that does not.
    #[arg(long, conflicts_with = "json")]
    check: bool,
}

/// Runs `segue status`: what is served, since when, and what is waiting. `segue doctor` says whether that is well.
///
/// # Errors
/// When the settings cannot be taken or no data folder is named; with `--check` when the service does not answer.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let examined = arguments.examining.examined()?;
    if arguments.check {
        let address = examined.service.as_deref();
        let address = address.context("--check asks the service: give an address with --service")?;
        knock(address, examined.trusted.as_deref())?;
        println!("{address} answers");
        return Ok(());
    }
    let status = Status::of(&examined);
    if arguments.examining.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        println!("{status}");
    }
    Ok(())
}

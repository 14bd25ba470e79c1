//! `segue status`.

use super::settings::From;
use crate::doctor::{Examined, Status};

/// Arguments of `segue status`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// Where the service should answer; where the settings say, without it.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue status`: what is served, since when, and what is waiting. `segue doctor` says whether that is well.
///
/// # Errors
/// When the settings cannot be taken or no data folder is named.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut examined = Examined::of(&arguments.from.settings([])?)?;
    if arguments.service.is_some() {
        examined.service.clone_from(&arguments.service);
    }
    let status = Status::of(&examined);
    if arguments.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        println!("{status}");
    }
    Ok(())
}

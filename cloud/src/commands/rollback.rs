//! `segue rollback`.

use std::path::PathBuf;

use crate::refresh::{Back, parse_duration, rollback};

/// Arguments of `segue rollback`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The generation to go back to; without one the last before the one in force.
    #[arg(long, value_name = "GENERATION")]
    pub to: Option<u64>,
    /// How long packs and manifest are accepted by clients.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub lifetime: String,
    /// Print the report as one line of JSON, last.
    #[arg(long)]
    pub json: bool,
}

/// Runs `segue rollback`.
///
/// # Errors
/// Says which generations there are to go back to, or what is damaged.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let lifetime_ms = i64::try_from(parse_duration(&arguments.lifetime)?.as_millis())?;
    let report = rollback(&arguments.data, &Back { to: arguments.to, lifetime_ms, ..Back::default() })?;
    println!("{report}");
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

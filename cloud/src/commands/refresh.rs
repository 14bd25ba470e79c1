//! `segue refresh`.

use std::path::PathBuf;

use crate::index::Kind;
use crate::refresh::{Options, parse_duration, repeat, run as refresh};

/// Arguments of `segue refresh`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Keep refreshing, such as every 30m; a failing run is reported and the next one tried.
    #[arg(long, value_name = "TIME")]
    pub every: Option<String>,
    /// A trained model's folder; without one the model that fits the data is used, if there is one.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// How candidates are retrieved.
    #[arg(long, value_enum, default_value = "hnsw")]
    pub index: Kind,
    /// How long packs and manifest are accepted by clients.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub lifetime: String,
    /// Print the report as one line of JSON, last.
    #[arg(long)]
    pub json: bool,
}

/// Runs `segue refresh`.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let lifetime_ms = i64::try_from(parse_duration(&arguments.lifetime)?.as_millis())?;
    let options =
        Options { model: arguments.model.clone(), index: arguments.index, lifetime_ms, ..Options::default() };
    let once = || -> anyhow::Result<()> {
        let report = refresh(&arguments.data, &options)?;
        println!("{report}");
        if arguments.json {
            println!("{}", serde_json::to_string(&report)?);
        }
        Ok(())
    };
    let Some(every) = &arguments.every else { return once() };
    let failed =
        |error: &anyhow::Error| eprintln!("refresh failed, the generation before is still served: {error:#}");
    repeat(parse_duration(every)?, once, failed, |wait| {
        std::thread::sleep(wait);
        true
    });
    Ok(())
}

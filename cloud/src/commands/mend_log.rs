//! `segue mend-log`.

use std::path::PathBuf;

use super::settings::From;
use crate::events::mend;

/// Arguments of `segue mend-log`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    settings: From,
    /// A backup's folder, or a data folder restored from one: what cannot be read here is taken from there.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue mend-log`, while the service is stopped.
///
/// # Errors
/// When the log is in use or cannot be written, or the backup is one of another log.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = arguments.settings.settings([])?;
    let mended = mend(settings.data()?, arguments.from.as_deref())?;
    if arguments.json {
        println!("{}", serde_json::to_string(&mended)?);
        return Ok(());
    }
    if mended.segments == 0 {
        println!("nothing to mend: every commit of the log can be read, and none is missing");
        return Ok(());
    }
    println!(
        "{} segments mended; {} events came out of the backup, {} are lost; what the segments were lies beside them, *.torn",
        mended.segments, mended.restored, mended.lost
    );
    Ok(())
}

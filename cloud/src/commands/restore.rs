//! `segue restore`.

use std::path::PathBuf;

use crate::backup::{Tombstoned, restore};

/// Arguments of `segue restore`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The backup's folder.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The data folder to make; it may hold `erased.jsonl` and nothing else.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The newest `erased.jsonl` of the lost data folder: who was forgotten since the backup stays so.
    #[arg(long, value_name = "FILE")]
    erased: Option<PathBuf>,
    /// Where that file is lost: nobody was forgotten since the backup was taken.
    #[arg(long, conflicts_with = "erased")]
    nobody_erased_since: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue restore`.
///
/// # Errors
/// Says what is damaged or in the way.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let tombstoned = match (&arguments.erased, arguments.nobody_erased_since) {
        (Some(file), _) => Tombstoned::In(file.clone()),
        (None, true) => Tombstoned::NobodySince,
        (None, false) => Tombstoned::There,
    };
    let restored = restore(&arguments.from, &arguments.data, &tombstoned)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&restored)?);
        return Ok(());
    }
    println!("{} files, {} bytes in {}", restored.files, restored.bytes, arguments.data.display());
    println!("{} rows of people who were forgotten were taken out again", restored.erased_rows);
    println!("run `segue doctor --service none --data {}`, then start the service", arguments.data.display());
    Ok(())
}

//! `segue import`.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use crate::catalog::import::{self, Format};

/// Arguments of `segue import`.
#[derive(clap::Args)]
pub struct Arguments {
    /// What the files are.
    #[arg(value_enum)]
    pub format: Format,
    /// The folder that holds them, or one file.
    pub path: PathBuf,
    /// The data folder, whose tables are replaced.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where the events come from (radio, weekly, home, feed or shop), when it is not the format's usual surface.
    #[arg(long)]
    pub surface: Option<String>,
    /// End with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs `segue import`.
///
/// # Errors
/// Says which file could not be read, or that nothing in it could be used.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let outcome =
        import::run(arguments.format, &arguments.path, arguments.surface.as_deref(), &arguments.data)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (dataset, counts) = (&outcome.dataset, outcome.dataset.counts);
    println!(
        "{}: {} items, {} users, {} events, {} collections from {} rows in {seconds:.1} s",
        dataset.name, counts.items, counts.users, counts.events, counts.collections, outcome.rows
    );
    if counts.rejects > 0 {
        println!(
            "{} rows were left out, see {}:",
            counts.rejects,
            arguments.data.join("rejects.jsonl").display()
        );
        for (reason, count) in &outcome.rejects {
            println!("  {count} x {reason}");
        }
    }
    for attribute in &outcome.dropped_attributes {
        println!("attribute dropped, {attribute}");
    }
    for remark in &outcome.remarks {
        println!("look at this: {remark}");
    }
    if arguments.json {
        let report = json!({
            "dataset": dataset.name,
            "items": counts.items,
            "users": counts.users,
            "events": counts.events,
            "collections": counts.collections,
            "rejects": counts.rejects,
            "rejects_by_reason": outcome.rejects,
            "remarks": outcome.remarks,
            "rows": outcome.rows,
            "rows_per_second": outcome.rows as f64 / seconds.max(1e-9),
            "schema_hash": dataset.schema_hash(),
            "seconds": seconds,
        });
        println!("{report}");
    }
    Ok(())
}

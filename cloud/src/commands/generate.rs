//! `segue generate`.

use std::path::PathBuf;

use crate::catalog::generate::{self, Options};

/// Arguments of `segue generate`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Number of tracks, 200 to 2,000,000.
    #[arg(long, default_value_t = 20_000)]
    pub tracks: usize,
    /// Number of listeners, 1 to 1,000,000.
    #[arg(long, default_value_t = 2_000)]
    pub users: usize,
    /// Everything made follows from it.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Also write the hidden state, for judging; no model may read it.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// End with one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs `segue generate`.
///
/// # Errors
/// Says which count is out of range or what could not be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let options = Options {
        tracks: arguments.tracks,
        users: arguments.users,
        seed: arguments.seed,
        truth: arguments.truth.clone(),
    };
    let summary = generate::run(&options, &arguments.data)?;
    println!(
        "{} tracks, {} listeners, {} events in {} sessions ({:.0} % played to the end) in {:.1} s",
        summary.tracks,
        summary.users,
        summary.events,
        summary.sessions,
        100.0 * summary.complete_share,
        summary.seconds
    );
    if arguments.json {
        println!("{}", serde_json::to_string(&summary)?);
    }
    Ok(())
}

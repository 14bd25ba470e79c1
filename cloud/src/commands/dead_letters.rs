//! `segue dead-letters`.

use std::path::Path;

use super::settings::From;
use crate::dead_letters::{list, replay};

/// Arguments of `segue dead-letters`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print each event that was refused three times, with the reason.
    List(Options),
    /// Take them in again, while the service is stopped; what is refused still stays.
    Replay(Options),
}

#[derive(clap::Args)]
struct Options {
    #[command(flatten)]
    from: From,
    /// Print JSON: one object a line.
    #[arg(long)]
    json: bool,
}

/// Runs `segue dead-letters list` or `replay`.
///
/// # Errors
/// When the letters cannot be read, or the event store is in use.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (What::List(options) | What::Replay(options)) = &arguments.what;
    let settings = options.from.settings([])?;
    match &arguments.what {
        What::List(options) => print(settings.data()?, options.json),
        What::Replay(options) => take_in(settings.data()?, options.json),
    }
}

fn print(data: &Path, json: bool) -> anyhow::Result<()> {
    let letters = list(data)?;
    for letter in &letters {
        match json {
            true => println!("{}", serde_json::to_string(letter)?),
            false => println!(
                "{} by {}: {}\n  {}",
                letter.code,
                letter.refuser.name(),
                letter.detail,
                letter.event
            ),
        }
    }
    if !json {
        println!("{} events were refused three times", letters.len());
    }
    Ok(())
}

fn take_in(data: &Path, json: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let replayed = runtime.block_on(replay(data))?;
    if json {
        println!("{}", serde_json::to_string(&replayed)?);
        return Ok(());
    }
    let (taken_in, duplicates, refused) = (replayed.taken_in, replayed.duplicates, replayed.refused);
    println!(
        "{taken_in} taken in, {duplicates} were in the log already, {refused} are refused still and stay"
    );
    Ok(())
}

//! The `segue` command.

use clap::{Parser, Subcommand};
use segue_cloud::commands;

// Whole catalogues are built on worker threads, where the system's allocator
// asks the kernel for every page by itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Re-ranks what an app shows next, where the user is.
#[derive(Parser)]
#[command(name = "segue", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read a catalogue and its events into a data folder.
    Import(commands::import::Arguments),
    /// Make a catalogue and a listening history with known laws.
    Generate(commands::generate::Arguments),
    /// Make, show or rotate the signing keys.
    Keys(commands::keys::Arguments),
    /// Check a policy before it is published.
    Policy(commands::policy::Arguments),
    /// Build packs for every user and publish them as one generation.
    Refresh(Box<commands::refresh::Arguments>),
    /// Go back to an earlier generation: its packs, signed anew.
    Rollback(commands::rollback::Arguments),
    /// Check or show the settings.
    Config(commands::config::Arguments),
    /// Show what was counted of received events.
    Counters(commands::counters::Arguments),
    /// Say what is served, since when, and what is waiting.
    Status(commands::status::Arguments),
    /// List events that were refused three times, or take them in again.
    DeadLetters(commands::dead_letters::Arguments),
    /// Make a damaged log of events whole again, out of what can be read of it and of a backup.
    MendLog(commands::mend_log::Arguments),
    /// Let go of received events that are old and that no pack is made from any more.
    ExpireEvents(commands::expire_events::Arguments),
    /// Say what is wrong and what to do about it.
    Doctor(commands::settings::Examining),
    /// Copy the data folder beside a running service.
    Backup(commands::backup::Arguments),
    /// Put a backup back.
    Restore(commands::restore::Arguments),
    /// Serve packs, models, items and events over HTTP, and the player.
    Serve(Box<commands::serve::Arguments>),
    /// Learn vectors and ranker from what lies before the boundary, and use them from now on.
    Train(commands::train::Arguments),
    /// Write what was shown, with what became of it, as Parquet files by date and hour.
    TrainingLog(commands::training_log::Arguments),
    /// Check a model before it is served.
    Model(commands::model::Arguments),
    /// Replay held-out sessions and measure the order that users would have seen.
    Evaluate(commands::evaluate::Arguments),
    /// Write the exact model inputs that serving computes, for training.
    Features(commands::features::Arguments),
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Import(arguments) => commands::import::run(&arguments),
        Command::Generate(arguments) => commands::generate::run(&arguments),
        Command::Keys(arguments) => commands::keys::run(&arguments),
        Command::Policy(arguments) => commands::policy::run(&arguments),
        Command::Refresh(arguments) => commands::refresh::run(&arguments),
        Command::Rollback(arguments) => commands::rollback::run(&arguments),
        Command::Config(arguments) => commands::config::run(&arguments),
        Command::Counters(arguments) => commands::counters::run(&arguments),
        Command::Status(arguments) => commands::status::run(&arguments),
        Command::DeadLetters(arguments) => commands::dead_letters::run(&arguments),
        Command::MendLog(arguments) => commands::mend_log::run(&arguments),
        Command::ExpireEvents(arguments) => commands::expire_events::run(&arguments),
        Command::Doctor(arguments) => commands::doctor::run(&arguments),
        Command::Backup(arguments) => commands::backup::run(&arguments),
        Command::Restore(arguments) => commands::restore::run(&arguments),
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
        Command::TrainingLog(arguments) => commands::training_log::run(&arguments),
        Command::Model(arguments) => commands::model::run(&arguments),
        Command::Evaluate(arguments) => commands::evaluate::run(&arguments),
        Command::Features(arguments) => commands::features::run(&arguments),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

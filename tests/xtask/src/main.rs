//! The project's commands: `cargo xtask demo`, `test`, `bench`, `quality`, `fuzz`, `gen-vectors`, `wasm`, `mobile`, `worker`, `soak` and `train`.

mod checkout;
mod commands;
mod dependencies;
mod http;
mod load;
mod paths;
mod server;
mod shell;
mod stamp;
mod steps;
mod tools;
mod training;
mod wasm;
mod whole_path;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything a developer or a build machine runs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what the demo needs, make a catalogue, refresh it and serve the player.
    Demo(commands::demo::Arguments),
    /// Check and test everything; the last line counts what passed, failed and was skipped.
    Test(commands::test::Arguments),
    /// Measure speed and size and write one flat JSON object.
    Bench(commands::bench::Arguments),
    /// Train and judge on every data set and write the tables of docs/QUALITY.md.
    Quality(commands::quality::Arguments),
    /// Feed every door of the engine with bad input and keep what does harm.
    Fuzz(commands::fuzz::Arguments),
    /// Write the golden vectors that every host has to agree on.
    GenVectors(commands::gen_vectors::Arguments),
    /// Build the npm package of the browser engine.
    Wasm(commands::wasm::Arguments),
    /// Build the mobile library with its bindings: for this machine, Android or iOS.
    Mobile(commands::mobile::Arguments),
    /// Build the edge worker, test it on the real runtime, or ask it a million times.
    Worker(commands::worker::Arguments),
    /// Load the service and kill it again and again; no acknowledged event may be lost or count twice.
    Soak(commands::soak::Arguments),
    /// Train the demo's models again.
    Train(commands::train::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Quality(arguments) => commands::quality::run(&arguments),
        Command::Fuzz(arguments) => commands::fuzz::run(&arguments),
        Command::GenVectors(arguments) => commands::gen_vectors::run(&arguments),
        Command::Wasm(arguments) => commands::wasm::run(&arguments),
        Command::Mobile(arguments) => commands::mobile::run(&arguments),
        Command::Worker(arguments) => commands::worker::run(&arguments),
        Command::Soak(arguments) => commands::soak::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

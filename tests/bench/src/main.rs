//! Speed of the engine, as one flat JSON object. `cargo xtask bench` runs it; `docs/BENCH.md` defines its keys.

use clap::{Parser, Subcommand};

/// Measures and prints one JSON object as the last line.
#[derive(Parser)]
#[command(name = "segue-bench", version)]
struct Arguments {
    #[command(subcommand)]
    group: Group,
}

#[derive(Subcommand)]
enum Group {
    /// The engine on one core.
    Engine,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().group {
        Group::Engine => anyhow::bail!("the engine has no bench in this build"),
    }
}

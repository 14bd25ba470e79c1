//! Native speed figures as JSON on stdout. Run it through `cargo xtask bench`.

mod artefacts;
mod chart;
mod constant;
mod engine;
mod likes;
mod pack;
mod peers;
mod scaling;
mod times;
mod workload;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use artefacts::Artefacts;
use workload::CANDIDATES;

/// Measures the engine natively, on one core.
#[derive(Parser)]
struct Arguments {
    /// Folder with `ranker.onnx` and `schema.json`.
    #[arg(long, global = true, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud/models/demo"))]
    model: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One event and the list after it.
    Engine {
        /// Measured iterations.
        #[arg(long, default_value_t = 2_000)]
        iterations: usize,
        /// Iterations before measuring starts.
        #[arg(long, default_value_t = 200)]
        warm_up: usize,
    },
    /// How often one more like lowers its category.
    Likes,
    /// The same in turn with ONNX Runtime, whose library `ORT_DYLIB_PATH` names.
    Peers,
    /// One event over candidates and over events.
    Scaling {
        /// The SVG file that receives the plot.
        #[arg(long)]
        plot: PathBuf,
    },
    /// Writes what the page in Chromium fetches.
    Artefacts {
        /// The folder.
        #[arg(long)]
        out: PathBuf,
    },
}

fn main() -> Result<()> {
    let Arguments { model, command } = Arguments::parse();
    let figures = match command {
        Command::Engine { iterations, warm_up } => {
            engine::measure(&Artefacts::new(&model, CANDIDATES)?, warm_up, iterations)?
        }
        Command::Likes => likes::measure(&Artefacts::new(&model, CANDIDATES)?)?,
        Command::Peers => peers::measure(&Artefacts::new(&model, CANDIDATES)?)?,
        Command::Scaling { plot } => scaling::measure(&model, &plot)?,
        Command::Artefacts { out } => return Artefacts::new(&model, CANDIDATES)?.write(&out),
    };
    println!("{figures}");
    Ok(())
}

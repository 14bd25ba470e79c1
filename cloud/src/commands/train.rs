//! `segue train`.

use std::path::PathBuf;
use std::time::Instant;

use crate::train::{self, Options, Retriever, Weights};

/// Arguments of `segue train`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Learn from what this preset of split.json allows, instead of its own rule.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// The Python with PyTorch; SEGUE_PYTHON, else python3, without it.
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// The project's folder cloud/training; looked for around the program without it.
    #[arg(long, value_name = "DIR")]
    pub training: Option<PathBuf>,
    /// Label rules to learn by, in place of the data folder's labels.json, else of those that ship.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// What makes the vectors: what was taken up together, two towers over metadata and history, or towers with the other beside
    /// them.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub retriever: Retriever,
    /// How the ranker's file keeps its weights: as f32, or as int8 with scales, a file of a third of the length.
    #[arg(long, value_name = "TYPE", value_enum, default_value_t)]
    pub weights: Weights,
    /// Processes that learn together, one for each GPU.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub processes: u32,
}

/// Runs `segue train`.
///
/// # Errors
/// Says what to install, or what there is nothing of.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let options = Options {
        split: arguments.split.clone(),
        python: arguments.python.clone(),
        training: arguments.training.clone(),
        labels: arguments.labels.clone(),
        retriever: arguments.retriever,
        weights: arguments.weights,
        processes: arguments.processes,
    };
    let model = train::run(&arguments.data, &options)?;
    println!("the model is in {} and is current ({:.0} s)", model.display(), begun.elapsed().as_secs_f64());
    Ok(())
}

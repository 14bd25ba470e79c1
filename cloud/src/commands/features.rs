//! `segue features`: the exact model inputs that serving computes, for training.

use std::path::PathBuf;

use crate::catalog::Catalogue;
use crate::examples::{ranker, towers};

/// Arguments of `segue features`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    model: Model,
}

#[derive(clap::Subcommand)]
enum Model {
    /// What the two towers learn from.
    Towers {
        /// The data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where the arrays go.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// What the session ranker learns from.
    Ranker {
        /// The data folder.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where the arrays go.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The folder with item_tower.onnx and user_tower.onnx.
        #[arg(long, value_name = "DIR")]
        towers: PathBuf,
    },
}

/// Runs `segue features`; the last line printed is a JSON object with what was written.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let summary = match &arguments.model {
        Model::Towers { data, out } => serde_json::to_string(&towers::write(&Catalogue::load(data)?, out)?),
        Model::Ranker { data, out, towers } => {
            serde_json::to_string(&ranker::write(&Catalogue::load(data)?, towers, out)?)
        }
    };
    println!("{}", summary?);
    Ok(())
}

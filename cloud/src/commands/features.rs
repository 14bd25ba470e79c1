//! `segue features`: the exact model inputs that serving computes, for training.

use std::path::PathBuf;

use anyhow::Context;
use segue_core::features::Schema;

use crate::catalog::Catalogue;
use crate::evaluate::LabelRules;
use crate::examples::{baskets, logged, ranker, towers};
use crate::refresh::Policies;

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
    /// What item vectors learn from: what was taken up together, and the words that describe it.
    Baskets {
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
        #[arg(long, value_name = "DIR", required_unless_present = "baskets")]
        towers: Option<PathBuf>,
        /// Instead of towers: the folder of `segue features baskets`, with vectors.npy in each of its numbered folders.
        #[arg(long, value_name = "DIR", conflicts_with = "towers")]
        baskets: Option<PathBuf>,
        /// Label rules in place of the data folder's labels.json, else of those that ship.
        #[arg(long, value_name = "FILE")]
        labels: Option<PathBuf>,
    },
    /// What the session ranker learns from where hosts keep feature logs.
    Logged {
        /// The data folder, with the events about the slates.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where the arrays go.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// JSON lines of `user`, `slate` and `features`.
        #[arg(long, value_name = "FILE")]
        logs: PathBuf,
        /// The schema.json of the ranker that was served.
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Label rules in place of the data folder's labels.json, else of those that ship.
        #[arg(long, value_name = "FILE")]
        labels: Option<PathBuf>,
    },
}

/// Runs `segue features`; the last line printed is a JSON object with what was written.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let summary = match &arguments.model {
        Model::Towers { data, out } => serde_json::to_string(&towers::write(&Catalogue::load(data)?, out)?),
        Model::Baskets { data, out } => serde_json::to_string(&baskets::write(&Catalogue::load(data)?, out)?),
        Model::Ranker { data, out, towers, baskets, labels } => {
            let catalogue = Catalogue::load(data)?;
            let surface = &catalogue.dataset.surface;
            let policy = Policies::read(data)?.of(surface)?;
            let rules = LabelRules::of_data(data, labels.as_deref(), surface)?;
            let towers = towers.clone().map(ranker::Retrieval::Towers);
            let retrieval = towers.or_else(|| baskets.clone().map(ranker::Retrieval::Baskets));
            let retrieval = retrieval.context("--towers or --baskets says what makes the vectors")?;
            serde_json::to_string(&ranker::write(&catalogue, &policy, &retrieval, &rules, out)?)
        }
        Model::Logged { data, out, logs, schema, labels } => {
            let bytes = std::fs::read(schema).with_context(|| format!("cannot read {}", schema.display()))?;
            let schema = Schema::from_json(&bytes)?;
            let catalogue = Catalogue::load(data)?;
            let rules = LabelRules::of_data(data, labels.as_deref(), &catalogue.dataset.surface)?;
            serde_json::to_string(&logged::write(&catalogue, &schema, &rules, logs, out)?)
        }
    };
    println!("{}", summary?);
    Ok(())
}

//! The retrieval part of a refresh, beside faiss over the same vectors.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::commands::bench::Figures;
use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::tools::python;

/// Items to choose from.
const ITEMS: &str = "100000";
/// What the peer is installed from.
const REQUIREMENTS: &str = "tests/bench/requirements.lock";
const PEER: &str = "tests/bench/faiss_peer.py";
/// What is measured only where there is a graphics card, and what the program calls it.
pub(super) const CARD: [(&str, &str); 3] = [
    ("retrieval_card_per_second", "per_second"),
    ("retrieval_card_matrix_share", "matrix_share"),
    ("towers_card_users_per_second", "users_per_second"),
];

/// Queries a second on one core, by each of our indices and by faiss; beside it the index that `docs/OPERATIONS.md`
/// recommends for so many items, and the graph.
///
/// # Errors
/// When one of the programs fails.
pub(super) fn measure(paths: &Paths, step: &Step) -> anyhow::Result<Figures> {
    let folder = paths.cache.join("bench-retrieval");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut ours = shell::cargo(paths, ["run", "--locked", "--release", "--package", "segue-cloud"]);
    ours.args(["--no-default-features", "--features", "usearch", "--example", "retrieval", "--"]);
    let ours = shell::last_json(&shell::run(step, ours.arg(&folder).arg(ITEMS))?)?;
    let python = python::with_requirements(paths, step, &paths.file(REQUIREMENTS))?;
    let mut peer = shell::program(paths, python, [PEER]);
    let theirs = shell::last_json(&shell::run(step, peer.arg(&folder))?)?;
    let mut figures = Figures::from_iter([
        ("retrieval_usearch_per_second".to_owned(), ours["usearch"]["per_second"].clone()),
        ("retrieval_hnsw_per_second".to_owned(), ours["hnsw"]["per_second"].clone()),
        ("retrieval_exact_per_second".to_owned(), ours["exact"]["per_second"].clone()),
        ("retrieval_faiss_per_second".to_owned(), theirs["per_second"].clone()),
        ("ratio_faiss_refresh".to_owned(), ratio(&ours["exact"]["per_second"], &theirs["per_second"])),
        ("ratio_faiss_usearch".to_owned(), ratio(&ours["usearch"]["per_second"], &theirs["per_second"])),
    ]);
    figures.extend(CARD.map(|(key, name)| (key.to_owned(), ours["card"][name].clone())));
    Ok(figures)
}

/// What a graph of usearch over a million items takes in memory.
///
/// # Errors
/// When the program fails.
pub(super) fn memory(paths: &Paths, step: &Step) -> anyhow::Result<Figures> {
    let mut program = shell::cargo(paths, ["run", "--locked", "--release", "--package", "segue-cloud"]);
    program.args(["--no-default-features", "--features", "usearch", "--example", "index_memory", "--"]);
    let figures = shell::last_json(&shell::run(step, program.arg("1000000"))?)?;
    Ok(Figures::from_iter([("usearch_f16_1m_64_bytes".to_owned(), figures["graph_bytes"].clone())]))
}

fn ratio(ours: &Value, theirs: &Value) -> Value {
    ours.as_f64().zip(theirs.as_f64()).map_or(Value::Null, |(ours, theirs)| json!(ours / theirs))
}

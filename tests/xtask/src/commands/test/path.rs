//! The whole path on a small generated catalogue and on public data sets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::paths::Paths;
use crate::steps::{Step, Steps};
use crate::whole_path::{self, CatalogueSize, Segue};

/// Small enough for every run, large enough that the index can be wrong.
const SMALL: CatalogueSize = CatalogueSize { tracks: 2_000, users: 200, seed: 11 };

/// Sessions replayed by an evaluation that only shows that it works.
const FEW_SESSIONS: u64 = 200;

/// The share of an exact search's results that the index has to find.
const LEAST_RECALL: f64 = 0.95;

/// A public data set whose whole path is tried.
struct PublicSet {
    format: &'static str,
    folder: &'static str,
    /// Whether its people have names; sessions of nobody cannot be replayed on somebody's pack.
    has_users: bool,
}

const PUBLIC: [PublicSet; 2] = [
    PublicSet { format: "movielens", folder: "ml-latest-small", has_users: true },
    PublicSet { format: "eshop", folder: "eshop", has_users: false },
];

/// Generate, refresh, serve, re-rank under Node, evaluate. Returns the data folder.
pub(super) fn generated(
    paths: &Paths,
    steps: &Steps,
    segue: &Segue,
    player: Option<&Path>,
) -> Option<PathBuf> {
    let data = steps.run("generated: catalogue", |step| segue.generated(paths, step, SMALL))?;
    refresh_and_serve(paths, steps, segue, "generated", &data)?;
    if player.is_some() {
        steps.run("generated: re-rank under Node", |step| {
            let server = segue.serve(paths, step, &data, player, 0)?;
            whole_path::rerank_under_node(paths, step, &server)
        });
    } else {
        steps.skip("generated: re-rank under Node", "the npm package was not built", "cargo xtask wasm");
    }
    steps.run("generated: evaluate", |step| {
        let report = segue.evaluate(paths, step, &data, Path::new("demo"), FEW_SESSIONS)?;
        beats_static(&report)
    });
    Some(data)
}

/// Whether `model` re-ranks held-out generated sessions better than the pack's own order.
///
/// # Errors
/// When it does not, or does not fit.
pub(super) fn judge(paths: &Paths, step: &Step, segue: &Segue, model: &Path) -> anyhow::Result<()> {
    let data = segue.generated(paths, step, SMALL)?;
    beats_static(&segue.evaluate(paths, step, &data, model, FEW_SESSIONS)?)
}

/// Import, refresh, serve, evaluate, where the data lies beside the checkout.
pub(super) fn public_data(paths: &Paths, steps: &Steps, segue: &Segue) {
    for set in PUBLIC {
        let format = set.format;
        let source = paths.public_data().join(set.folder);
        if !source.is_dir() {
            let reason = format!("{} is not there", source.display());
            let command = format!("segue import {format} PATH --data D && segue refresh --data D");
            steps.skip(&format!("{format}: whole path"), &reason, &command);
            continue;
        }
        public_set(paths, steps, segue, &set, &source);
    }
}

fn public_set(paths: &Paths, steps: &Steps, segue: &Segue, set: &PublicSet, source: &Path) -> Option<()> {
    let format = set.format;
    let data = paths.cache.join("test-data").join(format);
    steps.run(&format!("{format}: import"), |step| {
        empty(&data)?;
        let report = segue.import(paths, step, format, source, &data)?;
        positive(&report, "events")
    })?;
    refresh_and_serve(paths, steps, segue, format, &data)?;
    if !set.has_users {
        return Some(());
    }
    steps.run(&format!("{format}: evaluate"), |step| {
        let report = segue.evaluate(paths, step, &data, Path::new("none"), FEW_SESSIONS)?;
        whole_path::ndcg(&report, "segue")
    })?;
    Some(())
}

fn refresh_and_serve(paths: &Paths, steps: &Steps, segue: &Segue, name: &str, data: &Path) -> Option<()> {
    steps.run(&format!("{name}: refresh"), |step| refresh(paths, step, segue, data))?;
    steps.run(&format!("{name}: serve"), |step| whole_path::probe(paths, step, segue, data))
}

fn refresh(paths: &Paths, step: &Step, segue: &Segue, data: &Path) -> anyhow::Result<()> {
    let report = segue.refresh(paths, step, data)?;
    positive(&report, "packs")?;
    let own = report["self_recall"].as_f64().context("the refresh reports no self_recall")?;
    let recall = report["recall_at_100"].as_f64().context("the refresh reports no recall_at_100")?;
    if own < 1.0 || recall < LEAST_RECALL {
        bail!("self_recall is {own}, expected 1; recall_at_100 is {recall}, expected {LEAST_RECALL} or more");
    }
    Ok(())
}

fn positive(report: &Value, key: &str) -> anyhow::Result<()> {
    match report[key].as_u64() {
        Some(count) if count > 0 => Ok(()),
        _ => bail!("the report's `{key}` is {}, expected more than 0", report[key]),
    }
}

fn beats_static(report: &Value) -> anyhow::Result<()> {
    let (fixed, reranked) = (whole_path::ndcg(report, "static")?, whole_path::ndcg(report, "segue")?);
    if reranked <= fixed {
        bail!("NDCG@10 re-ranked is {reranked}, not above the static order's {fixed}");
    }
    Ok(())
}

/// Removes the folder, where there is one.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

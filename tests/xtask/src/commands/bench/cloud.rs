//! Import and refresh.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Figures;
use super::report::Report;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::onnxruntime;
use crate::whole_path::{CatalogueSize, Segue};

/// The demo's catalogue.
const SIZE: CatalogueSize = CatalogueSize { tracks: 20_000, users: 2_000, seed: 7 };

/// Builds with full optimisation and measures both.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    if let Some(figures) = figures(paths, steps) {
        report.add(&figures);
    }
}

/// The release build of `segue` and the demo's catalogue.
pub(super) fn prepare(paths: &Paths, steps: &Steps) -> Option<(Segue, PathBuf)> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    let executable = steps.run("cloud: compile", |step| build(paths, step))?;
    let segue = Segue { executable, library };
    let data = steps.run("cloud: generate", |step| segue.generated(paths, step, SIZE))?;
    Some((segue, data))
}

fn figures(paths: &Paths, steps: &Steps) -> Option<Figures> {
    let (segue, data) = prepare(paths, steps)?;
    let mut figures = Figures::new();
    if let Some(rate) = steps.run("cloud: import", |step| import(paths, step, &segue, &data)) {
        figures.insert("import_rows_per_second".to_owned(), rate);
    }
    if let Some(report) = steps.run("cloud: refresh", |step| segue.refresh(paths, step, &data)) {
        figures.insert("refresh_users_per_second".to_owned(), report["refresh_users_per_second"].clone());
    }
    Some(figures)
}

fn build(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    let arguments = ["build", "--locked", "--release", "--package", "segue-cloud", "--no-default-features"];
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    Ok(paths.executable("release", "segue"))
}

/// Rows of all four tables read and stored again in a second, as JSON Lines.
fn import(paths: &Paths, step: &Step, segue: &Segue, source: &Path) -> anyhow::Result<Value> {
    let data = paths.cache.join("bench-import");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    let started = Instant::now();
    let report = segue.import(paths, step, "jsonl", source, &data)?;
    let seconds = started.elapsed().as_secs_f64();
    let rows = report["rows"].as_u64().unwrap_or(0);
    if rows == 0 {
        bail!("the import read no row: {report}");
    }
    Ok(json!((rows as f64 / seconds).round()))
}

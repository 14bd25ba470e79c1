//! The engine on this machine's processor, ONNX Runtime beside it, and how well its ranker ranks.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Figures;
use super::native::Native;
use super::report::Report;
use crate::paths::Paths;
use crate::stamp;
use crate::steps::Steps;
use crate::tools::onnxruntime;
use crate::training;

/// Builds with full optimisation and measures.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    report.add(&steps.run("engine: quality of the ranker", |_| quality(paths)).unwrap_or_default());
    let Some(native) = steps.run("engine: compile", |step| Native::build(paths, step)) else { return };
    let figures =
        steps.run("engine: measure", |step| native.figures(step, &mut native.command(paths, "engine")));
    report.add(&figures.unwrap_or_default());
    let figures =
        steps.run("engine: one more like", |step| native.figures(step, &mut native.command(paths, "likes")));
    report.add(&figures.unwrap_or_default());
    let figures = steps.run("engine: beside ONNX Runtime", |step| {
        let library = onnxruntime::ensure(paths, step)?;
        native.figures(step, native.command(paths, "peers").env(onnxruntime::VARIABLE, library))
    });
    report.add(&figures.unwrap_or_default());
}

/// What training measured of the ranker and of the reference architecture, on one replay.
fn quality(paths: &Paths) -> anyhow::Result<Figures> {
    let folder = paths.file(training::MODELS);
    let text =
        std::fs::read(folder.join("quality.json")).context("`cargo xtask train` writes quality.json")?;
    let quality: Value = serde_json::from_slice(&text)?;
    let ranker = stamp::file_hash(&folder.join("ranker.onnx"))?;
    ensure!(quality["ranker"] == ranker.as_str(), "quality.json is about another ranker than {ranker}");
    quality.as_object().cloned().context("quality.json is no object")
}

//! The training's own tests, and training the models again.

use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use super::{path, rust, summary};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::onnxruntime;
use crate::training;
use crate::whole_path::Segue;

/// Runs them, or counts them as skipped.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool, segue: Option<&Segue>) {
    if !all {
        steps.skip("training tests", "installing PyTorch takes long", "cargo xtask test --all");
        steps.skip("training the demo's models again", "it takes long", "cargo xtask test --all");
        return;
    }
    let Some(segue) = segue else {
        steps.skip("training", "the `segue` command was not built", "cargo xtask test --all");
        return;
    };
    let packages = steps.run("training: Python packages", |step| training::packages(paths, step));
    let Some(python) = packages else { return };
    steps.run_counted("training tests", |step| {
        let mut command = shell::program(paths, &python, ["-m", "pytest", "-q"]);
        command.current_dir(paths.file(training::FOLDER)).env(onnxruntime::VARIABLE, &segue.library);
        rust::counted(step, &mut command, summary::of_pytest)
    });
    steps.run("training the demo's models again", |step| reproduce(paths, step, segue, &python));
}

/// How far NDCG@10 may be from the committed models'.
const NDCG_TOLERANCE: f64 = 0.005;

/// The models made now must be of the committed schema and re-rank as the committed ones are expected to.
fn reproduce(paths: &Paths, step: &Step, segue: &Segue, python: &Path) -> anyhow::Result<()> {
    let output = paths.cache.join("training/models");
    training::demo(paths, step, segue, python, &output)?;
    let committed = std::fs::read(paths.file(training::MODELS).join("schema.json"))?;
    if std::fs::read(output.join("schema.json"))? != committed {
        bail!("schema.json differs from the committed one in {}", training::MODELS);
    }
    path::judge(paths, step, segue, &output)?;
    same_quality(&quality(&output)?, &quality(&paths.file(training::MODELS))?)
}

fn quality(models: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(models.join("quality.json"))?)?)
}

/// Another kind of processor may give other last bits, and so another ranker; it is as good.
fn same_quality(made: &Value, committed: &Value) -> anyhow::Result<()> {
    for key in ["ndcg10_split", "ndcg10_reference"] {
        let [made, committed] = [made, committed].map(|quality| quality[key].as_f64().unwrap_or(f64::NAN));
        let is_near = (made - committed).abs() <= NDCG_TOLERANCE;
        if !is_near {
            bail!("{key} is {made}, committed is {committed}: run `cargo xtask train` and look at the card");
        }
    }
    Ok(())
}

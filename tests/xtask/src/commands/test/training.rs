//! The training's own tests, and training the models again.

use std::path::Path;

use anyhow::{Context as _, bail};
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
        steps.skip("training on a data folder", "it takes long", "cargo xtask test --all");
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
    steps.run("training on a data folder", |step| learn(paths, step, segue, &python));
    steps.run("training the demo's models again", |step| reproduce(paths, step, segue, &python));
}

/// What fills the data folder of a training that only shows that it works.
const TINY: [&str; 7] = ["generate", "--tracks", "300", "--users", "60", "--seed", "13"];
/// Sessions that its model is judged on.
const FEW_SESSIONS: &str = "50";

/// `segue train` on data of its own, with weights in 8 bits and then with a table beside towers, each judged.
fn learn(paths: &Paths, step: &Step, segue: &Segue, python: &Path) -> anyhow::Result<()> {
    let data = paths.cache.join("test-data/train");
    path::empty(&data)?;
    shell::run(step, &mut segue.command(paths, &TINY, &data))?;
    let mut train = segue.command(paths, &["train", "--weights", "int8"], &data);
    train.arg("--training").arg(paths.file(training::FOLDER)).arg("--python").arg(python);
    shell::run(step, &mut train)?;
    let model = data.join("models/current");
    for name in ["card.json", "ranker.onnx", "schema.json"] {
        if !model.join(name).is_file() {
            bail!("{} lacks {name}", model.display());
        }
    }
    let card = json(&model.join("card.json"))?;
    let weights = &card["training"]["weights"];
    if weights["type"] != "int8" {
        bail!("the card says the weights are {weights}, asked for was int8");
    }
    judge(paths, step, segue, &data)?;
    let mut train = segue.command(paths, &["train", "--retriever", "both"], &data);
    train.arg("--training").arg(paths.file(training::FOLDER)).arg("--python").arg(python);
    shell::run(step, &mut train)?;
    let card = json(&model.join("card.json"))?;
    for name in ["item_tower.onnx", "user_tower.onnx", "item_vectors.bin"] {
        if !card["files"][name].is_object() {
            bail!("the card of a model of both kinds tells of no {name}");
        }
    }
    judge(paths, step, segue, &data)
}

/// `segue evaluate`, which takes the model that is current.
fn judge(paths: &Paths, step: &Step, segue: &Segue, data: &Path) -> anyhow::Result<()> {
    let report = data.join("evaluate.json");
    let mut evaluate = segue.command(paths, &["evaluate", "--limit", FEW_SESSIONS], data);
    shell::run(step, evaluate.arg("--json").arg(&report))?;
    is_about(&json(&report)?, &data.join("models/current"))
}

/// The report names the model in `folder` and asked something.
fn is_about(report: &Value, folder: &Path) -> anyhow::Result<()> {
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if report["model"].as_str() != Some(&*name) || report["steps"].as_u64().unwrap_or(0) == 0 {
        bail!("model {} judged by {} steps, expected is {name}", report["model"], report["steps"]);
    }
    Ok(())
}

fn json(file: &Path) -> anyhow::Result<Value> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", file.display()))
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
    let quality = |models: &Path| json(&models.join("quality.json"));
    same_quality(&quality(&output)?, &quality(&paths.file(training::MODELS))?)
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

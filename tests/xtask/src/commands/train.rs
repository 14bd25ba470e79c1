//! `cargo xtask train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::demo;
use crate::paths::Paths;
use crate::steps::{self, Steps};
use crate::tools::onnxruntime;
use crate::training;
use crate::whole_path::Segue;

/// Arguments of `cargo xtask train`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the models go; without it over the committed ones.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Learn nothing: judge the models that are there, and write what is found into their card and `quality.json`.
    #[arg(long)]
    judge_only: bool,
}

/// Trains the demo's models again, or judges them alone.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "train")?;
    let output = arguments.out.clone().unwrap_or_else(|| paths.file(training::MODELS));
    let output = std::path::absolute(output)?;
    if train(&paths, &steps, &output, arguments.judge_only).is_some() {
        steps::print_result(&output.display().to_string());
    }
    Ok(steps.exit_code())
}

fn train(paths: &Paths, steps: &Steps, output: &Path, judge_only: bool) -> Option<()> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    let executable = steps.run("server: compile", |step| demo::build_server(paths, step))?;
    let python = steps.run("training: Python packages", |step| training::packages(paths, step))?;
    let segue = Segue { executable, library };
    if judge_only {
        return steps.run("judge: demo models", |step| training::judge(paths, step, &segue, &python, output));
    }
    steps.run("training: demo models", |step| training::demo(paths, step, &segue, &python, output))
}

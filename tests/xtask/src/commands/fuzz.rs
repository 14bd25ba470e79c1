//! `cargo xtask fuzz`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use crate::paths::Paths;
use crate::shell;
use crate::steps::{self, Step, Steps};
use crate::tools::cargo_fuzz;

/// The fuzzer's workspace.
const FOLDER: &str = "tests/fuzz";

/// Where inputs that did harm are kept for good.
const CRASHERS: &str = "tests/crashers";

/// The target that needs a scorer for rankers, which takes minutes to build.
const MODEL: &str = "model";

/// One input may take this many seconds and this many megabytes.
const LIMITS: [&str; 2] = ["-timeout=25", "-rss_limit_mb=2048"];

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The targets; all of them when none is named.
    targets: Vec<String>,
}

/// Runs each target, keeps what did harm, and prints one JSON object with runs and crashes by target.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "fuzz")?;
    let mut report = Map::new();
    if steps.run("cargo-fuzz", |step| cargo_fuzz::ensure(&paths, step)).is_some() {
        for target in chosen(&paths, &arguments.targets)? {
            steps.run(&format!("fuzz {target}"), |step| {
                let found = fuzz(&paths, step, &target, arguments.seconds)?;
                steps.say(&format!(
                    "           {target}: {} runs, {} crashes",
                    found["runs"], found["crashes"]
                ));
                let harmless = found["crashes"] == 0;
                report.insert(target.clone(), found);
                if harmless { Ok(()) } else { bail!("what did harm lies in {CRASHERS}/{target}") }
            });
        }
    }
    steps::print_result(&Value::Object(report).to_string());
    Ok(steps.exit_code())
}

/// The targets named, or all that have a program.
fn chosen(paths: &Paths, named: &[String]) -> anyhow::Result<Vec<String>> {
    let folder = paths.file(FOLDER).join("targets");
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        all.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    all.sort();
    match named.iter().find(|name| !all.contains(name)) {
        Some(unknown) => bail!("{unknown} is no target; there are {}", all.join(", ")),
        None if named.is_empty() => Ok(all),
        None => Ok(named.to_vec()),
    }
}

fn fuzz(paths: &Paths, step: &Step, target: &str, seconds: u32) -> anyhow::Result<Value> {
    let corpus = paths.cache.join("fuzz").join(target);
    let crashers = paths.file(CRASHERS).join(target);
    fs::create_dir_all(&crashers)?;
    seed(paths, step, target, &corpus)?;
    let before = files(&crashers);
    let (status, _) = shell::run_any(step, &mut fuzzer(paths, target, &corpus, &crashers, seconds))?;
    let crashes = files(&crashers) - before;
    if before + crashes == 0 {
        fs::remove_dir(&crashers)?;
    }
    if !status.success() && crashes == 0 {
        bail!("the fuzzer ended with {status} and kept no input");
    }
    let runs = runs(&step.log_text());
    if runs == 0 {
        bail!("the fuzzer tried nothing of {target}; its log has the reason");
    }
    Ok(json!({ "runs": runs, "crashes": crashes }))
}

/// Puts sound inputs into the corpus, for the fuzzer to start from.
fn seed(paths: &Paths, step: &Step, target: &str, corpus: &Path) -> anyhow::Result<()> {
    let arguments = ["run", "--locked", "--package", "segue-conformance", "--no-default-features", "--"];
    let mut command = shell::cargo(paths, arguments);
    shell::run(step, command.args(["seeds", target]).arg(corpus))?;
    Ok(())
}

/// Nothing of ours is unsafe, so no sanitizer slows the runs down: what is looked for are panics, overflows, hangs
/// and memory without end.
fn fuzzer(paths: &Paths, target: &str, corpus: &Path, crashers: &Path, seconds: u32) -> Command {
    let mut command = shell::cargo(paths, [cargo_fuzz::TOOLCHAIN, "fuzz", "run", "--sanitizer", "none"]);
    command.args(["--fuzz-dir", "."]).current_dir(paths.file(FOLDER)).env("RUST_BACKTRACE", "0");
    command.env("CARGO_TARGET_DIR", paths.target.join("fuzz"));
    if target == MODEL {
        command.args(["--features", "ranker"]);
    }
    command.arg(target).arg(corpus).arg("--").args(LIMITS).arg("-print_final_stats=1");
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", crashers.display()));
    command
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().flatten().count()
}

/// Reads libFuzzer's closing statistics.
fn runs(output: &str) -> u64 {
    let line = output.lines().rev().find_map(|line| line.split("number_of_executed_units:").nth(1));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_runs_is_read_from_the_closing_statistics() {
        assert_eq!(runs("Done\nstat::number_of_executed_units: 9432\nstat::peak_rss_mb: 32"), 9_432);
        assert_eq!(runs("ended early"), 0);
    }
}

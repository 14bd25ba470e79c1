//! `cargo xtask worker`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use crate::commands::test::{rust, summary};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{self, Counts, Step, Steps};
use crate::worker::{self, MODEL, WORKER};

/// What a deploy may upload, in bytes by gzip. The platform's own limit is 3 MB.
const SCRIPT_BYTES: u64 = 1_500_000;

/// Arguments of `cargo xtask worker`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Build the worker with a ranker, ready for `npx wrangler deploy`.
    Build {
        /// The folder with the ranker (ONNX) and its schema; without one the demo's.
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
    },
    /// Run the worker's tests on the real runtime, and deploy it dry.
    Test,
    /// Ask one isolate a million times and see that in the second half of them it does not grow.
    Soak {
        /// How many requests.
        #[arg(long, default_value_t = 1_000_000, value_name = "N")]
        requests: u64,
    },
}

/// Builds, tests or soaks the worker.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "worker")?;
    let model = match &arguments.action {
        Action::Build { model } => model.clone(),
        _ => None,
    };
    let model = model.unwrap_or_else(|| paths.file(MODEL));
    let built = steps.run("worker: build", |step| worker::build(&paths, step, &model));
    match (built, &arguments.action) {
        (None, _) => {}
        (_, Action::Build { .. }) => steps::print_result(&paths.file(WORKER).display().to_string()),
        (_, Action::Test) => test(&paths, &steps),
        (_, Action::Soak { requests }) => {
            steps.run("worker: soak", |step| soak(&paths, step, *requests));
        }
    }
    eprint!("\n{}", steps.table());
    steps::print_result(&steps.counts().closing_line());
    Ok(steps.exit_code())
}

/// The worker's tests, once it is built.
pub(crate) fn test(paths: &Paths, steps: &Steps) {
    steps.run_counted("worker: tests on workerd", |step| on_workerd(paths, step));
    steps.run("worker: dry deploy", |step| dry_deploy(paths, step));
}

fn on_workerd(paths: &Paths, step: &Step) -> anyhow::Result<((), Counts)> {
    let world = worker::world(paths, step)?;
    let mut command =
        shell::program(paths, worker::node(paths), ["--test", "--test-reporter=tap", "tests/*.test.mjs"]);
    command.current_dir(paths.file(WORKER)).env("SEGUE_WORLD", world);
    rust::counted(step, &mut command, summary::of_node)
}

/// Everything that a deploy does but the upload; what would be uploaded is within the limit.
fn dry_deploy(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    let output = paths.cache.join("worker-deploy");
    let arguments = ["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir"];
    let mut command = shell::program(paths, worker::node(paths), arguments);
    command.arg(output).current_dir(paths.file(WORKER)).env("WRANGLER_SEND_METRICS", "false");
    let bytes = uploaded_bytes(&shell::run(step, &mut command)?).context("wrangler did not tell the size")?;
    step.message(&format!("{bytes} bytes by gzip"));
    ensure!(bytes < SCRIPT_BYTES, "the script has {bytes} bytes by gzip, it may have {SCRIPT_BYTES}");
    Ok(())
}

/// The size by gzip in what wrangler prints: `Total Upload: 2000.00 KiB / gzip: 700.00 KiB`.
fn uploaded_bytes(output: &str) -> Option<u64> {
    let (_, told) = output.split_once("gzip:")?;
    let kibibytes: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some((kibibytes * 1024.0) as u64)
}

fn soak(paths: &Paths, step: &Step, requests: u64) -> anyhow::Result<()> {
    let world = worker::world(paths, step)?;
    let mut command = shell::program(paths, worker::node(paths), ["tests/support/soak.mjs"]);
    command.arg(requests.to_string()).current_dir(paths.file(WORKER)).env("SEGUE_WORLD", world);
    steps::print_result(shell::run(step, &mut command)?.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_by_gzip_is_read_from_what_wrangler_prints() {
        let printed =
            "Total Upload: 2048.50 KiB / gzip: 700.25 KiB\nYour Worker has access to the following bindings:";
        assert_eq!(uploaded_bytes(printed), Some(717_056));
        assert_eq!(uploaded_bytes("Total Upload: something"), None);
    }
}

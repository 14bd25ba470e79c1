//! `cargo xtask test`.

mod browser;
mod fuzz_api;
mod mobile;
mod path;
mod platforms;
pub(crate) mod rust;
mod skips;
pub(crate) mod summary;
mod training;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::bail;

use crate::checkout;
use crate::commands::{soak, wasm, worker as on_edge};
use crate::dependencies;
use crate::paths::Paths;
use crate::steps::{self, Steps};
use crate::tools::onnxruntime;
use crate::wasm::build_player;
use crate::whole_path::Segue;
use crate::worker;

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also run what is slow: the core's tests on ARM, all of the API's fuzzer, the training's own tests, training on a data folder, training the models again.
    #[arg(long)]
    all: bool,
    /// Run this part alone, and what it needs.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part that needs little of the others.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Part {
    /// The core for browsers and phones; with --all on ARM.
    Platforms,
    /// The training's own tests, training on a data folder and training the models again; with --all alone.
    Training,
}

/// Runs every check and counts them in the last line.
///
/// # Errors
/// When the project's folders cannot be used, or nothing would be tested.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if matches!((arguments.only, arguments.all), (Some(Part::Training), false)) {
        bail!(
            "without --all nothing of the training is tested; run `cargo xtask test --all --only training`"
        );
    }
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "test")?;
    match arguments.only {
        Some(part) => only(&paths, &steps, part, arguments.all),
        None => every(&paths, &steps, arguments.all),
    }
    eprint!("\n{}", steps.table());
    steps::print_result(&steps.counts().closing_line());
    Ok(steps.exit_code())
}

fn only(paths: &Paths, steps: &Steps, part: Part, all: bool) {
    match part {
        Part::Platforms => platforms::run(paths, steps, all),
        Part::Training => {
            let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step));
            let segue = rust::command(paths, steps, library);
            training::run(paths, steps, all, segue.as_ref());
        }
    }
}

fn every(paths: &Paths, steps: &Steps, all: bool) {
    steps.run("formatting", |step| rust::formatting(paths, step));
    steps.run_counted("licences and duplicate versions", |step| dependencies::check(paths, step));
    checkout::run(paths, steps);
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step));
    let (player, segue) = build_both(paths, steps, library);
    match &player {
        Some(_) => browser::vectors(paths, steps),
        None => steps.skip("golden vectors in browsers", "the npm package was not built", "cargo xtask wasm"),
    }
    match worker::is_built(paths) {
        true => on_edge::test(paths, steps),
        false => {
            steps.skip("worker: tests on workerd", "the worker was not built", "cargo xtask worker test")
        }
    }
    platforms::run(paths, steps, all);
    let data = match &segue {
        Some(segue) => whole_paths(paths, steps, segue, player, all),
        None => {
            steps.skip("whole paths", "the server was not built", "cargo xtask test");
            None
        }
    };
    mobile::run(paths, steps, all, segue.as_ref(), data.as_deref());
    training::run(paths, steps, all, segue.as_ref());
}

/// The browser's side is built next to the checks of the Rust side: its linker works on one core only.
fn build_both(paths: &Paths, steps: &Steps, library: Option<PathBuf>) -> (Option<PathBuf>, Option<Segue>) {
    thread::scope(|scope| {
        let browser = scope.spawn(|| {
            let tarball = wasm::package(paths, steps)?;
            let player = steps.run("player: types and build", |step| build_player(paths, step, &tarball));
            let model = paths.file(worker::MODEL);
            steps.run("worker: build", |step| worker::build(paths, step, &model));
            player
        });
        let segue = rust::all(paths, steps, library);
        (browser.join().ok().flatten(), segue)
    })
}

/// Returns the generated data, where it could be refreshed.
fn whole_paths(
    paths: &Paths,
    steps: &Steps,
    segue: &Segue,
    player: Option<PathBuf>,
    all: bool,
) -> Option<PathBuf> {
    let generated = path::generated(paths, steps, segue, player.as_deref());
    path::public_data(paths, steps, segue);
    if let Some(data) = &generated {
        soak::short(paths, steps, segue, data);
        fuzz_api::run(paths, steps, all, segue, data);
    }
    match (player, &generated) {
        (Some(player), Some(data)) => browser::run(paths, steps, segue, &player, data),
        _ => steps.skip("browser tests", "player or catalogue is missing", "cargo xtask test"),
    }
    generated
}

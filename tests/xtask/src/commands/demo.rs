//! `cargo xtask demo`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use serde_json::{Value, json};

use crate::commands::wasm;
use crate::paths::Paths;
use crate::server;
use crate::shell;
use crate::steps::{self, Step, Steps};
use crate::tools::onnxruntime;
use crate::wasm::build_player;
use crate::whole_path::{self, CatalogueSize, Segue};
use crate::worker;

/// Sessions that the demo's quality is measured on.
const JUDGED: u64 = 200;

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run the whole path once, print one JSON object and end.
    #[arg(long)]
    once: bool,
    /// Serve the anonymous player from the edge worker, before the cloud.
    #[arg(long, conflicts_with = "once")]
    worker: bool,
    #[command(flatten)]
    size: CatalogueSize,
    /// The port that API and player listen on.
    #[arg(long, default_value_t = 8787, value_name = "PORT")]
    port: u16,
}

/// Builds, generates, refreshes and serves.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "demo")?;
    // Before anything is built: the first run takes long.
    if !arguments.once {
        server::check_port(arguments.port)?;
    }
    if arguments.worker {
        return worker(&paths, &steps, arguments);
    }
    let Some(demo) = prepare(&paths, &steps, arguments) else { return Ok(steps.exit_code()) };
    if arguments.once {
        if let Some(report) = once(&paths, &steps, &demo) {
            eprint!("\n{}", steps.table());
            steps::print_result(&report.to_string());
        }
        return Ok(steps.exit_code());
    }
    serve(&paths, &steps, &demo, arguments.port)
}

/// The cloud on any port, the worker before it on the port asked for; both end with this command.
fn worker(paths: &Paths, steps: &Steps, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (built, catalogue) = thread::scope(|scope| {
        let model = paths.file(worker::MODEL);
        let built =
            scope.spawn(move || steps.run("worker: build", |step| worker::build(paths, step, &model)));
        let catalogue = catalogue(paths, steps, arguments);
        (built.join().ok().flatten(), catalogue)
    });
    let Some((segue, data, _)) = built.and(catalogue) else { return Ok(steps.exit_code()) };
    let Some(server) = steps.run("serve", |step| segue.serve(paths, step, &data, None, 0)) else {
        return Ok(steps.exit_code());
    };
    let mut command = shell::program(paths, worker::node(paths), ["tests/support/demo.mjs"]);
    command.arg(arguments.port.to_string()).current_dir(paths.file(worker::WORKER));
    let ended = command.env("SEGUE_URL", server.url()).status()?;
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Demo {
    segue: Segue,
    data: PathBuf,
    player: PathBuf,
    refresh: Value,
}

/// The browser's side and the server's side are built next to each other: the
/// linker of the first works on one core only.
fn prepare(paths: &Paths, steps: &Steps, arguments: &Arguments) -> Option<Demo> {
    thread::scope(|scope| {
        let browser = scope.spawn(|| player(paths, steps));
        let catalogue = catalogue(paths, steps, arguments);
        let player = browser.join().ok().flatten()?;
        let (segue, data, refresh) = catalogue?;
        Some(Demo { segue, data, player, refresh })
    })
}

fn player(paths: &Paths, steps: &Steps) -> Option<PathBuf> {
    let tarball = wasm::package(paths, steps)?;
    steps.run("player: build", |step| build_player(paths, step, &tarball))
}

fn catalogue(paths: &Paths, steps: &Steps, arguments: &Arguments) -> Option<(Segue, PathBuf, Value)> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    let executable = steps.run("server: compile", |step| build_server(paths, step))?;
    let segue = Segue { executable, library };
    let data = steps.run("catalogue: generate", |step| segue.generated(paths, step, arguments.size))?;
    let refresh = steps.run("catalogue: refresh", |step| match arguments.once {
        true => segue.refresh(paths, step, &data),
        // Whoever opens the page again should not wait for what is there.
        false => segue.refreshed(paths, step, &data),
    })?;
    Some((segue, data, refresh))
}

/// Builds `segue` with what the service uses: lists are ranked by the core's own operators, packs by ONNX Runtime.
///
/// # Errors
/// When the compiler fails.
pub(crate) fn build_server(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    let features = ["--no-default-features", "--features", "ranker"];
    let arguments = ["build", "--locked", "--package", "segue-cloud"].into_iter().chain(features);
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    Ok(paths.executable("debug", "segue"))
}

fn once(paths: &Paths, steps: &Steps, demo: &Demo) -> Option<Value> {
    let rerank = steps.run("serve and re-rank under Node", |step| {
        whole_path::probe(paths, step, &demo.segue, &demo.data)?;
        let server = demo.segue.serve(paths, step, &demo.data, Some(&demo.player), 0)?;
        whole_path::rerank_under_node(paths, step, &server)
    })?;
    let quality =
        steps.run("evaluate held-out sessions", |step| evaluate(paths, step, &demo.segue, &demo.data))?;
    Some(report(&demo.refresh, &rerank, quality))
}

/// NDCG@10 of the pack's own order and of the re-ranked one.
fn evaluate(paths: &Paths, step: &Step, segue: &Segue, data: &Path) -> anyhow::Result<(f64, f64)> {
    let report = segue.evaluate(paths, step, data, Path::new("demo"), JUDGED)?;
    Ok((whole_path::ndcg(&report, "static")?, whole_path::ndcg(&report, "segue")?))
}

fn report(refresh: &Value, rerank: &Value, (ndcg_static, ndcg_reranked): (f64, f64)) -> Value {
    json!({
        "tracks": refresh["items"],
        "users": refresh["users"],
        "packs": refresh["packs"],
        "self_recall": refresh["self_recall"],
        "recall_at_100": refresh["recall_at_100"],
        "refresh_users_per_second": refresh["refresh_users_per_second"],
        "rerank_ms_p50": rerank["rerank_ms_p50"],
        "rerank_ms_p99": rerank["rerank_ms_p99"],
        "ndcg_static": ndcg_static,
        "ndcg_reranked": ndcg_reranked,
    })
}

/// Ends as the server itself, so that whoever stops the command stops the server.
fn serve(paths: &Paths, steps: &Steps, demo: &Demo, port: u16) -> anyhow::Result<ExitCode> {
    let tried = steps.run("serve", |step| {
        server::check_port(port)?;
        demo.segue.serve(paths, step, &demo.data, Some(&demo.player), 0).map(drop)
    });
    if tried.is_none() {
        return Ok(steps.exit_code());
    }
    let address = server::address(port);
    steps::print_result(&format!("\nThe player is at http://{address}\nStop it with Ctrl-C."));
    let mut command = demo.segue.serve_command(paths, &demo.data, Some(&demo.player));
    server::become_server(command.arg("--listen").arg(address.to_string()))
}

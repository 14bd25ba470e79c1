//! `cargo xtask soak`: load, random kills and restarts; in the end every acknowledged event has to be there, once.
//!
//! The service is killed with SIGKILL every few seconds and so is a refresh beside it. The writers keep the ledger of what was
//! acknowledged to them; the service's own export is compared with it. Some send rows without ids and sign in later, some
//! send batches again after others, some ask to be forgotten. In the end what was counted is what a replay of the log counts.

mod clients;
mod judge;
mod service;
mod strangers;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::clients::Ledger;
use self::service::Service;
use super::demo::build_server;
use crate::paths::Paths;
use crate::steps::{self, Step, Steps};
use crate::tools::onnxruntime;
use crate::whole_path::{self, CatalogueSize, Segue};

/// Small, so that the service restarts in a moment.
const SIZE: CatalogueSize = CatalogueSize { tracks: 2_000, users: 200, seed: 11 };

/// Long enough for a kill or two.
const SHORT: Duration = Duration::from_secs(15);
/// How long somebody stays at most who is forgotten then.
const STAYS: Duration = Duration::from_secs(60);

/// Arguments of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long the load goes on.
    #[arg(long, default_value_t = 10, value_name = "N")]
    minutes: u64,
    /// Clients that write events at the same time.
    #[arg(long, default_value_t = 4, value_name = "N")]
    writers: u64,
    /// The seed of what is sent and when the service is killed.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// Soaks the service; the last line is `acknowledged=N lost=N duplicated=N`.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "soak")?;
    if let Some(verdict) = whole(&paths, &steps, arguments) {
        eprint!("\n{}", steps.table());
        steps::print_result(&verdict);
    }
    Ok(steps.exit_code())
}

fn whole(paths: &Paths, steps: &Steps, arguments: &Arguments) -> Option<String> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    let executable = steps.run("server: compile", |step| build_server(paths, step))?;
    let segue = Segue { executable, library };
    let source = steps.run("catalogue: generate", |step| segue.generated(paths, step, SIZE))?;
    steps.run("catalogue: refresh", |step| segue.refreshed(paths, step, &source))?;
    let load = Load {
        lasts: Duration::from_secs(60 * arguments.minutes),
        writers: arguments.writers,
        seed: arguments.seed,
    };
    soak(paths, steps, &segue, &source, load)
}

/// A few seconds of it, for every run of the tests. `source` is a data folder with a generation.
pub(crate) fn short(paths: &Paths, steps: &Steps, segue: &Segue, source: &Path) {
    soak(paths, steps, segue, source, Load { lasts: SHORT, writers: 2, seed: 1 });
}

/// What is done to the service.
#[derive(Clone, Copy)]
struct Load {
    lasts: Duration,
    writers: u64,
    seed: u64,
}

/// Soaks the service over a copy of `source`; returns the verdict once all of it could be looked at.
fn soak(paths: &Paths, steps: &Steps, segue: &Segue, source: &Path, load: Load) -> Option<String> {
    let data = paths.cache.join(format!("soak-{}", std::process::id()));
    let judged = steps.run("soak: load, kills and restarts", |step| {
        whole_path::share(source, &data).with_context(|| format!("cannot make {}", data.display()))?;
        let service = Service::new(paths, step, segue, &data, load.seed)?;
        let ledger = under_load(step, &service, load)?;
        service.start()?;
        let judged = judge::compare(&service, &ledger)?;
        judge::are_forgotten(&service, &ledger)?;
        service.stop();
        judge::look_into(&service, &ledger)?;
        steps.say(&format!("           {}", ledger.told(&service)));
        Ok(judged)
    })?;
    // What was lost is looked for in the folder.
    if judged.is_sound() {
        drop(fs::remove_dir_all(&data));
    }
    steps.run("soak: every acknowledged event is there, once", |_| judged.check(&data));
    Some(judged.to_string())
}

/// Clients and the killer, side by side, until the time is up.
fn under_load(step: &Step, service: &Service<'_>, load: Load) -> anyhow::Result<Ledger> {
    let ends = Instant::now() + load.lasts;
    let is_over = AtomicBool::new(false);
    service.start()?;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..load.writers)
            .map(|writer| {
                scope.spawn({
                    let is_over = &is_over;
                    move || clients::write(service, writer, load.seed, is_over)
                })
            })
            .collect();
        let visitor = scope.spawn(|| strangers::visit(service, load.seed, &is_over));
        let leaver =
            scope.spawn(|| strangers::leave(service, load.seed, STAYS.min(load.lasts / 4), &is_over));
        let reader = scope.spawn(|| clients::read(service, &is_over));
        let refresher = scope.spawn(|| service.refresh_and_kill(&is_over));
        let killed = service.kill_until(ends, |left| step.message(&format!("{} s left", left.as_secs())));
        is_over.store(true, Ordering::Release);
        let mut ledger = Ledger::default();
        for writer in writers.into_iter().chain([visitor, leaver]) {
            ledger.add(writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??);
        }
        ledger.lists = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        refresher.join().map_err(|_| anyhow::anyhow!("the refresher panicked"))??;
        killed?;
        Ok(ledger)
    })
}

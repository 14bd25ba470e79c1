//! `segue serve`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::settings::{From, observe};
use crate::app::router;
use crate::clock::now_ms;
use crate::config::Settings;
use crate::consumers;
use crate::erasure;
use crate::expiry;
use crate::jobs::{Job, Kind, Runner, Timer};
use crate::keeper::{Chore, Keeper};
use crate::near::is_loopback;
use crate::onnx::card;
use crate::server;
use crate::state::AppState;
use crate::stores::{Processes, Task};
use crate::tls::{self, Pair};
use crate::training_log;

/// How often the service has old events let go of.
const EXPIRE: Duration = Duration::from_secs(24 * 3_600);

/// How soon the service tries again what somebody else keeps it from, such as an erasure, which takes minutes.
const SOON: Duration = Duration::from_secs(300);

/// How often the service looks for a new generation.
const LOOK: Duration = Duration::from_secs(1);

/// How often it looks for a renewed certificate: before the image's health check, which believes the one in the file, gives up.
const RENEWED: Duration = Duration::from_secs(20);

/// How often it writes down how far events were acknowledged, where some came since.
const WRITE_DOWN: Duration = Duration::from_secs(30);

/// Arguments of `segue serve`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// Where to listen; port 0 takes any free one. 127.0.0.1:8787 without it.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The player's built files, served at `/`.
    #[arg(long, value_name = "DIR")]
    player: Option<PathBuf>,
    /// Refresh from time to time: 30m, 2h.
    #[arg(long, value_name = "SPAN")]
    refresh_every: Option<String>,
    /// A web origin that may call the API from a browser; may be given several times.
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    cors_origins: Vec<String>,
    /// A file with the keys of services, one a line; see docs/API.md. SEGUE_SERVICE_KEYS holds more, separated by commas.
    #[arg(long, value_name = "FILE")]
    service_keys: Option<PathBuf>,
}

impl Arguments {
    fn settings(&self) -> anyhow::Result<Settings> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let origins = (!self.cors_origins.is_empty()).then(|| self.cors_origins.join(","));
        self.from.settings([
            ("serve.listen", self.listen.clone()),
            ("serve.player", path(&self.player)),
            ("serve.refresh_every", self.refresh_every.clone()),
            ("serve.cors_origins", origins),
            ("serve.service_keys_file", path(&self.service_keys)),
        ])
    }
}

/// Runs `segue serve`.
///
/// # Errors
/// Says what could not be read or listened on.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = arguments.settings()?;
    let _traces = observe(&settings)?;
    card::use_so(settings.refresh.card);
    let pair = settings.tls()?;
    let state = AppState::open(settings.config()?)?;
    metrics::gauge!("segue_generation_period_seconds").set(settings.serve.refresh_period().as_secs_f64());
    let runner = start_runner(arguments, &state, settings.serve.refresh_every)?;
    let keepers = start_keepers(arguments, &settings, &state)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(&settings.serve.listen, pair, Arc::clone(&state)));
    drop((runner, keepers));
    // Ends every task that holds the state; dropping the last hold then waits for the event writer.
    drop(runtime);
    result
}

fn start_runner(arguments: &Arguments, state: &AppState, every: Option<Duration>) -> anyhow::Result<Runner> {
    let program = std::env::current_exe().context("finding this program, to start refreshes")?;
    let created_ms =
        state.published().ok().and_then(|published| Some(published.verified.as_ref()?.manifest.created_ms));
    let timer = every.map(|every| Timer { first: first_wait(every, created_ms, now_ms()), every });
    let (data, config) = (state.config.data.clone(), arguments.from.config.clone());
    let folder = data.clone();
    let task = move |job: &Job| job_task(&program, &folder, config.as_deref(), job);
    let tasks = Processes::default();
    Runner::start(Arc::clone(&state.jobs), data, tasks, timer, task)
        .context("starting the thread of refreshes")
}

/// What is done from time to time beside the service.
fn start_keepers(
    arguments: &Arguments,
    settings: &Settings,
    state: &AppState,
) -> anyhow::Result<Vec<Keeper>> {
    let data = &state.config.data;
    let writing = state.config.training_log_every.map(|every| Chore {
        name: "training-log",
        every,
        start: Duration::from_secs(60),
        soon: SOON,
        last_ms: training_log::last_run_ms(data),
        count: |result| {
            metrics::counter!("segue_training_log_runs_total", "result" => result).increment(1);
        },
    });
    // The child reads by itself for how long events are kept.
    let expiring = settings.serve.keep_events.map(|_| Chore {
        name: "expire-events",
        every: EXPIRE,
        start: Duration::from_secs(600),
        soon: SOON,
        last_ms: expiry::last_run_ms(data),
        count: |result| {
            metrics::counter!("segue_expire_events_runs_total", "result" => result).increment(1);
        },
    });
    writing.into_iter().chain(expiring).map(|chore| start_keeper(arguments, data, chore)).collect()
}

/// A chore's name is that of the command that does it.
fn start_keeper(arguments: &Arguments, data: &Path, chore: Chore) -> anyhow::Result<Keeper> {
    let program = std::env::current_exe().context("finding this program, to do what is due")?;
    let (data, config) = (data.to_owned(), arguments.from.config.clone());
    let command = move || {
        let mut command = Command::new(&program);
        command.args([chore.name, "--attended", "--data"]).arg(&data);
        if let Some(config) = &config {
            command.arg("--config").arg(config);
        }
        command
    };
    Keeper::start(chore, command).with_context(|| format!("starting the thread of {}", chore.name))
}

/// The command that an operator would give: `segue refresh` or `segue rollback`. A refresh whose process dies goes on where
/// it was; a rollback may have published already.
fn job_task(program: &Path, data: &Path, config: Option<&Path>, job: &Job) -> Task {
    let mut task =
        Task::new(program).with([OsStr::new(job.kind.name()), OsStr::new("--data"), data.as_os_str()]);
    task.retries = u32::from(job.kind == Kind::Refresh);
    match (job.kind, config, job.to) {
        (Kind::Refresh, Some(config), _) => task.with([OsStr::new("--config"), config.as_os_str()]),
        (Kind::Rollback, _, Some(to)) => task.with(["--to".to_owned(), to.to_string()]),
        _ => task,
    }
}

/// What is left until the generation in force is `every` old; nothing without one: a service that is started again and
/// again refreshes all the same.
fn first_wait(every: Duration, created_ms: Option<i64>, now_ms: i64) -> Duration {
    let Some(created_ms) = created_ms else { return Duration::ZERO };
    let age_ms = u64::try_from(now_ms.saturating_sub(created_ms)).unwrap_or(0);
    every.saturating_sub(Duration::from_millis(age_ms))
}

async fn serve(listen: &str, pair: Option<Arc<Pair>>, state: Arc<AppState>) -> anyhow::Result<()> {
    let tls = pair.clone().map(tls::acceptor).transpose()?;
    let stop = stop_signal()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}; give another address with --listen"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    announce(&format!("{scheme}://{}", listener.local_addr()?), &state);
    if state.config.callers.people.is_none() && !is_loopback(listen) {
        tracing::warn!(
            listen,
            "open to other machines without checking who asks: whoever reaches it gets anybody's pack (people_unchecked)"
        );
    }
    let looking = tokio::spawn(look_for_generations(Arc::clone(&state)));
    let erasing = tokio::spawn(erasure::keep_carrying(Arc::clone(&state)));
    let counting = tokio::spawn(consumers::keep_counting(Arc::clone(&state)));
    let measuring = tokio::spawn(consumers::keep_measuring(Arc::clone(&state)));
    let writing = tokio::spawn(keep_writing_down(Arc::clone(&state)));
    let renewing = pair.map(|pair| tokio::spawn(tls::keep_looking(pair, RENEWED)));
    let (limits, counters) = (state.config.limits, state.counting.clone());
    server::run(listener, router(state), limits, tls, stop).await;
    let tasks = [looking, erasing, counting, measuring, writing];
    tasks.iter().chain(&renewing).for_each(tokio::task::JoinHandle::abort);
    counters.save()
}

/// The first line is for programs: `listening on URL`.
fn announce(url: &str, state: &AppState) {
    let mut lines = format!("listening on {url}\n");
    match state.published() {
        Ok(published) => {
            let (generation, packs) = (published.packs.number(), published.packs.packs());
            lines.push_str(&format!("generation {generation}, {packs} packs\n"));
        }
        Err(error) => lines.push_str(&format!("not ready: {}\n", error.detail)),
    }
    if state.config.player.is_some() {
        lines.push_str(&format!("the player is at {url}/\n"));
    }
    let mut output = std::io::stdout().lock();
    if let Err(error) = output.write_all(lines.as_bytes()).and_then(|()| output.flush()) {
        // Whoever started the service may have closed its output: no reason not to serve.
        tracing::warn!(%error, url, "the address could not be printed");
    }
}

async fn look_for_generations(state: Arc<AppState>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let state = Arc::clone(&state);
        let looked = tokio::task::spawn_blocking(move || {
            state.reload();
            state.workshop.look(&state);
            state.metrics.run_upkeep();
        });
        if let Err(error) = looked.await {
            tracing::error!(%error, "looking for a new generation failed");
        }
    }
}

/// Beside the commits, and also where none follows: what was received last before a night may rot in it.
async fn keep_writing_down(state: Arc<AppState>) {
    let mut ticks = tokio::time::interval(WRITE_DOWN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        state.events.write_down();
    }
}

/// Ends with Ctrl-C or SIGTERM.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: open requests are finished first");
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Jobs;

    #[test]
    fn a_job_is_the_command_that_an_operator_would_give() {
        let data = tempfile::tempdir().unwrap();
        let line = |kind, to| {
            let job = Jobs::open(data.path()).ask(kind, to).unwrap().unwrap();
            let task = job_task(Path::new("segue"), Path::new("D"), Some(Path::new("C")), &job);
            task.arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line(Kind::Refresh, None), "refresh --data D --config C");
        assert_eq!(line(Kind::Rollback, Some(3)), "rollback --data D --to 3");
    }

    #[test]
    fn a_restart_does_not_put_off_the_refresh_that_is_due() {
        let every = Duration::from_secs(1_800);
        assert_eq!(first_wait(every, Some(0), 1_200_000), Duration::from_secs(600));
        assert_eq!(first_wait(every, Some(0), 9_000_000), Duration::ZERO);
        assert_eq!(first_wait(every, None, 0), Duration::ZERO);
        // A clock that was set back.
        assert_eq!(first_wait(every, Some(5_000), 0), every);
    }
}

//! `segue serve`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::router;
use crate::auth::{self, ServiceKeys};
use crate::clock::now_ms;
use crate::config::Config;
use crate::erasure;
use crate::refresh::parse_duration;
use crate::refresher::Refresher;
use crate::server;
use crate::state::AppState;

/// How often the service looks for a new generation.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `segue serve`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where to listen; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: String,
    /// The player's built files, served at `/`.
    #[arg(long, value_name = "DIR")]
    pub player: Option<PathBuf>,
    /// Refresh from time to time: 30m, 2h.
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub refresh_every: Option<Duration>,
    /// A web origin that may call the API from a browser; may be given several times.
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,
    /// A file with the keys of services, one a line; see docs/API.md. SEGUE_SERVICE_KEYS holds more, separated by commas.
    #[arg(long, value_name = "FILE")]
    pub service_keys: Option<PathBuf>,
}

/// Runs `segue serve`.
///
/// # Errors
/// Says what could not be read or listened on.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    log_to_stderr();
    let mut config = Config::new(&arguments.data);
    config.player = arguments.player.clone();
    config.cors_origins = check_origins(&arguments.cors_origins)?;
    config.service_keys =
        ServiceKeys::read(arguments.service_keys.as_deref(), std::env::var(auth::VARIABLE).ok().as_deref())?;
    if let Some(player) = &config.player {
        anyhow::ensure!(
            player.join("index.html").is_file(),
            "{} has no index.html: `cargo xtask demo` builds the player into web-demo/dist",
            player.display()
        );
    }
    let state = AppState::open(config)?;
    let refresher =
        arguments.refresh_every.map(|every| start_refresher(arguments, &state, every)).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(arguments, Arc::clone(&state)));
    drop(refresher);
    // Ends every task that holds the state; dropping the last hold then waits for the event writer.
    drop(runtime);
    result
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SEGUE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if subscriber.try_init().is_err() {
        eprintln!("a log is installed already; this one is left out");
    }
}

fn check_origins(origins: &[String]) -> anyhow::Result<Vec<String>> {
    for origin in origins {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        anyhow::ensure!(
            host.is_some_and(|host| !host.is_empty() && !host.contains('/') && host.is_ascii()),
            "`{origin}` is no web origin; write it as https://app.example.com, without a path"
        );
    }
    Ok(origins.to_vec())
}

fn start_refresher(arguments: &Arguments, state: &AppState, every: Duration) -> anyhow::Result<Refresher> {
    let program = std::env::current_exe().context("finding this program, to start refreshes")?;
    let created_ms =
        state.published().ok().and_then(|published| Some(published.verified.as_ref()?.manifest.created_ms));
    let first = first_wait(every, created_ms, now_ms());
    Refresher::start(program, arguments.data.clone(), first, every).context("starting the refresh timer")
}

/// What is left until the generation in force is `every` old; nothing without one: a service that is started again and
/// again refreshes all the same.
fn first_wait(every: Duration, created_ms: Option<i64>, now_ms: i64) -> Duration {
    let Some(created_ms) = created_ms else { return Duration::ZERO };
    let age_ms = u64::try_from(now_ms.saturating_sub(created_ms)).unwrap_or(0);
    every.saturating_sub(Duration::from_millis(age_ms))
}

async fn serve(arguments: &Arguments, state: Arc<AppState>) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let listener = TcpListener::bind(&arguments.listen)
        .await
        .with_context(|| format!("listening on {}; give another address with --listen", arguments.listen))?;
    announce(&format!("http://{}", listener.local_addr()?), &state);
    let looking = tokio::spawn(look_for_generations(Arc::clone(&state)));
    let erasing = tokio::spawn(erasure::keep_carrying(Arc::clone(&state)));
    let limits = state.config.limits;
    server::run(listener, router(state), limits, stop).await;
    looking.abort();
    erasing.abort();
    Ok(())
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
            state.metrics.run_upkeep();
        });
        if let Err(error) = looked.await {
            tracing::error!(%error, "looking for a new generation failed");
        }
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

//! What the commands that read `segue.toml` have in common.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Layers, LogFormat, Settings, Sources};
use crate::monitor::Traces;

/// Where the settings are, and the one that every command needs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct From {
    /// The settings' file; SEGUE_CONFIG, else segue.toml of the working folder if there is one, without it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

/// What a flag sets: the key's name, and the value if the flag was given.
pub(super) type Flag = (&'static str, Option<String>);

impl From {
    /// All layers, these flags on top.
    pub(super) fn layers(&self, flags: impl IntoIterator<Item = Flag>) -> Layers {
        let data = ("data", self.data.as_ref().map(|data| data.display().to_string()));
        let given = flags.into_iter().chain([data]).filter_map(|(name, value)| Some((name, value?)));
        Layers::read(&Sources::of_process(self.config.as_deref(), given.collect()))
    }

    /// The settings in force.
    ///
    /// # Errors
    /// Names every setting that cannot be taken.
    pub(super) fn settings(&self, flags: impl IntoIterator<Item = Flag>) -> anyhow::Result<Settings> {
        self.layers(flags).checked()
    }
}

/// Writes the log of this process to standard error and sends its traces, as the settings say. Traces go for as long as
/// what is returned lives.
///
/// # Errors
/// When the collector's address cannot be used.
pub(super) fn observe(settings: &Settings) -> anyhow::Result<Option<Traces>> {
    let set = &settings.traces;
    let traces =
        set.endpoint.as_deref().map(|endpoint| Traces::to(endpoint, set.per_thousand)).transpose()?;
    let spans = traces.as_ref().map(|traces| traces.layer().with_filter(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match settings.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(EnvFilter::new(&settings.log));
    if tracing_subscriber::registry().with(spans).with(lines).try_init().is_err() {
        eprintln!("a log is installed already; this one is left out");
    }
    Ok(traces)
}

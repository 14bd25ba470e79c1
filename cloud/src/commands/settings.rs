//! What the commands that read `segue.toml` have in common.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Layers, LogFormat, Settings, Sources};
use crate::doctor::Examined;
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

/// Arguments of the commands that look at a data folder and the service on it: `segue doctor` and `segue status`.
#[derive(Debug, Clone, clap::Args)]
pub struct Examining {
    #[command(flatten)]
    from: From,
    /// Where the service should answer, HOST:PORT or https://HOST:PORT, `none` not to look for it; where the settings say,
    /// without it.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

impl Examining {
    /// What is looked at.
    ///
    /// # Errors
    /// When the settings cannot be taken or no data folder is named.
    pub(super) fn examined(&self) -> anyhow::Result<Examined> {
        let settings = self.from.settings([])?;
        let mut examined = Examined::of(&settings)?;
        match self.service.as_deref() {
            Some("none") => examined.service = None,
            Some(address) => examined.service = Some(settings.serve.address(address)),
            None => {}
        }
        Ok(examined)
    }
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        examining: Examining,
    }

    #[test]
    fn the_service_is_looked_for_where_it_should_be_somewhere_else_or_not_at_all() {
        let service = |more: &[&str]| {
            let line = [&["status", "--data", "D"], more].concat();
            Command::parse_from(line).examining.examined().unwrap().service
        };
        assert_eq!(service(&[]).as_deref(), Some(Settings::default().serve.listen.as_str()));
        assert_eq!(service(&["--service", "10.0.0.1:1"]).as_deref(), Some("10.0.0.1:1"));
        assert_eq!(service(&["--service", "none"]), None);
    }

    #[test]
    fn a_service_with_a_certificate_is_asked_over_tls_unless_it_is_said_to_speak_plainly() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("segue.toml");
        std::fs::write(&config, "[serve]\ntls_certificate_file = \"C\"\ntls_key_file = \"K\"\n").unwrap();
        let examined = |more: &[&str]| {
            let line = [&["status", "--data", "D", "--config", config.to_str().unwrap()], more].concat();
            Command::parse_from(line).examining.examined().unwrap()
        };
        let listen = Settings::default().serve.listen;
        assert_eq!(examined(&[]).service, Some(format!("https://{listen}")));
        assert_eq!(examined(&[]).trusted, Some(PathBuf::from("C")));
        let given = |address: &str| examined(&["--service", address]).service.unwrap();
        assert_eq!(given("10.0.0.1:1"), "https://10.0.0.1:1");
        assert_eq!(given("http://10.0.0.1:1"), "http://10.0.0.1:1");
    }
}

//! Everything that can be set, typed, and what holds where nothing is said.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;

use super::{Config, Limits};
use crate::auth::{self, Callers, PersonTokens, ServiceKeys};
use crate::events::Filter;
use crate::index;
use crate::onnx::Card;
use crate::packs::GENERATIONS;
use crate::refresh::{HISTORY, NOBODYS_HISTORY};
use crate::tls::Pair;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Everything that can be set; `docs/OPERATIONS.md` lists the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The data folder.
    pub data: Option<PathBuf>,
    /// What is logged.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// Traces for OpenTelemetry.
    pub traces: Traces,
    /// The service.
    pub serve: Serve,
    /// How much the service takes in.
    pub limits: Limits,
    /// The refresh.
    pub refresh: Refresh,
    /// What counts for nothing, as no person acts so.
    pub filter: Filter,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The collector; nothing is traced without it.
    pub endpoint: Option<String>,
    /// How many of 1,000 requests are.
    pub per_thousand: u32,
}

/// Settings of `segue serve`.
#[derive(Debug, Clone, PartialEq)]
pub struct Serve {
    /// Where it listens; port 0 takes any free one.
    pub listen: String,
    /// The player's built files.
    pub player: Option<PathBuf>,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// The header in which a proxy names the client's address.
    pub client_header: Option<String>,
    /// The file with the service's certificate; without one it does not speak TLS.
    pub tls_certificate_file: Option<PathBuf>,
    /// The file with the certificate's private key.
    pub tls_key_file: Option<PathBuf>,
    /// The file with the keys of services.
    pub service_keys_file: Option<PathBuf>,
    /// The file with the public keys that people's tokens are checked by.
    pub person_key_file: Option<PathBuf>,
    /// Whom those tokens have to be for.
    pub person_audience: Option<String>,
    /// How old the generation in force becomes before the service starts a refresh.
    pub refresh_every: Option<Duration>,
    /// How often the hours of the training log are written that are due.
    pub training_log_every: Option<Duration>,
    /// How long received events are kept that no pack is made from any more; for ever without it.
    pub keep_events: Option<Duration>,
    /// How many of a thousand lists are kept with what the model saw.
    pub kept_lists: u32,
    /// Whether packs are made on demand and questions about items answered.
    pub on_demand: bool,
}

impl Serve {
    /// How a service is asked at `address`: as is written before it, `http://` or `https://`, else over TLS where these
    /// settings have a certificate.
    #[must_use]
    pub fn address(&self, address: &str) -> String {
        match &self.tls_certificate_file {
            Some(_) if !address.contains("://") => format!("https://{address}"),
            _ => address.to_owned(),
        }
    }

    /// How often a generation is expected: half an hour where something else starts the refreshes.
    #[must_use]
    pub fn refresh_period(&self) -> Duration {
        self.refresh_every.unwrap_or(Duration::from_secs(30 * 60))
    }
}

/// Settings of `segue refresh`.
#[derive(Debug, Clone, PartialEq)]
pub struct Refresh {
    /// How candidates are retrieved.
    pub index: index::Kind,
    /// How long packs and manifest are accepted by clients.
    pub lifetime: Duration,
    /// When to stop making lists anew, from the run's begin.
    pub deadline: Option<Duration>,
    /// How old an unchanged person's list may be; all are made anew without it.
    pub reuse: Option<Duration>,
    /// How many of a person's latest events are held while reading.
    pub history: usize,
    /// How many of the latest events that are nobody's are held likewise.
    pub nobodys_history: usize,
    /// Generations kept, to roll back to.
    pub keep: usize,
    /// How a graphics card is used, where there is one.
    pub card: Card,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            traces: Traces { endpoint: None, per_thousand: 100 },
            serve: Serve {
                listen: "127.0.0.1:8787".to_owned(),
                player: None,
                cors_origins: Vec::new(),
                client_header: None,
                tls_certificate_file: None,
                tls_key_file: None,
                service_keys_file: None,
                person_key_file: None,
                person_audience: None,
                refresh_every: None,
                training_log_every: Some(Duration::from_secs(3_600)),
                keep_events: Some(Duration::from_secs(90 * 86_400)),
                kept_lists: 10,
                on_demand: true,
            },
            limits: Limits::default(),
            refresh: Refresh {
                index: index::Kind::Hnsw,
                lifetime: Duration::from_secs(7 * 86_400),
                deadline: None,
                reuse: Some(Duration::from_secs(6 * 3_600)),
                history: HISTORY,
                nobodys_history: NOBODYS_HISTORY,
                keep: GENERATIONS,
                card: Card::default(),
            },
            filter: Filter::default(),
        }
    }
}

impl Settings {
    /// The data folder.
    ///
    /// # Errors
    /// When none was named.
    pub fn data(&self) -> anyhow::Result<&Path> {
        self.data
            .as_deref()
            .context("name the data folder: --data DIR, SEGUE_DATA, or `data = \"DIR\"` in segue.toml")
    }

    /// What the service is started with.
    ///
    /// # Errors
    /// When there is no data folder or player, a service key cannot be used, or settings do not fit each other.
    pub fn config(&self) -> anyhow::Result<Config> {
        self.keep_events()?;
        Ok(Config {
            player: self.player()?,
            cors_origins: self.serve.cors_origins.clone(),
            client_header: self.serve.client_header.clone(),
            callers: Callers { services: self.service_keys()?, people: self.people()? },
            training_log_every: self.serve.training_log_every,
            kept_lists: self.serve.kept_lists,
            on_demand: self.serve.on_demand,
            limits: self.limits,
            filter: self.filter,
            ..Config::new(self.data()?)
        })
    }

    /// How long received events are kept; none where all are.
    ///
    /// # Errors
    /// When their ids are to be known for longer: after a start these follow from the events.
    pub(super) fn keep_events(&self) -> anyhow::Result<Option<Duration>> {
        let (keep, window) = (self.serve.keep_events, self.limits.events.dedup_window);
        anyhow::ensure!(
            keep.is_none_or(|keep| keep >= window),
            "keep events for as long as their ids are known at least (limits.dedup_window), or for ever with `none`"
        );
        Ok(keep)
    }

    /// The player's files.
    ///
    /// # Errors
    /// When there are none where they should be.
    pub(super) fn player(&self) -> anyhow::Result<Option<PathBuf>> {
        let Some(player) = &self.serve.player else { return Ok(None) };
        anyhow::ensure!(
            player.join("index.html").is_file(),
            "{} has no index.html: `cargo xtask demo` builds the player into web-demo/dist",
            player.display()
        );
        Ok(Some(player.clone()))
    }

    /// What people's tokens are checked by, from the file or from the environment.
    ///
    /// # Errors
    /// When a key cannot be read or used.
    pub(super) fn people(&self) -> anyhow::Result<Option<PersonTokens>> {
        let secrets = auth::PERSON_VARIABLES.map(|name| std::env::var(name).ok());
        let (file, audience) = (self.serve.person_key_file.as_deref(), self.serve.person_audience.as_deref());
        PersonTokens::read(file, secrets.each_ref().map(Option::as_deref), audience)
    }

    /// The certificate with its key, where TLS is spoken.
    ///
    /// # Errors
    /// When certificate or key is missing or cannot be used.
    pub fn tls(&self) -> anyhow::Result<Option<Arc<Pair>>> {
        match (&self.serve.tls_certificate_file, &self.serve.tls_key_file) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Pair::open(certificate, key).map(Some),
            _ => anyhow::bail!("TLS needs serve.tls_certificate_file and serve.tls_key_file; one is missing"),
        }
    }

    /// The keys of services, from the file and from the environment.
    ///
    /// # Errors
    /// When the file cannot be read or a key is too short.
    pub(super) fn service_keys(&self) -> anyhow::Result<ServiceKeys> {
        let variable = std::env::var(auth::VARIABLE).ok();
        ServiceKeys::read(self.serve.service_keys_file.as_deref(), variable.as_deref())
    }
}

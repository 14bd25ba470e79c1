//! What is served, since when, and what is waiting: a glance, without a judgement.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::generation::shown;
use super::{Examined, ask};
use crate::erasure::Tombstones;
use crate::events;
use crate::keys::KeyStore;
use crate::monitor::free_bytes;
use crate::packs::PackStore;
use crate::refresh::Report;

/// The state of a data folder and its service; what cannot be read is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The data folder.
    pub data: PathBuf,
    /// Bytes free where it lies.
    pub free_bytes: Option<u64>,
    /// Where the service should answer.
    pub service: Option<String>,
    /// The generation it serves; none where it does not answer or has none.
    pub serving: Option<u64>,
    /// How long its oldest event waits for the disk, in seconds; none where it does not answer.
    pub event_lag_seconds: Option<f64>,
    /// How the generation in force was made.
    pub generation: Option<Report>,
    /// When, in milliseconds before now.
    pub age_ms: Option<i64>,
    /// For how long clients accept it, in milliseconds from now.
    pub left_ms: Option<i64>,
    /// Generations kept, to roll back to.
    pub kept: Vec<u64>,
    /// Events in the log.
    pub events: Option<u64>,
    /// When the last came in, in milliseconds before now; none without events.
    pub newest_event_ms: Option<i64>,
    /// People whose rows have still to be taken out.
    pub erasures_pending: Option<usize>,
    /// How often the signing key was rotated; none without keys.
    pub key_rotations: Option<usize>,
}

impl Status {
    /// Looks.
    #[must_use]
    pub fn of(examined: &Examined) -> Self {
        let data = &examined.data;
        let trusted = examined.trusted.as_deref();
        let answers = examined.service.as_deref().and_then(|address| ask(address, trusted).ok());
        let store = PackStore::new(data);
        let generation = store.open_current().ok().flatten();
        let report =
            generation.as_ref().and_then(|generation| Report::read(&store, generation.number()).ok());
        let manifest = generation
            .as_ref()
            .and_then(|generation| super::generation::manifest(examined, generation).ok()?);
        let log = events::check(data).ok();
        let newest = log.filter(|log| log.events > 0).map(|log| examined.now_ms - log.newest_ms);
        Self {
            data: data.clone(),
            free_bytes: free_bytes(data).ok(),
            service: examined.service.clone(),
            serving: answers.as_ref().and_then(|answers| answers.generation),
            event_lag_seconds: answers.map(|answers| answers.lag_seconds),
            age_ms: manifest.as_ref().map(|manifest| examined.now_ms - manifest.created_ms),
            left_ms: manifest.as_ref().map(|manifest| manifest.expires_ms - examined.now_ms),
            generation: report,
            kept: store.kept().unwrap_or_default(),
            events: log.map(|log| log.events),
            newest_event_ms: newest,
            erasures_pending: Tombstones::open(data).ok().map(|tombstones| tombstones.pending().len()),
            key_rotations: KeyStore::new(data).load().ok().map(|keys| keys.rotations()),
        }
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let ago = |ms: Option<i64>| ms.map_or("?".to_owned(), |ms| format!("{} ago", shown(ms.max(0))));
        let free = self
            .free_bytes
            .map_or("?".to_owned(), |free| format!("{:.1} GiB free", free as f64 / f64::from(1 << 30)));
        let service = match (&self.service, self.event_lag_seconds, self.serving) {
            (None, ..) => "not looked for".to_owned(),
            (Some(address), None, _) => format!("{address} does not answer"),
            (Some(address), Some(_), None) => format!("{address} answers and serves no generation"),
            (Some(address), Some(lag), Some(number)) => {
                format!("{address} serves generation {number}, oldest event waits {lag:.1} s")
            }
        };
        let unknown = || "none can be read".to_owned();
        let events = self.events.map_or_else(unknown, |count| match count {
            0 => "none received".to_owned(),
            count => format!("{count} in the log, the last {}", ago(self.newest_event_ms)),
        });
        let mut rows = vec![("data", format!("{}, {free}", self.data.display())), ("service", service)];
        rows.extend(self.generation_rows());
        rows.push(("events", events));
        let pending = self.erasures_pending.map_or_else(unknown, |count| format!("{count} pending"));
        rows.push(("erasures", pending));
        rows.push((
            "keys",
            self.key_rotations.map_or_else(unknown, |count| format!("rotated {count} times")),
        ));
        rows
    }

    fn generation_rows(&self) -> Vec<(&'static str, String)> {
        let Some(report) = &self.generation else {
            return vec![("generation", "none is published".to_owned())];
        };
        let span = |ms: Option<i64>| ms.map_or("?".to_owned(), |ms| shown(ms.max(0)));
        let kept: Vec<String> = self.kept.iter().map(u64::to_string).collect();
        vec![
            (
                "generation",
                format!("{}, made {} ago in {:.1} s", report.generation, span(self.age_ms), report.seconds),
            ),
            ("accepted", format!("for another {}", span(self.left_ms))),
            ("packs", format!("{}, {} bytes at the median", report.packs, report.pack_bytes_median)),
            ("recall@100", format!("{:.4} ({} on {})", report.recall_at_100, report.index, report.provider)),
            ("kept", kept.join(", ")),
        ]
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> =
            self.rows().iter().map(|(name, value)| format!("{name:<12}{value}")).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

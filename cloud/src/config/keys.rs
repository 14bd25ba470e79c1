//! The keys of `segue.toml`, each with its meaning, how it is read and how it is shown.

use std::path::PathBuf;

use super::read::{self, Read};
use super::settings::Settings;

/// One thing that can be set.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file, with its table's: `limits.body_bytes`.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// The value in force, as it is written.
    pub get: fn(&Settings) -> String,
    /// Takes a written value; an error says what to write instead.
    pub set: fn(&mut Settings, &str) -> Read<()>,
}

impl Key {
    /// The environment variable of the same meaning: `SEGUE_LIMITS_BODY_BYTES`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SEGUE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

macro_rules! key {
    ($name:literal, $help:literal, $get:expr, $set:expr) => {
        Key { name: $name, help: $help, get: $get, set: $set }
    };
}

/// A whole number of some field within a range.
macro_rules! number {
    ($name:literal, $($field:ident).+ : $type:ty, $range:expr, $help:literal) => {
        key!(
            $name,
            $help,
            |settings| settings.$($field).+.to_string(),
            |settings, text| {
                settings.$($field).+ = <$type>::try_from(read::number(text, $range)?).unwrap_or(<$type>::MAX);
                Ok(())
            }
        )
    };
}

/// A time of some field.
macro_rules! time {
    ($name:literal, $($field:ident).+, $help:literal) => {
        key!($name, $help, |settings| read::written(settings.$($field).+), |settings, text| {
            settings.$($field).+ = read::time(text)?;
            Ok(())
        })
    };
}

/// A time of some field, or none.
macro_rules! time_or_none {
    ($name:literal, $($field:ident).+, $help:literal) => {
        key!($name, $help, |settings| read::written_or_none(settings.$($field).+), |settings, text| {
            settings.$($field).+ = read::time_or_none(text)?;
            Ok(())
        })
    };
}

/// A path of some field.
macro_rules! path {
    ($name:literal, $($field:ident).+, $help:literal) => {
        key!($name, $help, |settings| shown(&settings.$($field).+), |settings, text| {
            settings.$($field).+ = Some(read::path(text)?);
            Ok(())
        })
    };
}

/// Every key, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    path!("data", data, "the data folder"),
    key!(
        "log",
        "what is logged, such as info or segue_cloud=debug",
        |settings| settings.log.clone(),
        |settings, text| {
            settings.log = read::filter(text)?;
            Ok(())
        }
    ),
    key!(
        "log_format",
        "text, or json for one object a line",
        |settings| read::word_of(&settings.log_format),
        |settings, text| {
            settings.log_format = read::word(text)?;
            Ok(())
        }
    ),
    key!(
        "traces.endpoint",
        "where an OpenTelemetry collector takes traces, by OTLP over HTTP",
        |settings| settings.traces.endpoint.clone().unwrap_or_default(),
        |settings, text| {
            settings.traces.endpoint = Some(read::endpoint(text)?);
            Ok(())
        }
    ),
    number!(
        "traces.per_thousand",
        traces.per_thousand: u32,
        0..=1_000,
        "how many of 1,000 requests are traced, of those whose caller does not say"
    ),
    key!(
        "serve.listen",
        "address and port; port 0 takes any free one",
        |settings| settings.serve.listen.clone(),
        |settings, text| {
            settings.serve.listen = read::address(text)?;
            Ok(())
        }
    ),
    path!("serve.player", serve.player, "the player's built files, served at /"),
    key!(
        "serve.cors_origins",
        "web origins that may call the API",
        |settings| settings.serve.cors_origins.join(","),
        |settings, text| {
            settings.serve.cors_origins = read::origins(text)?;
            Ok(())
        }
    ),
    key!(
        "serve.client_header",
        "the header in which a proxy names the client, such as x-forwarded-for",
        |settings| settings.serve.client_header.clone().unwrap_or_default(),
        |settings, text| {
            settings.serve.client_header = Some(read::header(text)?);
            Ok(())
        }
    ),
    path!(
        "serve.tls_certificate_file",
        serve.tls_certificate_file,
        "the service's certificate with its chain (PEM); without one it speaks plain HTTP"
    ),
    path!("serve.tls_key_file", serve.tls_key_file, "the certificate's private key (PEM)"),
    path!(
        "serve.service_keys_file",
        serve.service_keys_file,
        "the file with the keys of services, one a line; `admin` behind a key lets it administer"
    ),
    path!(
        "serve.person_key_file",
        serve.person_key_file,
        "the public keys (PEM, 8 at most) that people's tokens are checked by; SEGUE_PERSON_SECRET holds a shared secret instead"
    ),
    key!(
        "serve.person_audience",
        "whom people's tokens have to be for",
        |settings| settings.serve.person_audience.clone().unwrap_or_default(),
        |settings, text| {
            settings.serve.person_audience = Some(text.to_owned());
            Ok(())
        }
    ),
    time_or_none!(
        "serve.refresh_every",
        serve.refresh_every,
        "how old a generation becomes before the service starts a refresh"
    ),
    time_or_none!(
        "serve.training_log_every",
        serve.training_log_every,
        "how often the service writes the hours of the training log that are due"
    ),
    key!(
        "serve.keep_events",
        "how long received events are kept that no pack is made from any more; none keeps all of them",
        |settings| read::written_or_none(settings.serve.keep_events),
        |settings, text| {
            settings.serve.keep_events = read::time_of_keeping(text)?;
            Ok(())
        }
    ),
    number!(
        "serve.kept_lists",
        serve.kept_lists: u32,
        0..=1_000,
        "how many of a thousand lists, made by the service or told of by devices, are kept with what the model saw, for the training log"
    ),
    key!(
        "serve.on_demand",
        "whether packs are made on demand and similar and trending items told; without it the service needs no memory for them",
        |settings| settings.serve.on_demand.to_string(),
        |settings, text| {
            settings.serve.on_demand = read::truth(text)?;
            Ok(())
        }
    ),
    number!("limits.body_bytes", limits.body_bytes: usize, 1_024..=64 << 20, "bytes of a request's body"),
    number!("limits.batch_events", limits.batch_events: usize, 1..=100_000, "events of a batch"),
    number!("limits.item_ids", limits.item_ids: usize, 1..=100_000, "ids of one request for items"),
    number!("limits.users", limits.users: usize, 1..=100_000, "users of one answer"),
    number!(
        "limits.opened_candidates",
        limits.opened_candidates: usize,
        0..=100_000_000,
        "candidates of all packs that are kept opened for lists, two kilobytes each and up to two more for each further surface: those of the last 512 people"
    ),
    number!(
        "limits.kept_pack_bytes",
        limits.kept_pack_bytes: usize,
        0..=64 << 30,
        "bytes of signed packs that are kept in memory as they are handed out, and a quarter as many of what changed of them; 0 keeps none, so that each is read from the disk"
    ),
    number!("limits.connections", limits.connections: usize, 1..=1_000_000, "open connections; more wait"),
    number!(
        "limits.requests",
        limits.requests: usize,
        1..=1_000_000,
        "requests answered at once; more get service_busy"
    ),
    number!(
        "limits.bodies_bytes",
        limits.bodies_bytes: usize,
        65_536..=64 << 30,
        "bytes of the bodies of those together; more get service_busy"
    ),
    number!(
        "limits.client_rate",
        limits.client_rate: u32,
        0..=1_000_000,
        "requests a second of one address, ten seconds' worth at once; 0 is no limit, more get too_many_requests"
    ),
    number!(
        "limits.person_rate",
        limits.person_rate: u32,
        0..=1_000_000,
        "requests a second of one person whose tokens are checked, likewise"
    ),
    number!(
        "limits.service_rate",
        limits.service_rate: u32,
        0..=1_000_000,
        "requests a second of one service key, likewise; services are not counted by their address"
    ),
    number!(
        "limits.waiting_bytes",
        limits.events.waiting_bytes: usize,
        65_536..=16 << 30,
        "bytes of events that wait to be written; more are answered with events_busy"
    ),
    number!(
        "limits.segment_bytes",
        limits.events.segment_bytes: u64,
        65_536..=16 << 30,
        "bytes after which the event log begins another file"
    ),
    time!(
        "limits.dedup_window",
        limits.events.dedup_window,
        "how long an event's id is known at least; the last million are in any case"
    ),
    number!(
        "limits.dedup_ids",
        limits.events.dedup_ids: usize,
        1_000..=10_000_000_000,
        "ids of events that are known at most: but for the latest million about 2 bytes of memory and 16 of disk each, up to twice that while they are merged; more events are answered with events_busy until the oldest ids go, after limits.dedup_window"
    ),
    time!("limits.head", limits.head, "time to send a request's head, and between two requests"),
    time!("limits.request", limits.request, "time from a request's head to its answer"),
    time!("limits.stall", limits.stall, "time an answer may lie untaken"),
    time!("limits.stop", limits.stop, "time that open requests get after a stop was asked for"),
    key!(
        "refresh.index",
        "hnsw, usearch or exact",
        |settings| read::word_of(&settings.refresh.index),
        |settings, text| {
            settings.refresh.index = read::word(text)?;
            Ok(())
        }
    ),
    time!("refresh.lifetime", refresh.lifetime, "how long clients accept packs and manifest"),
    time_or_none!("refresh.deadline", refresh.deadline, "from then on nobody's list is made anew"),
    time_or_none!("refresh.reuse", refresh.reuse, "how old the list of somebody unchanged may be"),
    number!(
        "refresh.history",
        refresh.history: usize,
        1..=1_000_000,
        "how many of a person's latest events of each kind are held while reading; older ones are counted"
    ),
    number!(
        "refresh.nobodys_history",
        refresh.nobodys_history: usize,
        1..=1_000_000_000,
        "how many of nobody's latest events that say what was taken up or refused are held, 400 bytes each; older ones are counted"
    ),
    number!("refresh.keep", refresh.keep: usize, 1..=1_000, "generations kept, to roll back to"),
    number!(
        "refresh.card_memory_bytes",
        refresh.card.memory_bytes: usize,
        1 << 20..=64 << 30,
        "bytes of rows, or of products, that go to a graphics card at a time; half as many where it has no room for rows"
    ),
    key!(
        "refresh.card_precision",
        "what towers, the refresh's ranker and exact search multiply on a graphics card: half (16 bits) or single (32 bits)",
        |settings| read::word_of(&settings.refresh.card.precision),
        |settings, text| {
            settings.refresh.card.precision = read::word(text)?;
            Ok(())
        }
    ),
    number!(
        "filter.actions_per_hour",
        filter.actions_per_hour: u32,
        0..=u64::from(u32::MAX),
        "deeds of one person in one hour that count; 0 is no limit"
    ),
    number!(
        "filter.impressions_per_hour",
        filter.impressions_per_hour: u32,
        0..=u64::from(u32::MAX),
        "places that one person saw in one hour that count; 0 is no limit"
    ),
    number!(
        "filter.item_per_hour",
        filter.item_per_hour: u32,
        0..=u64::from(u32::MAX),
        "deeds of one person about one item in one hour that count; 0 is no limit"
    ),
    number!(
        "filter.deeds",
        filter.deeds: u32,
        0..=1 << 26,
        "latest deeds of an hour among which one told again under another id is noticed; 0 looks for none"
    ),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn shown(path: &Option<PathBuf>) -> String {
    path.as_deref().map_or_else(String::new, |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_value_that_is_shown_is_read_as_the_same() {
        let given = Settings {
            data: Some("D".into()),
            traces: super::super::Traces {
                endpoint: Some("http://127.0.0.1:4318/v1/traces".into()),
                per_thousand: 1,
            },
            serve: super::super::Serve {
                player: Some("P".into()),
                cors_origins: vec!["https://a.example".into(), "https://b.example".into()],
                client_header: Some("x-real-ip".into()),
                tls_certificate_file: Some("C".into()),
                tls_key_file: Some("T".into()),
                service_keys_file: Some("K".into()),
                person_key_file: Some("P".into()),
                person_audience: Some("segue".into()),
                refresh_every: Some(Duration::from_secs(1_800)),
                on_demand: false,
                ..Settings::default().serve
            },
            ..Settings::default()
        };
        let mut read = Settings::default();
        for key in KEYS {
            (key.set)(&mut read, &(key.get)(&given)).unwrap_or_else(|error| panic!("{}: {error}", key.name));
        }
        assert_eq!(read, given);
    }

    #[test]
    fn every_key_is_in_the_documents_table_with_its_default() {
        let document = include_str!("../../../docs/OPERATIONS.md");
        let defaults = Settings::default();
        for key in KEYS {
            let row = format!("| `{}` | {} | {} |", key.name, (key.get)(&defaults), key.help);
            assert!(document.contains(&row), "docs/OPERATIONS.md lacks the row\n{row}");
        }
    }
}

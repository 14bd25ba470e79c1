//! Events by HTTP: how many are synced before their 202.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::commands::bench::Figures;
use crate::load::{Answers, Load, request};
use crate::server::Server;
use crate::steps::Step;

/// Events of one batch.
pub(super) const BATCH: u64 = 100;
/// Ids that the service knows before anything is measured.
const KNOWN: u64 = 10_000_000;
const CONNECTIONS: u64 = 16;
const FILLING: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(60);
const HALF: Duration = Duration::from_secs(20);

/// Fills the service's memory of ids, then measures a minute at full rate and some seconds at half of it.
///
/// # Errors
/// When a batch is not taken.
pub(super) fn measure(step: &Step, server: &Server) -> anyhow::Result<Figures> {
    let (mut known, mut run) = (0, 0);
    while known < KNOWN {
        step.message(&format!("{known} of {KNOWN} ids known"));
        known += sent(&send(server, None, FILLING, |number| batch(run, number))?);
        run += 1;
    }
    let before = server.memory_bytes();
    step.message("one minute");
    let full = send(server, None, MEASURED, |number| batch(run, number))?;
    let growth = before.zip(server.memory_bytes()).map(|(before, after)| after as f64 - before as f64);
    let events = sent(&full) as f64;
    let half = send(server, Some(full.per_second() / 2.0), HALF, |number| batch(run + 1, number))?;
    Ok(Figures::from_iter([
        ("events_per_second".to_owned(), Value::from((full.per_second() * BATCH as f64).round())),
        ("events_202_p99_ms".to_owned(), Value::from(half.percentile(99.0))),
        ("events_full_p99_ms".to_owned(), Value::from(full.percentile(99.0))),
        (
            "events_memory_bytes_each".to_owned(),
            growth.map_or(Value::Null, |bytes| Value::from(bytes / events)),
        ),
    ]))
}

/// Sends batches of [`BATCH`] events for so long, `rate` of them in a second or as many as are taken.
///
/// # Errors
/// When a batch is not taken.
pub(super) fn send(
    server: &Server,
    rate: Option<f64>,
    lasts: Duration,
    batch: impl Fn(u64) -> String + Sync,
) -> anyhow::Result<Answers> {
    let load = Load { address: server.address, per_second: rate, lasts, connections: CONNECTIONS };
    let answers = load.send(202, |number, bytes| {
        request(bytes, "POST", "/api/v1/events", "", batch(number).as_bytes());
    })?;
    answers.all_expected("batches of events")
}

/// How many events were in the batches that were answered.
pub(super) fn sent(answers: &Answers) -> u64 {
    answers.milliseconds.len() as u64 * BATCH
}

/// The time now, in milliseconds since 1970.
pub(super) fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis())
}

/// A batch of events with ids of their own, each of 150 bytes or a few more.
fn batch(run: u64, number: u64) -> String {
    let now_ms = now_ms();
    let events: Vec<String> = (0..BATCH)
        .map(|at| {
            let (id, person) = (number * BATCH + at, (number * BATCH + at) % 2_000);
            format!(
                r#"{{"event_id":"bench-{run}-{id:012}","user":"u{person}","session":"bench-{run}-{person:06}","item":"t{}","kind":"skip","time_ms":{now_ms},"played_ms":3000,"total_ms":210000}}"#,
                id * 7 % 20_000
            )
        })
        .collect();
    format!(r#"{{"events":[{}]}}"#, events.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn events_are_of_150_bytes_or_more_and_no_id_comes_twice() {
        let mut ids = BTreeSet::new();
        for (run, number) in [(0, 0), (0, 1), (1, 0)] {
            let batch: Value = serde_json::from_str(&batch(run, number)).unwrap();
            let events = batch["events"].as_array().unwrap();
            assert_eq!(events.len() as u64, BATCH);
            for event in events {
                assert!(event.to_string().len() >= 150, "{event}");
                assert!(ids.insert(event["event_id"].as_str().unwrap().to_owned()));
            }
        }
    }
}

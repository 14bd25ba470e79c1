//! How fast a refresh reads the events that the service received.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::SIZE;
use super::events::{self, BATCH};
use crate::paths::Paths;
use crate::server::Server;
use crate::shell;
use crate::steps::Step;
use crate::whole_path::Segue;

/// What the key is.
pub(super) const RATE: &str = "refresh_events_read_per_second";
/// Events that the service receives at least.
const RECEIVED: u64 = 2_000_000;
/// People who they are of, out of the demo's: so few that each was shown more than a refresh holds, and about half of all events
/// are counted as they are read and let go of.
const PEOPLE: u64 = 500;
/// Between two looks at how many they are: short, so that nobody does more in an hour than the filter believes.
const FILLING: Duration = Duration::from_secs(1);
/// One of so many shards is made: it reads the whole log as any other does, and makes few packs.
const SHARDS: u64 = 200;
/// Of so many places in a list the first one is skipped, and the others are only shown.
const SLATE: u64 = 5;

/// Events that a shard of a refresh read, and the seconds that all it loads took.
type Read = (u64, f64);

/// Received events of `data` that a refresh reads in a second; it has none before.
///
/// # Errors
/// When a refresh fails, a batch is not taken or not all of the events are read.
pub(super) fn measure(paths: &Paths, step: &Step, segue: &Segue, data: &Path) -> anyhow::Result<Value> {
    step.message("a shard without received events");
    // Tables that come from the disk take longer once.
    read(paths, step, segue, data, "first")?;
    let before = read(paths, step, segue, data, "before")?;
    let server = segue.serve(paths, step, data, None, 0)?;
    let received = fill(step, &server)?;
    // It would take a part of the processor.
    drop(server);
    step.message(&format!("a shard with {received} received events"));
    let after = read(paths, step, segue, data, "after")?;
    Ok(json!(rate(before, after, received)?.round()))
}

/// Sends events until they are enough; how many they are.
fn fill(step: &Step, server: &Server) -> anyhow::Result<u64> {
    let (mut received, mut run) = (0, 0);
    while received < RECEIVED {
        step.message(&format!("{received} of {RECEIVED} events received"));
        received += events::sent(&events::send(server, None, FILLING, |number| batch(run, number))?);
        run += 1;
    }
    Ok(received)
}

/// Makes the first shard of a run, and reads its report.
fn read(paths: &Paths, step: &Step, segue: &Segue, data: &Path, run: &str) -> anyhow::Result<Read> {
    let of = SHARDS.to_string();
    let shard = ["refresh", "run-shard", "--run", run, "--shard", "0", "--of", &of, "--index", "exact"];
    shell::run(step, &mut segue.command(paths, &shard, data))?;
    let report = data.join("refresh/runs").join(run).join(format!("shard-00000-of-{SHARDS:05}.json"));
    let text = fs::read(&report).with_context(|| format!("cannot read {}", report.display()))?;
    let report: Value = serde_json::from_slice(&text)?;
    let read = report["events"].as_u64().zip(report["seconds_load"].as_f64());
    read.context("the report of a shard does not tell how many events were read, and how long that took")
}

/// Received events read in a second. The tables take as long without them, so that time is taken off.
fn rate(before: Read, after: Read, received: u64) -> anyhow::Result<f64> {
    let (read, seconds) = (after.0.saturating_sub(before.0), after.1 - before.1);
    ensure!(read == received, "{read} of {received} received events were read and count");
    ensure!(seconds > 0.0, "received events took no time: {} s with them, {} s without", after.1, before.1);
    Ok(read as f64 / seconds)
}

/// A batch of events as lists make them: each of another person, about another track than the ones before.
fn batch(run: u64, number: u64) -> String {
    let now_ms = events::now_ms();
    let events: Vec<String> = (number * BATCH..(number + 1) * BATCH)
        .map(|id| {
            let (person, at) = (id % PEOPLE, id / PEOPLE);
            let (slate, position) = (at / SLATE, at % SLATE);
            let kind = match position {
                0 => r#""kind":"skip","played_ms":3000,"total_ms":210000"#,
                _ => r#""kind":"impression""#,
            };
            format!(
                r#"{{"event_id":"read-{run}-{id:012}","user":"u{person}","session":"read-{run}-{person:06}","item":"t{}",{kind},"slate":"read-{run}-{person}-{slate}","position":{position},"time_ms":{now_ms}}}"#,
                (person * 7_919 + at * 104_729) % SIZE.tracks
            )
        })
        .collect();
    format!(r#"{{"events":[{}]}}"#, events.join(","))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_id_comes_twice_and_each_person_meets_other_tracks_of_which_most_are_shown() {
        // What comes to 40 events of each person.
        let all = 40 * PEOPLE;
        let batches = (0..all / BATCH).map(|number| batch(0, number)).chain([batch(1, 0)]);
        let (mut ids, mut met, mut shown) = (BTreeSet::new(), BTreeSet::new(), 0);
        for batch in batches {
            let batch: Value = serde_json::from_str(&batch).unwrap();
            for event in batch["events"].as_array().unwrap() {
                assert!(ids.insert(event["event_id"].to_string()), "{event}");
                met.insert((event["user"].to_string(), event["item"].to_string()));
                shown += u64::from(event["kind"] == "impression");
            }
        }
        // The other run begins with what the first one began with.
        assert_eq!((ids.len() as u64, met.len() as u64), (all + BATCH, all));
        assert_eq!(shown, all / SLATE * (SLATE - 1));
    }

    #[test]
    fn the_rate_is_that_of_what_was_received_and_all_of_it_counts() {
        assert_eq!(rate((100, 1.5), (700, 3.5), 600).ok(), Some(300.0));
        let error = rate((100, 1.5), (600, 3.5), 600).unwrap_err().to_string();
        assert!(error.contains("500 of 600"), "{error}");
        assert!(rate((100, 3.5), (700, 3.5), 600).is_err());
    }
}

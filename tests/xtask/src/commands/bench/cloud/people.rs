//! What a person costs a refresh where there are many of them, with the index that `docs/OPERATIONS.md` recommends for so many
//! items.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::paths::Paths;
use crate::steps::Step;
use crate::whole_path::Segue;

/// What the key is.
pub(super) const RATIO: &str = "refresh_cost_ratio_200k_10k";
/// Why it is left out, and what measures it.
pub(super) const SKIPPED: &str = "it takes most of an hour and some 30 GB of disk for 200,000 packs; `cargo xtask bench cloud --all` measures it";
/// People of the two refreshes, the few first.
const PEOPLE: [u64; 2] = [10_000, 200_000];
/// Recommended for a catalogue of this size.
const INDEX: &str = "exact";
/// Events of each person: enough for a taste.
const EVENTS: u64 = 5;
/// The tracks of the catalogue, `t0` on.
const TRACKS: u64 = 20_000;
const BEGINS_MS: u64 = 1_772_409_600_000;
const LASTS_MS: u64 = 56 * 86_400_000;

/// The seconds that a refresh takes for each of 200,000 people / those for each of 10,000.
///
/// # Errors
/// When a folder cannot be made or a refresh fails.
pub(super) fn measure(paths: &Paths, step: &Step, segue: &Segue, source: &Path) -> anyhow::Result<Value> {
    let mut costs = Vec::new();
    for people in PEOPLE {
        step.message(&format!("{people} people"));
        let data = folder(paths, source, people)?;
        let report = segue.refresh_with(paths, step, &data, &["--index", INDEX]);
        // Gigabytes of packs.
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        let seconds = report?["seconds"].as_f64().context("the report tells no seconds")?;
        costs.push(seconds / people as f64);
    }
    let [few, many] = costs.as_slice() else { bail!("two refreshes were to be measured") };
    Ok(json!(many / few))
}

/// The items of `source` with so many people, each with a few events.
fn folder(paths: &Paths, source: &Path, people: u64) -> anyhow::Result<PathBuf> {
    let data = paths.cache.join(format!("bench-people-{people}"));
    empty(&data)?;
    for table in ["items.jsonl", "split.json"] {
        fs::copy(source.join(table), data.join(table)).with_context(|| format!("copying {table}"))?;
    }
    let mut dataset: Value = serde_json::from_slice(&fs::read(source.join("dataset.json"))?)?;
    dataset["counts"] = counts(dataset["counts"]["items"].as_u64().unwrap_or(TRACKS), people);
    fs::write(data.join("dataset.json"), dataset.to_string())?;
    write(&data, people)?;
    Ok(data)
}

/// Makes a folder with nothing in it.
///
/// # Errors
/// When it cannot be made.
pub(super) fn empty(data: &Path) -> anyhow::Result<()> {
    let _ = fs::remove_dir_all(data);
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))
}

/// The rows of each table, as `dataset.json` tells them.
pub(super) fn counts(items: u64, people: u64) -> Value {
    json!({"items": items, "users": people, "events": people * EVENTS, "collections": 0, "rejects": 0})
}

/// Writes so many people and what they played.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write(data: &Path, people: u64) -> anyhow::Result<()> {
    let mut users = BufWriter::new(File::create(data.join("users.jsonl"))?);
    let mut events = BufWriter::new(File::create(data.join("events.jsonl"))?);
    for person in 0..people {
        writeln!(users, "{}", json!({"user": format!("u{person}"), "country": "US"}))?;
        for at in 0..EVENTS {
            writeln!(events, "{}", event(person, at))?;
        }
    }
    users.flush()?;
    events.flush()?;
    Ok(())
}

/// What somebody played, spread over tracks and time.
fn event(person: u64, at: u64) -> Value {
    let number = person * EVENTS + at;
    json!({
        "event_id": format!("e{number}"),
        "user": format!("u{person}"),
        "session": format!("s{person}"),
        "item": format!("t{}", (person * 7_919 + at * 104_729) % TRACKS),
        "kind": "complete",
        "time_ms": BEGINS_MS + number * 7_919_993 % LASTS_MS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_person_plays_other_tracks_and_every_event_has_an_id_of_its_own() {
        let events: Vec<Value> =
            (0..1_000).flat_map(|person| (0..EVENTS).map(move |at| event(person, at))).collect();
        let different =
            |name: &str| events.iter().map(|event| event[name].to_string()).collect::<BTreeSet<_>>().len();
        assert_eq!((different("event_id"), different("user")), (5_000, 1_000));
        assert!(different("item") > 3_000);
    }
}

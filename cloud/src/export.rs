//! Everything kept about one person, as lines of JSON.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

use crate::catalog::Event;
use crate::events::{is_sign_in, read_until};
use crate::{dead_letters, training_log, weekly};

/// The tables of a data folder that tell of people.
const TABLES: [&str; 3] = ["users", "collections", "events"];

/// Shows every row about `user` to `each`, as `{"table":NAME,"row":{...}}` without a line end, until `each` has enough; then
/// `{"rows":N}`, without which an export is not whole. Events come in the order of arrival, with those of the sessions that
/// the person signed in to: what a forgotten person takes along is what is shown.
///
/// # Errors
/// When a table or the log of events cannot be read.
pub fn person(
    data: &Path,
    user: &str,
    mut each: impl FnMut(Vec<u8>) -> ControlFlow<()>,
) -> anyhow::Result<ControlFlow<()>> {
    let mut rows = 0_u64;
    let mut show = |table: &str, row: &[u8]| {
        rows += 1;
        each([format!("{{\"table\":\"{table}\",\"row\":").as_bytes(), row, b"}"].concat())
    };
    if shown(data, user, &mut show)?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    Ok(each(json!({ "rows": rows }).to_string().into_bytes()))
}

/// Takes the name of a table and a row.
type Show<'a> = dyn FnMut(&str, &[u8]) -> ControlFlow<()> + 'a;

fn shown(data: &Path, user: &str, show: &mut Show<'_>) -> anyhow::Result<ControlFlow<()>> {
    for (table, path) in files(data)? {
        if rows_of(&path, user, |row| show(table, row))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    for letter in dead_letters::list(data)? {
        let is_theirs = dead_letters::says(&letter.event, &|text| text == user);
        if is_theirs && show("dead_letters", &serde_json::to_vec(&letter)?).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    let sessions = sessions(data, user)?;
    let is_theirs = |of: &str, session: &str| of == user || (of.is_empty() && sessions.contains(session));
    if training_log::export(data, is_theirs, |row| show("training", row))?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    received(data, is_theirs, |row| show("received", row))
}

/// Files of rows that say whose they are, each with the name of its table.
fn files(data: &Path) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let tables = TABLES.into_iter().map(|table| (table, data.join(table).with_extension("jsonl")));
    let weekly = weekly::paths(data)?.into_iter().map(|path| ("weekly", path));
    let lists = training_log::lists(data)?.into_iter().map(|path| ("lists", path));
    Ok(tables.chain(weekly).chain(lists).collect())
}

fn rows_of(
    path: &Path,
    user: &str,
    mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> anyhow::Result<ControlFlow<()>> {
    #[derive(Deserialize)]
    struct Owned {
        #[serde(default)]
        user: Option<String>,
    }
    let Ok(file) = File::open(path) else { return Ok(ControlFlow::Continue(())) };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).with_context(|| format!("cannot read {}", path.display()))? > 0
    {
        let row = line.trim_ascii();
        // A row that cannot be read names nobody.
        let owner = serde_json::from_slice::<Owned>(row).ok().and_then(|row| row.user);
        if owner.as_deref() == Some(user) && show(row).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        line.clear();
    }
    Ok(ControlFlow::Continue(()))
}

/// The sessions that the person signed in to before anybody else did ([`hand_over`](crate::events::hand_over)).
fn sessions(data: &Path, user: &str) -> anyhow::Result<HashSet<String>> {
    let mut claimed = HashSet::new();
    let sign_ins = |each: &mut dyn FnMut(Event)| {
        let read = read_until(data, |event| {
            if is_sign_in(&event) {
                each(event);
            }
            ControlFlow::Continue(())
        });
        read.map(|_| ())
    };
    sign_ins(&mut |event| {
        if event.user == user {
            claimed.insert(event.session);
        }
    })?;
    if claimed.is_empty() {
        return Ok(claimed);
    }
    let mut first: HashMap<String, bool> = HashMap::new();
    sign_ins(&mut |event| {
        if claimed.contains(&event.session) {
            first.entry(event.session).or_insert(event.user == user);
        }
    })?;
    claimed.retain(|session| first[session]);
    Ok(claimed)
}

/// Of the service's log.
fn received(
    data: &Path,
    is_theirs: impl Fn(&str, &str) -> bool,
    mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> anyhow::Result<ControlFlow<()>> {
    let mut failed = None;
    let flow = read_until(data, |event| {
        if !is_theirs(&event.user, &event.session) {
            return ControlFlow::Continue(());
        }
        match serde_json::to_vec(&event) {
            Ok(row) => show(&row),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        Some(error) => Err(error).context("an event cannot be written as JSON"),
        None => Ok(flow),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn exported(data: &Path, user: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        let flow = person(data, user, |line| {
            lines.push(serde_json::from_slice(&line).unwrap());
            ControlFlow::Continue(())
        });
        assert!(flow.unwrap().is_continue());
        lines
    }

    #[test]
    fn an_export_holds_every_row_of_the_person_and_nobody_elses() {
        let data = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(data.path().join(name), text).unwrap();
        write("users.jsonl", "{\"user\":\"a\",\"country\":\"NO\"}\n{\"user\":\"ab\"}\n");
        write("collections.jsonl", "{\"collection\":\"c\",\"kind\":\"library\",\"items\":[]}\n");
        write(
            "events.jsonl",
            "{\"event_id\":\"1\",\"user\":\"a\"}\nno row\n{\"event_id\":\"2\",\"user\":\"b\"}",
        );
        let lines = exported(data.path(), "a");
        assert_eq!(lines[0], json!({"table": "users", "row": {"user": "a", "country": "NO"}}));
        assert_eq!(lines[1], json!({"table": "events", "row": {"event_id": "1", "user": "a"}}));
        let row = "{\"collection\":\"w\",\"user\":\"a\",\"kind\":\"weekly\"}";
        std::fs::create_dir(data.path().join("weekly")).unwrap();
        write("weekly/2026-W47.jsonl", row);
        let lines_now = exported(data.path(), "a");
        assert_eq!(
            lines_now[2],
            json!({"table": "weekly", "row": serde_json::from_str::<Value>(row).unwrap()})
        );
        assert_eq!(lines[2..], [json!({"rows": 2})]);
        assert_eq!(exported(data.path(), "nobody"), [json!({"rows": 0})]);
    }

    #[test]
    fn a_reader_who_goes_away_ends_the_reading() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("users.jsonl"), "{\"user\":\"a\"}\n{\"user\":\"a\"}\n").unwrap();
        let mut shown = 0;
        let flow = person(data.path(), "a", |_| {
            shown += 1;
            ControlFlow::Break(())
        });
        assert!(flow.unwrap().is_break());
        assert_eq!(shown, 1);
    }
}

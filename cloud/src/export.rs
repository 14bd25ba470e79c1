//! Everything kept about one person, as lines of JSON.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

use crate::catalog::Event;
use crate::events::read_since;
use crate::weekly;

/// The tables of a data folder that tell of people.
const TABLES: [&str; 3] = ["users", "collections", "events"];

/// What weekly playlists are called among them.
const WEEKLY: &str = "weekly";

/// What received events are called among the tables.
const RECEIVED: &str = "received";

/// Shows every row that names `user` to `each`, as `{"table":NAME,"row":{...}}` without a line end, until `each` has
/// enough; then `{"rows":N}`, without which an export is not whole. Events come in the order of arrival.
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
    for table in TABLES {
        let path = data.join(table).with_extension("jsonl");
        if rows_of(&path, user, |row| show(table, row))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    for path in weekly::paths(data)? {
        if rows_of(&path, user, |row| show(WEEKLY, row))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    if received(data, user, |row| show(RECEIVED, row))?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    Ok(each(json!({ "rows": rows }).to_string().into_bytes()))
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

/// Of the service's log. Reading on after `show` had enough costs time and nothing else.
fn received(
    data: &Path,
    user: &str,
    mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> anyhow::Result<ControlFlow<()>> {
    let mut flow = ControlFlow::Continue(());
    let mut failed = None;
    read_since(data, 0, |_, event: Event| {
        if event.user != user || flow.is_break() {
            return;
        }
        match serde_json::to_vec(&event) {
            Ok(row) => flow = show(&row),
            Err(error) => failed = Some(error),
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

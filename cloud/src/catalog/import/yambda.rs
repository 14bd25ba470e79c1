//! Yambda: listening on Yandex Music, as Parquet files of one kind of event each or of all of them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::ensure;
use segue_core::session::event::{Event, EventKind};
use serde_json::{Map, Value};

use super::builder::{Builder, Description, Outcome};
use super::generic::for_each_parquet_row;
use super::named;
use super::reject::{Reason, Reject};
use crate::catalog::Item;

/// From this share on, in percent, a listen counts as played to the end.
const WHOLE: f64 = 90.0;

/// Files by the kind of event they hold; `multi_event` names it in `event_type`.
const FILES: [(&str, &str); 6] = [
    ("multi_event", ""),
    ("listens", "listen"),
    ("likes", "like"),
    ("dislikes", "dislike"),
    ("unlikes", "unlike"),
    ("undislikes", "undislike"),
];

/// Any of the files, with `artist_item_mapping.parquet` beside them; `multi_event` holds what the others do.
pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let mut artists: HashMap<String, String> = HashMap::new();
    for file in named(path, "artist_item_mapping", ".parquet") {
        for_each_parquet_row(&file, "artist_item_mapping", &mut builder, |_, _, row| {
            artists.entry(text(&row, "item_id")?).or_insert(text(&row, "artist_id")?);
            Ok(())
        })?;
    }
    let mut found = 0;
    for (name, kind) in FILES {
        if found > 0 && FILES[0].0 != name && !named(path, FILES[0].0, ".parquet").is_empty() {
            break;
        }
        for file in named(path, name, ".parquet") {
            found += 1;
            for_each_parquet_row(&file, name, &mut builder, |builder, number, row| {
                event(builder, &format!("{name}-{number}"), kind, &row, &artists)
            })?;
        }
    }
    ensure!(found > 0, "{}: no multi_event.parquet or listens.parquet", path.display());
    builder.finish(Description { surface: "radio", timed: true, rule: None }, data)
}

/// Times are seconds since the log's own beginning, so they count from 1970 here.
fn event(
    builder: &mut Builder,
    id: &str,
    kind: &str,
    row: &Map<String, Value>,
    artists: &HashMap<String, String>,
) -> Result<(), Reject> {
    let item = text(row, "item_id")?;
    let named = if kind.is_empty() { text(row, "event_type")? } else { kind.to_owned() };
    let time_ms = (number(row, "timestamp")? * 1_000.0) as i64;
    let mut event = Event::new(id, item.as_str(), EventKind::Complete, time_ms);
    event.user = text(row, "uid")?;
    event.kind = match named.as_str() {
        "listen" | "listens" => listen(row, &mut event)?,
        "like" | "likes" => EventKind::Like,
        "dislike" | "dislikes" => EventKind::Dislike,
        "unlike" | "unlikes" => EventKind::Unlike,
        "undislike" | "undislikes" => EventKind::Restore,
        other => {
            return Err(Reject::invalid("event_type", other, "listen, like, dislike, unlike or undislike"));
        }
    };
    if !builder.has_item(&item) {
        let creator = artists.get(&item).cloned().unwrap_or_default();
        builder.item(Item { item, creator, ..Item::default() })?;
    }
    builder.event(event)
}

fn listen(row: &Map<String, Value>, event: &mut Event) -> Result<EventKind, Reject> {
    let (percent, seconds) = (number(row, "played_ratio_pct")?, number(row, "track_length_seconds")?);
    event.total_ms = Some((seconds * 1_000.0) as u64);
    event.played_ms = Some((seconds * 10.0 * percent) as u64);
    Ok(if percent >= WHOLE { EventKind::Complete } else { EventKind::Skip })
}

fn number(row: &Map<String, Value>, column: &str) -> Result<f64, Reject> {
    let value = row.get(column).filter(|value| !value.is_null()).ok_or_else(|| Reject::missing(column))?;
    match value.as_f64() {
        Some(number) if number >= 0.0 => Ok(number),
        Some(number) => {
            Err(Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {number}, below zero")))
        }
        None => Err(Reject::invalid(column, &value.to_string(), "a number")),
    }
}

fn text(row: &Map<String, Value>, column: &str) -> Result<String, Reject> {
    match row.get(column) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(Reject::missing(column)),
    }
}

//! Spotify's sequential skip prediction log: sessions of up to 20 tracks of people without a name.

use std::path::Path;

use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::midnight_ms;
use super::csv_file::{Row, for_each_row};
use super::reject::{Reason, Reject};
use super::{named, required};
use crate::catalog::{AttributeValue, Item};

const HOUR_MS: i64 = 3_600_000;
/// The log has the hour and the order: so far apart are tracks taken to begin.
const TRACK_MS: i64 = 180_000;

/// `log_*.csv`, with `tf_*.csv` of track features beside them.
pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    for file in named(path, "tf_", ".csv") {
        for_each_row(&file, "tf", &[], &mut builder, track)?;
    }
    for file in required(path, "log_", ".csv")? {
        for_each_row(&file, "log", &[], &mut builder, play)?;
    }
    builder.finish(Description { surface: "radio", timed: true, rule: None }, data)
}

fn track(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let mut item = Item { item: row.text("track_id")?.to_owned(), ..Item::default() };
    for (name, cell) in row.cells() {
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        match (name, number) {
            ("track_id", _) => {}
            ("duration", Some(seconds)) => item.duration_ms = Some((seconds.max(0.0) * 1_000.0) as u64),
            ("release_year", Some(year)) => item.released_ms = Some(midnight_ms(year as i64, 1, 1)),
            (_, Some(number)) => {
                drop(item.attributes.insert(name.to_owned(), AttributeValue::Number(number)))
            }
            (_, None) => {
                drop(item.attributes.insert(name.to_owned(), AttributeValue::Text(cell.to_owned())));
            }
        }
    }
    builder.item(item)
}

fn play(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let (session, track) = (row.text("session_id")?, row.text("track_id_clean")?);
    let position = row.integer("session_position")?;
    let hour = row.integer("hour_of_day")?;
    if !(1..=1_000).contains(&position) || !(0..24).contains(&hour) {
        let detail = format!("`session_position` is {position}, `hour_of_day` is {hour}");
        return Err(Reject::new(Reason::ValueOutOfRange, detail));
    }
    let time_ms = day_ms(row.text("date")?)? + hour * HOUR_MS + (position - 1) * TRACK_MS;
    if !builder.has_item(track) {
        builder.item(Item { item: track.to_owned(), ..Item::default() })?;
    }
    let mut event = Event::new(format!("{session}-{position}"), track, outcome(row)?, time_ms);
    event.session = session.to_owned();
    event.position = u32::try_from(position - 1).ok();
    event.context.insert("local_hour".to_owned(), hour.to_string());
    for name in ["premium", "context_type"] {
        if let Some(value) = row.optional(name) {
            event.context.insert(name.to_owned(), value.to_owned());
        }
    }
    builder.event(event)
}

/// Heard to the end; left early (`skip_1`, `skip_2`); or left when most of it was heard, which says nothing.
fn outcome(row: &Row<'_>) -> Result<EventKind, Reject> {
    if flag(row, "not_skipped")? {
        return Ok(EventKind::Complete);
    }
    Ok(if flag(row, "skip_2")? { EventKind::Skip } else { EventKind::Progress })
}

fn flag(row: &Row<'_>, column: &str) -> Result<bool, Reject> {
    match row.text(column)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Reject::invalid(column, other, "true or false")),
    }
}

fn day_ms(text: &str) -> Result<i64, Reject> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten()) {
        (Some(year), Some(month @ 1..=12), Some(day @ 1..=31)) => Ok(midnight_ms(year, month, day)),
        _ => Err(Reject::invalid("date", text, "a date such as 2018-07-15")),
    }
}

//! SegMM: views of short videos; rows of one person and time are one served batch.

use std::collections::HashMap;
use std::path::Path;

use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::csv_file::{Row, for_each_row};
use super::files;
use super::reject::{Reason, Reject};
use crate::catalog::Item;

const COLUMNS: [&str; 6] = ["user_id", "video_id", "time_ms", "duration_ms", "playing_time", "label_1D"];

struct View {
    line: u64,
    user: String,
    video: String,
    time_ms: i64,
    duration_ms: u64,
    played_ms: u64,
}

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let before = builder.counted();
    let mut views: Vec<View> = Vec::new();
    for file in files(path, ".csv")? {
        for_each_row(&file, "views", &COLUMNS, &mut builder, |_, row| {
            views.push(view(row)?);
            Ok(())
        })?;
    }
    // All videos first: a batch names videos of later rows.
    for view in &views {
        let (item, duration_ms) = (view.video.clone(), Some(view.duration_ms));
        if !builder.has_item(&item) {
            report(&mut builder, view, |builder| builder.item(Item { item, duration_ms, ..Item::default() }));
        }
    }
    let mut batches: HashMap<(&str, i64), Vec<&str>> = HashMap::new();
    for view in &views {
        batches.entry((&view.user, view.time_ms)).or_default().push(&view.video);
    }
    let mut shown: HashMap<(&str, i64), u32> = HashMap::new();
    for view in &views {
        let key = (view.user.as_str(), view.time_ms);
        let position = shown.entry(key).or_insert(0);
        let event = event(view, *position, &batches[&key]);
        report(&mut builder, view, |builder| builder.event(event));
        *position += 1;
    }
    builder.end_of("views", before);
    builder.finish(Description { surface: "feed", timed: true, rule: None }, data)
}

fn view(row: &Row<'_>) -> Result<View, Reject> {
    let unsigned = |column: &str| {
        let value = row.integer(column)?;
        u64::try_from(value)
            .map_err(|_| Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {value}, below zero")))
    };
    Ok(View {
        line: row.line,
        user: row.text("user_id")?.to_owned(),
        video: row.text("video_id")?.to_owned(),
        time_ms: row.integer("time_ms")?,
        duration_ms: unsigned("duration_ms")?,
        played_ms: unsigned("playing_time")?,
    })
}

fn report(builder: &mut Builder, view: &View, add: impl FnOnce(&mut Builder) -> Result<(), Reject>) {
    if let Err(reject) = add(builder) {
        let text = format!("{},{},{}", view.user, view.video, view.time_ms);
        builder.reject("views", view.line, reject, &text);
    }
}

// The time is the request's, so the place in the batch keeps the order.
fn event(view: &View, position: u32, batch: &[&str]) -> Event {
    let user = &view.user;
    let kind = if view.played_ms >= view.duration_ms { EventKind::Complete } else { EventKind::Skip };
    let id = format!("v{user}-{}-{position}", view.time_ms);
    let time_ms = view.time_ms.saturating_add(position.into());
    let mut event = Event::new(id, view.video.as_str(), kind, time_ms);
    event.user.clone_from(user);
    event.position = Some(position);
    event.slate = Some(format!("b{user}-{}", view.time_ms));
    event.played_ms = Some(view.played_ms);
    event.total_ms = Some(view.duration_ms);
    if batch.len() > 1 {
        event.candidates = batch.iter().map(|video| (*video).to_owned()).collect();
        event.candidates.sort_unstable();
        event.candidates.dedup();
    }
    event
}

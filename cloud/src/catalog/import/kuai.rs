//! Kuaishou's logs of short videos: KuaiRand (with gestures, and some videos shown at random) and KuaiRec (how much
//! was watched).

use std::path::Path;

use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::midnight_ms;
use super::csv_file::{Row, for_each_row};
use super::reject::{Reason, Reject};
use super::{named, required};
use crate::catalog::Item;

/// Gestures of KuaiRand by column, in the order they are taken to happen in.
const GESTURES: [(&str, EventKind); 4] = [
    ("is_like", EventKind::Like),
    ("is_follow", EventKind::Follow),
    ("is_forward", EventKind::Share),
    ("is_hate", EventKind::NotInterested),
];

/// The columns of KuaiRec's files, for those without header rows.
const MATRIX: [&str; 8] =
    ["user_id", "video_id", "play_duration", "video_duration", "time", "date", "timestamp", "watch_ratio"];
const CATEGORIES: [&str; 2] = ["video_id", "feat"];

const FEED: Description = Description { surface: "feed", timed: true, rule: None };

/// `log_*.csv` with `video_features_basic*.csv` beside them.
pub(super) fn random(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    for file in named(path, "video_features_basic", ".csv") {
        for_each_row(&file, "video_features_basic", &[], &mut builder, |builder, row| {
            let upload = row.optional("upload_dt").and_then(day_ms);
            video(builder, row, row.optional("tag").unwrap_or_default(), "video_duration", upload)
        })?;
    }
    for file in required(path, "log_", ".csv")? {
        let table = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for_each_row(&file, &table, &[], &mut builder, view)?;
    }
    builder.finish(FEED, data)
}

/// `big_matrix.csv` (else `small_matrix.csv`), with `item_categories.csv` beside it.
pub(super) fn recorded(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    for file in named(path, "item_categories", ".csv") {
        for_each_row(&file, "item_categories", &CATEGORIES, &mut builder, |builder, row| {
            video(builder, row, row.optional("feat").unwrap_or_default(), "", None)
        })?;
    }
    let big = named(path, "big_matrix", ".csv");
    let files = if big.is_empty() { required(path, "small_matrix", ".csv")? } else { big };
    for file in files {
        for_each_row(&file, "matrix", &MATRIX, &mut builder, |builder, row| {
            let seconds = row.number("timestamp")?;
            let watched = Watched {
                user: row.text("user_id")?,
                video: row.text("video_id")?,
                time_ms: (seconds * 1_000.0) as i64,
                played_ms: unsigned(row, "play_duration")?,
                total_ms: unsigned(row, "video_duration")?,
            };
            watched.add(builder).map(drop)
        })?;
    }
    builder.finish(FEED, data)
}

/// Tags are written `12,65` or `[12, 65]`.
fn video(
    builder: &mut Builder,
    row: &Row<'_>,
    tags: &str,
    duration: &str,
    released_ms: Option<i64>,
) -> Result<(), Reject> {
    let tags = tags.split(|letter: char| !letter.is_ascii_digit()).filter(|tag| !tag.is_empty());
    let duration = row.optional(duration).and_then(|text| text.parse::<f64>().ok());
    builder.item(Item {
        item: row.text("video_id")?.to_owned(),
        creator: row.optional("author_id").unwrap_or_default().to_owned(),
        categories: tags.map(|tag| format!("tag {tag}")).collect(),
        duration_ms: duration.filter(|length| *length > 0.0).map(|length| length as u64),
        released_ms,
        ..Item::default()
    })
}

/// `2022-04-08`, perhaps with a time behind it.
fn day_ms(text: &str) -> Option<i64> {
    let mut parts = text.get(..10)?.splitn(3, '-').map(|part| part.parse().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    Some(midnight_ms(year, month, day))
}

struct Watched<'a> {
    user: &'a str,
    video: &'a str,
    time_ms: i64,
    played_ms: u64,
    total_ms: u64,
}

impl Watched<'_> {
    /// Adds what became of the video; one that was not played at all was only shown. Its id is whose, of what and when it was, so
    /// that a row told again is one view.
    fn add(&self, builder: &mut Builder) -> Result<Event, Reject> {
        let id = format!("k{}-{}-{}", self.user, self.video, self.time_ms);
        let kind = match self.played_ms {
            0 => EventKind::Impression,
            played if played >= self.total_ms => EventKind::Complete,
            _ => EventKind::Skip,
        };
        let mut event = Event::new(id, self.video, kind, self.time_ms);
        event.user = self.user.to_owned();
        event.played_ms = Some(self.played_ms);
        event.total_ms = Some(self.total_ms);
        builder.event(event.clone())?;
        Ok(event)
    }
}

fn view(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let watched = Watched {
        user: row.text("user_id")?,
        video: row.text("video_id")?,
        time_ms: row.integer("time_ms")?,
        played_ms: unsigned(row, "play_time_ms")?,
        total_ms: unsigned(row, "duration_ms")?,
    };
    let event = watched.add(builder)?;
    for ((column, kind), after) in GESTURES.into_iter().zip(1..) {
        if row.optional(column) == Some("1") {
            let id = format!("{}-{}", event.event_id, kind.name());
            let mut gesture = Event::new(id, watched.video, kind, event.time_ms + after);
            gesture.user.clone_from(&event.user);
            builder.event(gesture)?;
        }
    }
    Ok(())
}

fn unsigned(row: &Row<'_>, column: &str) -> Result<u64, Reject> {
    let value = row.number(column)?;
    if value < 0.0 {
        return Err(Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {value}, below zero")));
    }
    Ok(value as u64)
}

//! Conversational Playlist Curation Dataset: one JSON object per conversation.

use std::collections::BTreeMap;
use std::path::Path;

use segue_core::session::event::{Event, EventKind};
use serde::Deserialize;

use super::builder::{Builder, Description, Outcome};
use super::files;
use super::lines::Lines;
use super::reject::{Reason, Reject, shorten};
use crate::catalog::split::Rule;
use crate::catalog::{Collection, Item};

const FOLDS: u32 = 5;
/// Synthetic time: a minute from turn to turn, a day from conversation to conversation.
const TURN_MS: i64 = 60_000;
const CONVERSATION_MS: i64 = 86_400_000;
const QUERY_BYTES: usize = 200;

#[derive(Debug, Deserialize)]
struct Conversation {
    id: String,
    turns: Vec<Turn>,
    #[serde(default)]
    tracks: BTreeMap<String, Track>,
    #[serde(default)]
    goal_playlist: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Turn {
    #[serde(default)]
    user_query: String,
    #[serde(default)]
    liked_results: Vec<String>,
    #[serde(default)]
    disliked_results: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Track {
    #[serde(default)]
    track_artists: Vec<String>,
    #[serde(default)]
    track_titles: String,
}

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let (mut number, before) = (0, builder.counted());
    for file in files(path, ".jsonl")? {
        let mut lines = Lines::open(&file)?;
        while let Some(line) = lines.next_line()? {
            builder.count_row();
            let parsed = if line.too_long {
                Err(Reject::new(Reason::LineTooLong, format!("more than {} bytes", super::LINE_BYTES)))
            } else {
                serde_json::from_slice::<Conversation>(&line.bytes)
                    .map_err(|error| Reject::new(Reason::NotJson, format!("not a conversation: {error}")))
            };
            if let Err(reject) = parsed.and_then(|conversation| add(&mut builder, &conversation, number)) {
                builder.reject("dialogs", line.number, reject, &String::from_utf8_lossy(&line.bytes));
            }
            number += 1;
        }
    }
    builder.end_of("dialogs", before);
    let rule = Some(Rule::Folds { folds: FOLDS, held_out: 0 });
    builder.finish(Description { surface: "radio", timed: false, rule }, data)
}

fn add(builder: &mut Builder, conversation: &Conversation, number: i64) -> Result<(), Reject> {
    let rated =
        conversation.turns.iter().flat_map(|turn| turn.liked_results.iter().chain(&turn.disliked_results));
    for id in conversation.tracks.keys().chain(rated).chain(&conversation.goal_playlist) {
        if !builder.has_item(id) {
            builder.item(item(id, conversation.tracks.get(id)))?;
        }
    }
    for (place, turn) in (0..).zip(&conversation.turns) {
        let time_ms = number * CONVERSATION_MS + place * TURN_MS;
        add_turn(builder, &conversation.id, turn, place, time_ms)?;
    }
    if conversation.goal_playlist.is_empty() {
        return Ok(());
    }
    builder.collection(Collection {
        collection: format!("goal-{}", conversation.id),
        kind: "playlist".to_owned(),
        items: conversation.goal_playlist.clone(),
        ..Collection::default()
    })
}

fn item(id: &str, track: Option<&Track>) -> Item {
    let artists = track.map(|track| track.track_artists.as_slice()).unwrap_or_default();
    Item {
        item: id.to_owned(),
        title: track.map(|track| track.track_titles.clone()).unwrap_or_default(),
        // The data names artists and has no ids for them.
        creator: artists.first().map(|name| shorten(name, 100)).unwrap_or_default(),
        creator_name: (!artists.is_empty()).then(|| artists.join(", ")),
        ..Item::default()
    }
}

// Only rated tracks are candidates: the others were perhaps never seen.
fn add_turn(builder: &mut Builder, id: &str, turn: &Turn, place: i64, time_ms: i64) -> Result<(), Reject> {
    let mut rated: Vec<(&String, EventKind)> = Vec::new();
    rated.extend(turn.liked_results.iter().map(|item| (item, EventKind::Like)));
    rated.extend(turn.disliked_results.iter().map(|item| (item, EventKind::Dislike)));
    rated.sort_by(|a, b| a.0.cmp(b.0));
    rated.dedup_by(|a, b| a.0 == b.0);
    let candidates: Vec<String> = rated.iter().map(|(item, _)| (*item).clone()).collect();
    for (number, (item, kind)) in (0..).zip(rated) {
        let mut event = Event::new(format!("{id}-{place}-{number}"), item.as_str(), kind, time_ms + number);
        event.session = id.to_owned();
        event.slate = Some(format!("{id}-{place}"));
        event.context.insert("query".to_owned(), shorten(&turn.user_query, QUERY_BYTES));
        event.candidates.clone_from(&candidates);
        builder.event(event)?;
    }
    Ok(())
}

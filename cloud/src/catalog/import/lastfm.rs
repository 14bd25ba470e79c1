//! Last.fm as processed for sequence models: one line per person, items in time
//! order, and for each person 99 negatives to rank the last item against.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Context;
use segue_core::session::event::{Event, EventKind};
use serde_json::Value;

use super::builder::{Builder, Description, Outcome, tally};
use super::lines::Lines;
use super::reject::{Reason, Reject};
use crate::catalog::Item;
use crate::catalog::split::Rule;

/// Categories kept of one artist: its most frequent tags.
const TAGS: usize = 4;
/// One synthetic minute from each item to the next.
const STEP_MS: i64 = 60_000;

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let negatives = negatives(&path.join("LastFM_sample.txt"), &mut builder)?;
    let tags = tags(&path.join("LastFM_item2attributes.json"), &mut builder)?;
    let before = builder.counted();
    let mut lines = Lines::open(&path.join("LastFM.txt"))?;
    while let Some(line) = lines.next_line()? {
        builder.count_row();
        let added = line.text().and_then(|text| history(&mut builder, &text, &negatives, &tags));
        if let Err(reject) = added {
            builder.reject("LastFM", line.number, reject, &String::from_utf8_lossy(&line.bytes));
        }
    }
    builder.end_of("LastFM", before);
    builder.finish(Description { surface: "radio", timed: false, rule: Some(Rule::LeaveOneOut) }, data)
}

// A missing file means no negatives.
fn negatives(path: &Path, builder: &mut Builder) -> anyhow::Result<HashMap<String, Vec<String>>> {
    let mut negatives = HashMap::new();
    if !path.is_file() {
        return Ok(negatives);
    }
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next_line()? {
        builder.count_row();
        match line.text().and_then(|text| numbers(&text)) {
            Ok((user, items)) => drop(negatives.insert(user, items)),
            Err(reject) => {
                builder.reject("LastFM_sample", line.number, reject, &String::from_utf8_lossy(&line.bytes));
            }
        }
    }
    Ok(negatives)
}

// An item whose entry is no list of numbers goes without tags.
fn tags(path: &Path, builder: &mut Builder) -> anyhow::Result<HashMap<String, Vec<String>>> {
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let entries: BTreeMap<String, Value> = serde_json::from_str(&text)
        .with_context(|| format!("{} does not map items to lists of tags", path.display()))?;
    let mut tags = HashMap::new();
    for ((item, entry), number) in entries.into_iter().zip(1..) {
        let text = entry.to_string();
        match serde_json::from_value::<Vec<u32>>(entry) {
            Ok(list) => drop(tags.insert(item, most_frequent(&list))),
            Err(_) => {
                let reject = Reject::invalid(&item, &text, "a list of whole numbers");
                builder.reject("LastFM_item2attributes", number, reject, &text);
            }
        }
    }
    Ok(tags)
}

fn most_frequent(tags: &[u32]) -> Vec<String> {
    let names: Vec<String> = tags.iter().map(|tag| format!("tag {tag}")).collect();
    let mut ranked: Vec<(&str, u64)> = tally(names.iter().map(String::as_str)).into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.into_iter().take(TAGS).map(|(tag, _)| tag.to_owned()).collect()
}

fn numbers(text: &str) -> Result<(String, Vec<String>), Reject> {
    let mut words = text.split_whitespace();
    let user = words.next().ok_or_else(|| Reject::missing("user"))?;
    let items: Vec<&str> = words.collect();
    match std::iter::once(&user).chain(&items).find(|word| word.parse::<u64>().is_err()) {
        Some(word) => Err(Reject::invalid("item", word, "a whole number")),
        None if items.is_empty() => Err(Reject::missing("items")),
        None => Ok((user.to_owned(), items.into_iter().map(str::to_owned).collect())),
    }
}

fn history(
    builder: &mut Builder,
    text: &str,
    negatives: &HashMap<String, Vec<String>>,
    tags: &HashMap<String, Vec<String>>,
) -> Result<(), Reject> {
    let (user, items) = numbers(text)?;
    let others = negatives.get(&user).map(Vec::as_slice).unwrap_or_default();
    for item in items.iter().chain(others).filter(|item| !item.is_empty()) {
        if !builder.has_item(item) {
            builder.item(artist(item, tags))?;
        }
    }
    let last = items.len() - 1;
    for (place, item) in items.iter().enumerate() {
        let number =
            i64::try_from(place).map_err(|_| Reject::new(Reason::ListTooLong, "the history is too long"))?;
        let mut event =
            Event::new(format!("l{user}-{place}"), item.as_str(), EventKind::Complete, number * STEP_MS);
        event.user.clone_from(&user);
        event.session = format!("l{user}");
        if place == last && !others.is_empty() {
            event.candidates = std::iter::once(item).chain(others).cloned().collect();
            event.candidates.sort_unstable();
        }
        builder.event(event)?;
    }
    Ok(())
}

fn artist(item: &str, tags: &HashMap<String, Vec<String>>) -> Item {
    Item {
        item: item.to_owned(),
        title: format!("Artist {item}"),
        categories: tags.get(item).cloned().unwrap_or_default(),
        ..Item::default()
    }
}

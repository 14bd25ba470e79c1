//! Checks rows one by one and writes the data folder at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::ensure;
use indicatif::ProgressBar;
use segue_core::session::{self, Event, EventFault};

use super::reject::{Reason, Reject, RejectRow, shorten};
use super::vocabulary;
use crate::catalog::dataset::{self, Counts, Dataset};
use crate::catalog::sessions;
use crate::catalog::split::{Rule, Split};
use crate::catalog::writer::Tables;
use crate::catalog::{AttributeValue, Collection, Item, User};
use crate::progress;

/// Most bytes of a rejected row that are kept in `rejects.jsonl`.
const REJECT_TEXT_BYTES: usize = 500;
/// Milliseconds that are more likely seconds: of 2001 and later.
const SECONDS: std::ops::Range<i64> = 1_000_000_000..100_000_000_000;
/// Lengths in milliseconds that are more likely seconds, where the item lasts this many times as long and more.
const SHORT_MS: u64 = 1_000;
const TIMES_AS_LONG: u64 = 100;
/// Most items of one collection.
const COLLECTION_ITEMS: usize = 10_000;
/// Most categories, attributes or regions of one item.
const ITEM_LIST: usize = 256;

/// How the imported set is described and divided.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// The surface that events of this format come from, such as `radio`.
    pub surface: &'static str,
    /// Whether `time_ms` is real.
    pub timed: bool,
    /// How held-out events are told; by time when none is given.
    pub rule: Option<Rule>,
}

/// Collects the rows of an import.
#[derive(Debug)]
pub struct Builder {
    name: String,
    items: Vec<Item>,
    users: Vec<User>,
    events: Vec<Event>,
    collections: Vec<Collection>,
    rejects: Vec<RejectRow>,
    item_ids: HashSet<String>,
    user_ids: HashSet<String>,
    event_ids: HashSet<String>,
    collection_ids: HashSet<String>,
    vector_length: Option<usize>,
    items_are_given: bool,
    rows: u64,
    progress: ProgressBar,
    surface: Option<String>,
}

/// Events that were read, and what was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The events, in the file's order.
    pub events: Vec<Event>,
    /// Rejected rows by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// What looks wrong about rows that were kept.
    pub remark: Option<String>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The written `dataset.json`.
    pub dataset: Dataset,
    /// Rows read, good and bad.
    pub rows: u64,
    /// Rejected rows by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Attributes that were dropped, with the reason.
    pub dropped_attributes: Vec<String>,
    /// What looks wrong about rows that were kept.
    pub remarks: Vec<String>,
}

impl Builder {
    /// An empty import of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            items: Vec::new(),
            users: Vec::new(),
            events: Vec::new(),
            collections: Vec::new(),
            rejects: Vec::new(),
            item_ids: HashSet::new(),
            user_ids: HashSet::new(),
            event_ids: HashSet::new(),
            collection_ids: HashSet::new(),
            vector_length: None,
            items_are_given: false,
            rows: 0,
            progress: progress::count("rows"),
            surface: None,
        }
    }

    /// Says that the source has an items table: events about other items are then rejected.
    pub fn items_are_given(&mut self) {
        self.items_are_given = true;
    }

    /// Says where the events come from, instead of the format's usual surface.
    pub fn surface(&mut self, surface: &str) {
        self.surface = Some(surface.to_owned());
    }

    /// Counts one row of the source.
    pub fn count_row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(1_024) {
            self.progress.set_position(self.rows);
        }
    }

    /// Rows counted so far, good and bad.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rejected rows so far.
    #[must_use]
    pub fn rejects(&self) -> &[RejectRow] {
        &self.rejects
    }

    /// Whether this item was added.
    #[must_use]
    pub fn has_item(&self, item: &str) -> bool {
        self.item_ids.contains(item)
    }

    /// Leaves out a row and remembers why.
    pub fn reject(&mut self, table: &str, line: u64, reject: Reject, text: &str) {
        self.rejects.push(RejectRow {
            table: table.to_owned(),
            line,
            reason: reject.reason,
            detail: reject.detail,
            text: shorten(text, REJECT_TEXT_BYTES),
        });
    }

    /// Adds an item.
    ///
    /// # Errors
    /// When a value is not allowed.
    pub fn item(&mut self, item: Item) -> Result<(), Reject> {
        check_item(&item)?;
        self.check_vector(item.vector.as_deref())?;
        claim(&mut self.item_ids, "item", &item.item)?;
        self.items.push(item);
        Ok(())
    }

    fn check_vector(&mut self, vector: Option<&[f32]>) -> Result<(), Reject> {
        let Some(vector) = vector else { return Ok(()) };
        let wanted = *self.vector_length.get_or_insert(vector.len());
        if vector.len() != wanted {
            let detail = format!("`vector` has {} values where the first one has {wanted}", vector.len());
            return Err(Reject::new(Reason::VectorLength, detail));
        }
        Ok(())
    }

    /// Adds a person.
    ///
    /// # Errors
    /// When a value is not allowed.
    pub fn user(&mut self, user: User) -> Result<(), Reject> {
        check_id("user", &user.user)?;
        claim(&mut self.user_ids, "user", &user.user)?;
        self.users.push(user);
        Ok(())
    }

    /// Adds an event; its person, and its item where no items table was given, are added when new.
    ///
    /// # Errors
    /// When a value is not allowed.
    pub fn event(&mut self, event: Event) -> Result<(), Reject> {
        check_event(&event)?;
        self.check_references(&event)?;
        claim(&mut self.event_ids, "event_id", &event.event_id)?;
        if !self.items_are_given {
            for item in std::iter::once(&event.item).chain(&event.candidates) {
                if !item.is_empty() && self.item_ids.insert(item.clone()) {
                    self.items.push(Item { item: item.clone(), ..Item::default() });
                }
            }
        }
        if !event.user.is_empty() && !self.user_ids.contains(&event.user) {
            self.user_ids.insert(event.user.clone());
            self.users.push(User { user: event.user.clone(), ..User::default() });
        }
        self.events.push(event);
        Ok(())
    }

    fn check_references(&self, event: &Event) -> Result<(), Reject> {
        if !self.items_are_given {
            return Ok(());
        }
        let mut named = std::iter::once(&event.item).chain(&event.candidates).filter(|item| !item.is_empty());
        match named.find(|item| !self.item_ids.contains(*item)) {
            Some(item) => Err(unknown(item)),
            None => Ok(()),
        }
    }

    /// Adds a collection.
    ///
    /// # Errors
    /// When a value is not allowed.
    pub fn collection(&mut self, collection: Collection) -> Result<(), Reject> {
        check_id("collection", &collection.collection)?;
        check_id("kind", &collection.kind)?;
        check_optional_id("user", collection.user.as_deref().unwrap_or_default())?;
        check_length("items", collection.items.len(), COLLECTION_ITEMS)?;
        if let Some(item) = collection.items.iter().find(|item| !self.item_ids.contains(*item)) {
            return Err(unknown(item));
        }
        claim(&mut self.collection_ids, "collection", &collection.collection)?;
        self.collections.push(collection);
        Ok(())
    }

    /// Derives what is missing and replaces the tables of the data folder.
    ///
    /// # Errors
    /// When nothing was read or the folder cannot be written.
    pub fn finish(mut self, description: Description, data: &Path) -> anyhow::Result<Outcome> {
        self.progress.finish_and_clear();
        ensure!(!self.items.is_empty(), "{}", self.why_nothing());
        let vocabulary = vocabulary::discover(&mut self.items);
        self.events.sort_by(|a, b| (a.time_ms, &a.event_id).cmp(&(b.time_ms, &b.event_id)));
        sessions::derive(&mut self.events);
        let times: Vec<i64> = self.events.iter().map(|event| event.time_ms).collect();
        let split = description.rule.map_or_else(|| Split::by_time(&times), Split::new);
        let mut dataset = Dataset {
            format: dataset::FORMAT,
            name: self.name.clone(),
            attributes: vocabulary.attributes,
            categories: vocabulary.categories,
            counts: Counts::default(),
            surface: self.surface.clone().unwrap_or_else(|| description.surface.to_owned()),
            timed: description.timed,
        };
        let mut tables = Tables::create(data)?;
        tables.items.write_all(&self.items)?;
        tables.users.write_all(&self.users)?;
        tables.events.write_all(&self.events)?;
        tables.collections.write_all(&self.collections)?;
        tables.rejects.write_all(&self.rejects)?;
        tables.publish(&mut dataset, &split)?;
        let rejects = self.reasons();
        let times = if description.timed { seconds_remark(&times) } else { None };
        let remarks = times.into_iter().chain(lengths_remark(&self.items, &self.events)).collect();
        Ok(Outcome { dataset, rows: self.rows, rejects, dropped_attributes: vocabulary.dropped, remarks })
    }

    /// The events alone, for a catalogue that is there already.
    #[must_use]
    pub fn into_events(self) -> Events {
        self.progress.finish_and_clear();
        let mut times: Vec<i64> = self.events.iter().map(|event| event.time_ms).collect();
        times.sort_unstable();
        Events { rejects: self.reasons(), remark: seconds_remark(&times), events: self.events }
    }

    /// How many rows were left out for each reason.
    fn reasons(&self) -> BTreeMap<&'static str, u64> {
        self.rejects.iter().fold(BTreeMap::new(), |mut reasons, row| {
            *reasons.entry(row.reason.code()).or_insert(0) += 1;
            reasons
        })
    }

    /// The folder stays as it was, so no rejects file says why: the error has to.
    fn why_nothing(&self) -> String {
        let reasons: Vec<String> =
            self.reasons().iter().map(|(reason, count)| format!("{count} x {reason}")).collect();
        let first = self.rejects.first().map(|row| {
            format!(" ({}); the first, {} line {}: {}", reasons.join(", "), row.table, row.line, row.detail)
        });
        format!(
            "no item could be read from {} rows, {} were left out{}. Check the format and the path",
            self.rows,
            self.rejects.len(),
            first.unwrap_or_default()
        )
    }
}

/// Events before 1973 may be times in seconds: as such they are after 2001.
fn seconds_remark(sorted_times: &[i64]) -> Option<String> {
    let place = |time_ms: i64| sorted_times.partition_point(|time| *time < time_ms);
    let early = place(SECONDS.end) - place(SECONDS.start);
    (early > 0).then(|| {
        format!(
            "{early} of {} events lie before March 1973, as times in seconds would: `time_ms` is in milliseconds",
            sorted_times.len()
        )
    })
}

/// Lengths that are a small part of what their items last may be given in seconds.
fn lengths_remark(items: &[Item], events: &[Event]) -> Option<String> {
    let durations: HashMap<&str, u64> =
        items.iter().filter_map(|item| Some((item.item.as_str(), item.duration_ms?))).collect();
    let told = events.iter().filter_map(|event| {
        let total_ms = event.total_ms.filter(|total_ms| *total_ms > 0)?;
        Some((total_ms, *durations.get(event.item.as_str())?))
    });
    let is_short = |(total_ms, duration_ms): (u64, u64)| {
        total_ms < SHORT_MS && duration_ms >= total_ms.saturating_mul(TIMES_AS_LONG)
    };
    let (short, all) =
        told.fold((0_u64, 0_u64), |(short, all), one| (short + u64::from(is_short(one)), all + 1));
    (2 * short > all).then(|| {
        format!(
            "{short} of {all} events have a `total_ms` below {SHORT_MS} about items that last {TIMES_AS_LONG} times as long \
             and more, as lengths in seconds would: `played_ms` and `total_ms` are in milliseconds"
        )
    })
}

/// How often each entry occurs.
pub(super) fn tally<'a>(entries: impl Iterator<Item = &'a str>) -> HashMap<&'a str, u64> {
    entries.fold(HashMap::new(), |mut counts, entry| {
        *counts.entry(entry).or_insert(0) += 1;
        counts
    })
}

/// Checks the values of an item by themselves.
///
/// # Errors
/// `id_invalid`, `list_too_long`, `value_out_of_range`.
pub fn check_item(item: &Item) -> Result<(), Reject> {
    check_id("item", &item.item)?;
    check_optional_id("creator", &item.creator)?;
    check_length("categories", item.categories.len(), ITEM_LIST)?;
    check_length("attributes", item.attributes.len(), ITEM_LIST)?;
    check_length("regions", item.regions.len(), ITEM_LIST)?;
    for (name, value) in &item.attributes {
        check_id("attribute name", name)?;
        match value {
            AttributeValue::Number(number) => check_finite(name, *number)?,
            AttributeValue::Text(text) => check_id(name, text)?,
        }
    }
    for category in &item.categories {
        check_id("categories", category)?;
    }
    if let Some(price) = item.price {
        check_finite("price", price)?;
    }
    let vector = item.vector.iter().flatten();
    if item.vector.as_ref().is_some_and(Vec::is_empty) || vector.clone().any(|value| !value.is_finite()) {
        let detail = "`vector` is empty or holds a value that is not finite";
        return Err(Reject::new(Reason::ValueOutOfRange, detail));
    }
    Ok(())
}

fn check_event(event: &Event) -> Result<(), Reject> {
    event.examine().map_err(|(fault, detail)| {
        let reason = match fault {
            EventFault::IdMissing | EventFault::SubjectMissing => Reason::ColumnMissing,
            EventFault::IdInvalid => Reason::IdInvalid,
            EventFault::KindInvalid => Reason::KindInvalid,
            EventFault::TimeOutOfRange | EventFault::ValueOutOfRange => Reason::ValueOutOfRange,
            EventFault::ContextTooLarge | EventFault::CandidatesTooMany => Reason::ListTooLong,
        };
        Reject::new(reason, detail)
    })
}

fn check_id(column: &str, id: &str) -> Result<(), Reject> {
    if id.is_empty() { Err(Reject::missing(column)) } else { check_optional_id(column, id) }
}

fn check_optional_id(column: &str, id: &str) -> Result<(), Reject> {
    session::check_id(column, id).map_err(|detail| Reject::new(Reason::IdInvalid, detail))
}

fn check_finite(column: &str, value: f64) -> Result<(), Reject> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {value}")))
}

fn check_length(column: &str, length: usize, most: usize) -> Result<(), Reject> {
    if length <= most {
        return Ok(());
    }
    Err(Reject::new(
        Reason::ListTooLong,
        format!("`{column}` has {length} entries, at most {most} are allowed"),
    ))
}

fn claim(ids: &mut HashSet<String>, column: &str, id: &str) -> Result<(), Reject> {
    if ids.insert(id.to_owned()) {
        return Ok(());
    }
    Err(Reject::new(Reason::IdDuplicate, format!("`{column}` {id} was there before; the first row is kept")))
}

fn unknown(item: &str) -> Reject {
    Reject::new(Reason::ItemUnknown, format!("item {item} is not in the items table"))
}

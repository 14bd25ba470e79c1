//! Checks rows one by one and writes the data folder at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::{bail, ensure};
use indicatif::ProgressBar;
use segue_core::session::{self, Event, EventFault};

use super::reject::{Reason, Reject, RejectRow, shorten};
use super::{remarks, vocabulary};
use crate::catalog::dataset::{self, Counts, Dataset};
use crate::catalog::sessions;
use crate::catalog::split::{Rule, Split};
use crate::catalog::writer::Tables;
use crate::catalog::{AttributeValue, Collection, Item, User};
use crate::progress;

/// Most bytes of a rejected row that are kept in `rejects.jsonl`.
const REJECT_TEXT_BYTES: usize = 500;
/// Tables that hold no event and none of what events are about.
const BESIDE: [&str; 2] = ["users", "collections"];
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

/// Rows of an import, as many as there were at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    rows: u64,
    rejects: u64,
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
    /// A table with rows of which none could be read.
    unreadable: Option<String>,
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
    pub remarks: Vec<String>,
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
            unreadable: None,
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

    /// Says that a file of this table is read, which began at `before`. Where it had rows and every one was left out, it is what
    /// the import fails by if there is no event in the end; of several the last, since events come last.
    pub(super) fn end_of(&mut self, table: &str, before: Counted) {
        let now = self.counted();
        let (rows, rejects) = (now.rows - before.rows, now.rejects - before.rejects);
        if rows > 0 && rejects >= rows && !BESIDE.contains(&table) {
            self.unreadable = Some(table.to_owned());
        }
    }

    /// Rows counted and left out so far, for [`Self::end_of`].
    pub(super) fn counted(&self) -> Counted {
        Counted { rows: self.rows, rejects: self.rejects.len() as u64 }
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
    /// When nothing was read, every row of events was left out or the folder cannot be written.
    pub fn finish(mut self, description: Description, data: &Path) -> anyhow::Result<Outcome> {
        self.progress.finish_and_clear();
        ensure!(!self.items.is_empty(), "{}", self.why_nothing("item", None));
        if let Some(table) = self.unreadable.as_deref().filter(|_| self.events.is_empty()) {
            bail!("{}", self.why_nothing("event", Some(table)));
        }
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
        let times = if description.timed { remarks::of_times(&times) } else { None };
        let remarks = times.into_iter().chain(remarks::of_lengths(&self.items, &self.events)).collect();
        Ok(Outcome { dataset, rows: self.rows, rejects, dropped_attributes: vocabulary.dropped, remarks })
    }

    /// The events alone, for a catalogue of these items that is there already.
    #[must_use]
    pub fn into_events(self, items: &[Item]) -> Events {
        self.progress.finish_and_clear();
        let mut times: Vec<i64> = self.events.iter().map(|event| event.time_ms).collect();
        times.sort_unstable();
        let lengths = remarks::of_lengths(items, &self.events);
        let remarks = remarks::of_times(&times).into_iter().chain(lengths).collect();
        Events { rejects: self.reasons(), remarks, events: self.events }
    }

    /// How many rows were left out for each reason.
    fn reasons(&self) -> BTreeMap<&'static str, u64> {
        reasons(self.rejects.iter())
    }

    /// The folder stays as it was, so no rejects file says why: the error has to, of one table or of all.
    fn why_nothing(&self, what: &str, table: Option<&str>) -> String {
        let lost: Vec<&RejectRow> =
            self.rejects.iter().filter(|row| table.is_none_or(|table| row.table == table)).collect();
        let rows = if table.is_some() { lost.len() as u64 } else { self.rows };
        let counts: Vec<String> = reasons(lost.iter().copied())
            .iter()
            .map(|(reason, count)| format!("{count} x {reason}"))
            .collect();
        let first = lost.first().map(|row| {
            format!(" ({}); the first, {} line {}: {}", counts.join(", "), row.table, row.line, row.detail)
        });
        format!(
            "no {what} could be read from {rows} rows, {} were left out{}. Check the format and the path",
            lost.len(),
            first.unwrap_or_default()
        )
    }
}

fn reasons<'a>(rejects: impl Iterator<Item = &'a RejectRow>) -> BTreeMap<&'static str, u64> {
    rejects.fold(BTreeMap::new(), |mut reasons, row| {
        *reasons.entry(row.reason.code()).or_insert(0) += 1;
        reasons
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

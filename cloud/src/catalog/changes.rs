//! Changes of items since the tables were written: rows put in or replaced, and items withdrawn.
//!
//! They lie in `D/item_changes.jsonl`, one a line in the order of arrival, and whoever reads the item table reads them as
//! well. New tables (an import) begin without any. What a later change made void goes when the journal is compacted, as far
//! as nobody asks for how things were in between, so that it does not grow beyond what a catalogue has items.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::tables::Item;
use crate::stores::disk::{DiskFile, sync_folder, write_synced};

/// The file's name in the data folder.
pub const FILE: &str = "item_changes.jsonl";

/// Void changes that are worth writing the journal anew.
const VOID: usize = 1_000;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its number; the first has 1, each the one before and 1. Those of changes that are void are missing.
    pub number: u64,
    /// When it arrived, in milliseconds since 1970.
    pub time_ms: i64,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What a change is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A row that is new or takes the place of the one with its id.
    Item(Box<Item>),
    /// The id of an item that is not to be shown any more.
    Withdrawn(String),
}

/// The changes of data folder `data`, oldest first.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read(data: &Path) -> anyhow::Result<Vec<Change>> {
    Ok(parse(&data.join(FILE))?.0)
}

/// The number of the last change of data folder `data`; 0 without any.
///
/// # Errors
/// As [`read`].
pub fn last(data: &Path) -> anyhow::Result<u64> {
    Ok(read(data)?.last().map_or(0, |change| change.number))
}

/// Carries changes out on the rows of the table.
pub fn apply(items: &mut Vec<Item>, changes: Vec<Change>) {
    if changes.is_empty() {
        return;
    }
    let mut places: HashMap<String, usize> =
        items.iter().enumerate().map(|(place, item)| (item.item.clone(), place)).collect();
    for Change { time_ms, what, .. } in changes {
        match what {
            What::Item(item) => match places.get(&item.item) {
                Some(place) => items[*place] = *item,
                None => {
                    places.insert(item.item.clone(), items.len());
                    items.push(*item);
                }
            },
            What::Withdrawn(id) => {
                if let Some(place) = places.get(&id) {
                    withdraw(&mut items[*place], time_ms);
                }
            }
        }
    }
}

/// Ends an item at `time_ms`, unless it ended before.
pub fn withdraw(item: &mut Item, time_ms: i64) {
    item.available_until_ms = Some(item.available_until_ms.map_or(time_ms, |until| until.min(time_ms)));
}

/// The changes that still count for who sees all of them up to number `settled` at least: of each item the last row, and
/// the earliest of its withdrawals after that. The last change of all stays, as its number is the journal's.
fn without_void(changes: &[Change], settled: u64) -> Vec<&Change> {
    let (mut replaced, mut withdrawn): (HashSet<&str>, HashMap<&str, usize>) = Default::default();
    let (mut kept, last): (Vec<&Change>, _) = (Vec::new(), changes.last().map_or(0, |change| change.number));
    for change in changes.iter().rev() {
        match &change.what {
            _ if change.number > settled => kept.push(change),
            What::Item(item) => {
                if replaced.insert(&item.item) {
                    kept.push(change);
                }
            }
            What::Withdrawn(_) if change.number == last => kept.push(change),
            What::Withdrawn(id) if replaced.contains(id.as_str()) => {}
            What::Withdrawn(id) => match withdrawn.get(id.as_str()) {
                Some(place) if kept[*place].time_ms < change.time_ms => {}
                Some(place) => kept[*place] = change,
                None => {
                    withdrawn.insert(id, kept.len());
                    kept.push(change);
                }
            },
        }
    }
    kept.sort_by_key(|change| change.number);
    kept
}

fn to_lines<'a>(changes: impl IntoIterator<Item = &'a Change>) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    for change in changes {
        serde_json::to_writer(&mut text, change)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The changes in the file, and how many of its bytes are whole lines: a line without an end was cut by a crash before
/// anybody was told of it.
fn parse(path: &Path) -> anyhow::Result<(Vec<Change>, u64)> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Vec::new(), 0)),
        read => parse_lines(&read.with_context(|| format!("cannot read {}", path.display()))?, path),
    }
}

fn parse_lines(text: &[u8], path: &Path) -> anyhow::Result<(Vec<Change>, u64)> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let changes = lines.enumerate().map(|(index, line)| {
        serde_json::from_slice(line).with_context(|| format!("{}, line {}", path.display(), index + 1))
    });
    Ok((changes.collect::<anyhow::Result<_>>()?, whole as u64))
}

/// Reads what is added to the journal of one data folder, and what was there before only once.
#[derive(Debug, Default)]
pub struct Tail {
    /// The file that was read. As long as it is open no other file can be taken for it.
    file: Option<File>,
    bytes: u64,
    last: u64,
}

impl Tail {
    /// The changes since the last time, all of them the first time; none where a journal with fewer took its place.
    ///
    /// # Errors
    /// As [`read`]; the next time is as this one then.
    pub fn read(&mut self, data: &Path) -> anyhow::Result<Option<Vec<Change>>> {
        let path = data.join(FILE);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((self.last == 0).then(Vec::new));
            }
            opened => opened.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let name = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino());
        let found = file.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        let known = self.file.as_ref().and_then(|known| known.metadata().ok());
        let is_same = known.is_some_and(|known| name(&known) == name(&found)) && found.len() >= self.bytes;
        let begin = if is_same { self.bytes } else { 0 };
        let mut changes = Self::after(&mut file, begin, &path);
        if changes.is_err() && begin > 0 {
            // What was read may have been written over, as nobody was told of it.
            changes = Self::after(&mut file, 0, &path);
        }
        let (mut changes, end) = changes?;
        let last = changes.last().map_or(if is_same { self.last } else { 0 }, |change| change.number);
        if last < self.last {
            return Ok(None);
        }
        changes.retain(|change| change.number > self.last);
        *self = Self { file: Some(file), bytes: end, last };
        Ok(Some(changes))
    }

    /// The changes after so many bytes, and where they end.
    fn after(file: &mut File, begin: u64, path: &Path) -> anyhow::Result<(Vec<Change>, u64)> {
        let mut text = Vec::new();
        let read = file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_to_end(&mut text));
        read.with_context(|| format!("cannot read {}", path.display()))?;
        let (changes, whole) = parse_lines(&text, path)?;
        Ok((changes, begin + whole))
    }
}

/// Writes changes of one data folder; one process at a time does.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// The file, once there is one. As long as it is open no other file can be taken for it.
    file: Option<DiskFile>,
    last: u64,
    bytes: u64,
}

impl Journal {
    /// Opens the file of data folder `data`, which need not be there, and reads what it holds.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(data: &Path) -> anyhow::Result<(Self, Vec<Change>)> {
        let path = data.join(FILE);
        let file = DiskFile::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        if file.is_some() {
            // Whoever made it may have been killed before its name was durable.
            sync_folder(data).with_context(|| format!("cannot sync {}", data.display()))?;
        }
        let (changes, bytes) = parse(&path)?;
        let last = changes.last().map_or(0, |change| change.number);
        Ok((Self { path, file, last, bytes }, changes))
    }

    /// Whether the file is no longer the one that was opened: new tables took its place.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let name = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let found = std::fs::metadata(&self.path).ok();
        let is_shorter = found.as_ref().map_or(0, std::fs::Metadata::len) < self.bytes;
        let opened = self.file.as_ref().and_then(|file| file.metadata().ok());
        is_shorter || found.map(name) != opened.map(name)
    }

    /// Adds changes; they are on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses; none of them counts then.
    pub fn add(&mut self, whats: Vec<What>, time_ms: i64) -> anyhow::Result<Vec<Change>> {
        let numbered = whats.into_iter().zip(self.last + 1..);
        let changes: Vec<Change> = numbered.map(|(what, number)| Change { number, time_ms, what }).collect();
        let text = to_lines(&changes)?;
        self.write(&text).with_context(|| format!("cannot write {}", self.path.display()))?;
        self.last += changes.len() as u64;
        Ok(changes)
    }

    /// Writes the journal anew without what is void for everybody who asks for changes up to number `settled` or more, where
    /// that is worth it; how many changes went. It is replaced as a whole.
    ///
    /// # Errors
    /// When the disk refuses or the file is damaged; the journal is then as it was.
    pub fn compact(&mut self, settled: u64) -> anyhow::Result<usize> {
        let (changes, _) = parse(&self.path)?;
        let kept = without_void(&changes, settled);
        let void = changes.len() - kept.len();
        if void < VOID.max(kept.len()) || self.is_outdated() {
            return Ok(0);
        }
        let text = to_lines(kept)?;
        write_synced(&self.path, &text).with_context(|| format!("cannot write {}", self.path.display()))?;
        self.file = DiskFile::open(&self.path)?;
        self.bytes = text.len() as u64;
        Ok(void)
    }

    /// Writes after the last whole line, over what a failure left there.
    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        if self.file.is_none() {
            let begin = DiskFile::create_new(&self.path)?;
            sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
            self.file = Some(begin);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.cut(self.bytes)?;
        file.write_all(text)?;
        file.sync()?;
        self.bytes += text.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, title: &str) -> What {
        What::Item(Box::new(Item { item: id.into(), title: title.into(), ..Item::default() }))
    }

    #[test]
    fn the_latest_row_counts_and_what_was_withdrawn_ends_until_it_comes_again() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, none) = Journal::open(data.path()).unwrap();
        assert!(none.is_empty());
        journal.add(vec![row("a", "A2"), row("c", "C")], 10).unwrap();
        let added = journal.add(vec![What::Withdrawn("a".into()), What::Withdrawn("?".into())], 20).unwrap();
        assert_eq!(added[1].number, 4);
        let mut items = vec![Item { item: "a".into(), ..Item::default() }];
        apply(&mut items, read(data.path()).unwrap());
        let found: Vec<_> = items.iter().map(|item| (item.title.as_str(), item.available_until_ms)).collect();
        assert_eq!(found, [("A2", Some(20)), ("C", None)]);
        let (mut journal, changes) = Journal::open(data.path()).unwrap();
        assert_eq!(changes.len(), 4);
        journal.add(vec![row("a", "A3")], 30).unwrap();
        apply(&mut items, read(data.path()).unwrap());
        assert_eq!((items[0].title.as_str(), items[0].available_until_ms), ("A3", None));
        assert_eq!(last(data.path()).unwrap(), 5);
    }

    #[test]
    fn a_line_that_a_crash_cut_is_written_over_and_a_damaged_one_is_named() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path()).unwrap();
        journal.add(vec![row("a", "A")], 1).unwrap();
        let path = data.path().join(FILE);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"number\":2,\"time_ms\":2,\"withdr");
        std::fs::write(&path, &text).unwrap();
        let (mut journal, changes) = Journal::open(data.path()).unwrap();
        assert_eq!(changes.len(), 1);
        journal.add(vec![row("b", "B")], 3).unwrap();
        assert_eq!(read(data.path()).unwrap().len(), 2);
        std::fs::write(&path, "{\"number\":1}\n").unwrap();
        assert!(format!("{:#}", read(data.path()).unwrap_err()).contains("line 1"));
    }

    #[test]
    fn who_follows_the_journal_reads_what_is_new_and_notices_another_one() {
        let data = tempfile::tempdir().unwrap();
        let mut tail = Tail::default();
        let mut numbers = || -> Option<Vec<u64>> {
            let changes = tail.read(data.path()).unwrap()?;
            Some(changes.iter().map(|change| change.number).collect())
        };
        assert_eq!(numbers(), Some(vec![]));
        let (mut journal, _) = Journal::open(data.path()).unwrap();
        journal.add(vec![row("a", "A"), row("b", "B")], 1).unwrap();
        assert_eq!([numbers(), numbers()], [Some(vec![1, 2]), Some(vec![])]);
        journal.add(vec![row("a", "A2")], 2).unwrap();
        assert_eq!(numbers(), Some(vec![3]));
        // Damage before what was read is not looked at again, and a line that is not whole waits.
        let path = data.path().join(FILE);
        let mut text = std::fs::read(&path).unwrap();
        text[0] = b'?';
        text.extend(b"{\"number\":4");
        std::fs::write(&path, &text).unwrap();
        assert_eq!(numbers(), Some(vec![]));
        // Compacted: another file with the same changes.
        let change = |number| Change { number, time_ms: 3, what: row("c", "C") };
        write_synced(&path, &to_lines(&[change(3), change(4)]).unwrap()).unwrap();
        assert_eq!(numbers(), Some(vec![4]));
        // New tables.
        write_synced(&path, &to_lines(&[change(1)]).unwrap()).unwrap();
        assert_eq!(numbers(), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(numbers(), None);
    }

    /// What items look like when everything up to number `last` is known.
    fn seen(changes: &[Change], last: u64) -> Vec<Item> {
        let mut items: Vec<Item> =
            ["a", "b", "c"].map(|id| Item { item: id.into(), ..Item::default() }).into();
        apply(&mut items, changes.iter().filter(|change| change.number <= last).cloned().collect());
        items.sort_by(|one, other| one.item.cmp(&other.item));
        items
    }

    #[test]
    fn without_what_is_void_items_look_the_same_to_whoever_may_ask() {
        let mut changes = Vec::new();
        for number in 1..=60_u64 {
            let id = ["a", "b", "c", "d"][(number * number % 11 % 4) as usize];
            let what =
                if number % 3 == 0 { What::Withdrawn(id.into()) } else { row(id, &number.to_string()) };
            changes.push(Change { number, time_ms: 100 - number as i64 % 7, what });
        }
        for settled in [0, 1, 20, 47, 60, 99] {
            let kept: Vec<Change> = without_void(&changes, settled).into_iter().cloned().collect();
            for last in settled.min(60)..=60 {
                assert_eq!(seen(&kept, last), seen(&changes, last), "{settled} {last}");
            }
            assert_eq!(kept.last().unwrap().number, 60);
            assert!(kept.len() <= 2 * 4 + 1 + 60_usize.saturating_sub(settled as usize), "{}", kept.len());
        }
    }

    #[test]
    fn a_journal_that_was_compacted_goes_on_where_it_was() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path()).unwrap();
        for round in 0..3 {
            journal.add((0..VOID).map(|_| row("a", &round.to_string())).collect(), round).unwrap();
        }
        let length = || std::fs::metadata(data.path().join(FILE)).unwrap().len();
        let before = length();
        assert_eq!(journal.compact(500).unwrap(), 0, "not worth it");
        assert_eq!(journal.compact(u64::MAX).unwrap(), 3 * VOID - 1);
        assert!(length() < before / 1_000 && !journal.is_outdated());
        let added = journal.add(vec![row("b", "B")], 9).unwrap();
        assert_eq!(added[0].number, 3 * VOID as u64 + 1);
        let (_, changes) = Journal::open(data.path()).unwrap();
        assert_eq!(changes.iter().map(|change| change.number).collect::<Vec<_>>(), [3_000, 3_001]);
    }

    #[test]
    fn new_tables_are_noticed() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path()).unwrap();
        journal.add(vec![row("a", "A")], 1).unwrap();
        assert!(!journal.is_outdated());
        std::fs::remove_file(data.path().join(FILE)).unwrap();
        assert!(journal.is_outdated());
        let (mut other, _) = Journal::open(data.path()).unwrap();
        other.add(vec![row("b", "a longer title than the one before")], 2).unwrap();
        assert!(journal.is_outdated() && !other.is_outdated());
    }
}

//! Which items get counters of their own: ids that senders make up would fill the memory.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

use super::counters::Counters;
use crate::catalog::{changes, jsonl};

/// Ids that neither the table nor the journal of changes names and that are counted all the same: an app may tell of an item
/// before the catalogue does.
const STRANGERS: usize = 100_000;
/// The table of items.
const TABLE: &str = "items.jsonl";
/// How soon table and journal are looked at again.
const LOOK: Duration = Duration::from_secs(10);

/// When a file was written, and how long it is.
type Version = Option<(u64, SystemTime)>;

/// Whether there is room for another item.
#[derive(Debug)]
pub(super) struct Admitted {
    data: PathBuf,
    most: usize,
    /// What the catalogue names, looked up once there are so many items that it matters.
    known: Known,
    looked: Option<Instant>,
    strangers: usize,
}

#[derive(Debug, Default)]
struct Known {
    hasher: RandomState,
    /// Hashes of the ids.
    ids: HashSet<u64>,
    version: [Version; 2],
}

impl Admitted {
    pub(super) fn new(data: &Path) -> Self {
        Self::with_room_for(data, STRANGERS)
    }

    fn with_room_for(data: &Path, most: usize) -> Self {
        Self { data: data.to_owned(), most, known: Known::default(), looked: None, strangers: 0 }
    }

    /// Whether an event about this item is counted.
    pub(super) fn admits(&mut self, item: &str, counters: &Counters) -> bool {
        if counters.items().len() < self.most || counters.knows(item) {
            return true;
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look(counters);
        }
        if self.known.contains(item) {
            return true;
        }
        let has_room = self.strangers < self.most;
        self.strangers += usize::from(has_room);
        has_room
    }

    fn look(&mut self, counters: &Counters) {
        let was_looked = self.looked.replace(Instant::now()).is_some();
        let version = version(&self.data);
        if was_looked && version == self.known.version {
            return;
        }
        match Known::read(&self.data, version) {
            Ok(known) => self.known = known,
            Err(error) => tracing::error!("the items that are counted cannot be looked up: {error:#}"),
        }
        self.strangers = counters.items().iter().filter(|item| !self.known.contains(item)).count();
    }
}

impl Known {
    fn read(data: &Path, version: [Version; 2]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Id {
            item: String,
        }
        let (hasher, table) = (RandomState::new(), data.join(TABLE));
        let rows: Vec<Id> = if table.exists() { jsonl::read(&table)? } else { Vec::new() };
        let mut ids: HashSet<u64> = rows.iter().map(|row| hasher.hash_one(row.item.as_str())).collect();
        for change in changes::read(data)? {
            if let changes::What::Item(row) = change.what {
                ids.insert(hasher.hash_one(row.item.as_str()));
            }
        }
        Ok(Self { hasher, ids, version })
    }

    fn contains(&self, item: &str) -> bool {
        self.ids.contains(&self.hasher.hash_one(item))
    }
}

/// Another one when a file is another.
fn version(data: &Path) -> [Version; 2] {
    let of = |name: &str| {
        let metadata = std::fs::metadata(data.join(name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    [TABLE, changes::FILE].map(of)
}

#[cfg(test)]
mod tests {
    use segue_core::session::EventKind;

    use super::*;
    use crate::catalog::Event;
    use crate::consumers::Segment;

    #[test]
    fn made_up_ids_find_room_for_so_many_and_known_items_always() {
        let data = tempfile::tempdir().unwrap();
        let rows: String = (0..50).map(|at| format!("{{\"item\":\"i{at}\"}}\n")).collect();
        std::fs::write(data.path().join("items.jsonl"), rows).unwrap();
        let (mut admitted, mut counters) = (Admitted::with_room_for(data.path(), 10), Counters::default());
        let mut tell = |id: &str| {
            let admits = admitted.admits(id, &counters);
            if admits {
                counters.fold(&Event::new("e", id, EventKind::Like, 1), &Segment::default(), 2);
            }
            admits
        };
        assert!((0..20).all(|at| tell(&format!("i{at}"))));
        let admits: Vec<bool> = (0..1_000).map(|at| tell(&format!("made up {at}"))).collect();
        assert_eq!(admits.iter().filter(|admits| **admits).count(), 10);
        assert!((0..50).all(|at| tell(&format!("i{at}"))) && tell("made up 3") && !tell("made up 500"));
        assert_eq!(counters.items().len(), 60);
        let empty = tempfile::tempdir().unwrap();
        assert!(!Admitted::with_room_for(empty.path(), 10).admits("one more", &counters));
    }
}

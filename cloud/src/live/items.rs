//! Items as they are now: what changed since the table was written, and what editors decided.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::catalog::Item;
use crate::catalog::changes::{self, Change, Journal, What};
use crate::editorial::{Editorial, EditorialFile};

/// How far changes of items and decisions of editors have come: the number of the last of each.
pub type Version = (u64, u64);

/// The changes of one data folder, on the disk and in memory.
#[derive(Debug)]
pub struct Items {
    data: PathBuf,
    journal: Mutex<Journal>,
    known: RwLock<Known>,
    editorial: Mutex<EditorialFile>,
    /// What editors decided: whoever asks does not wait for the disk.
    decided: RwLock<Editorial>,
}

/// What the changes come to.
#[derive(Debug, Default)]
struct Known {
    /// The number of the last one.
    number: u64,
    /// Rows that are new or changed, each with the number of the change.
    rows: HashMap<String, (u64, Item)>,
    /// Whether one of them is not for everybody.
    has_limits: bool,
    /// When items end, in milliseconds since 1970; of rows that were changed or withdrawn.
    ends: HashMap<String, i64>,
}

impl Known {
    fn of(changes: Vec<Change>) -> Self {
        let mut known = Self::default();
        changes.into_iter().for_each(|change| known.learn(change));
        known
    }

    fn learn(&mut self, Change { number, time_ms, what }: Change) {
        self.number = number;
        match what {
            What::Item(item) => {
                match item.available_until_ms {
                    Some(until) => self.ends.insert(item.item.clone(), until),
                    None => self.ends.remove(&item.item),
                };
                self.has_limits |= !item.regions.is_empty() || item.age_rating.is_some();
                self.rows.insert(item.item.clone(), (number, *item));
            }
            What::Withdrawn(id) => {
                if let Some((_, row)) = self.rows.get_mut(&id) {
                    changes::withdraw(row, time_ms);
                }
                self.ends.entry(id).and_modify(|end| *end = time_ms.min(*end)).or_insert(time_ms);
            }
        }
    }
}

impl Items {
    /// Those of data folder `data`.
    ///
    /// # Errors
    /// When the changes or what editors decided cannot be read.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let (journal, changes) = Journal::open(data)?;
        let known = RwLock::new(Known::of(changes));
        let editorial = EditorialFile::open(data)?;
        let decided = RwLock::new(editorial.known().clone());
        let (journal, editorial) = (Mutex::new(journal), Mutex::new(editorial));
        Ok(Self { data: data.to_owned(), journal, known, editorial, decided })
    }

    /// Notes changes, durably when this returns; answers the number of the last one.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn change(&self, whats: Vec<What>, now_ms: i64) -> anyhow::Result<u64> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut journal)?;
        let changes = journal.add(whats, now_ms)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        changes.into_iter().for_each(|change| known.learn(change));
        Ok(known.number)
    }

    /// Begins anew where new tables took the place of those that the changes are about.
    ///
    /// # Errors
    /// When the changes cannot be read.
    pub fn reload(&self) -> anyhow::Result<()> {
        self.look(&mut self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, journal: &mut Journal) -> anyhow::Result<()> {
        if journal.is_outdated() {
            let (opened, changes) = Journal::open(&self.data)?;
            *journal = opened;
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::of(changes);
        }
        Ok(())
    }

    /// Changes what editors decided, durably when this returns; answers what `edit` does.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn decide<T>(&self, edit: impl FnOnce(&mut Editorial) -> T) -> anyhow::Result<T> {
        let mut editorial = self.editorial.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = editorial.change(edit)?;
        *self.decided.write().unwrap_or_else(PoisonError::into_inner) = editorial.known().clone();
        Ok(answer)
    }

    /// Looks at what editors decided.
    pub fn decided<T>(&self, ask: impl FnOnce(&Editorial) -> T) -> T {
        ask(&self.decided.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets go of changes that are void for everybody who asks for those up to number `settled` or more.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn compact(&self, settled: u64) -> anyhow::Result<usize> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).compact(settled)
    }

    /// How far it has come.
    #[must_use]
    pub fn version(&self) -> Version {
        (self.read(|known| known.number), self.decided(Editorial::number))
    }

    /// The row of an item that is new or was changed.
    #[must_use]
    pub fn row(&self, item: &str) -> Option<Item> {
        self.read(|known| known.rows.get(item).map(|(_, row)| row.clone()))
    }

    /// The row of an item that was changed after change `number`, and is not for everybody.
    #[must_use]
    pub fn limited_since(&self, number: u64, item: &str) -> Option<Item> {
        self.read(|known| {
            let row = known.rows.get(item).filter(|(changed, _)| *changed > number);
            let row = row.map(|(_, row)| row);
            row.filter(|row| !row.regions.is_empty() || row.age_rating.is_some()).cloned()
        })
    }

    /// Whether some item ends that the served packs may not know of, or is not for everybody any more.
    #[must_use]
    pub fn has_ends(&self) -> bool {
        self.read(|known| !known.ends.is_empty() || known.has_limits) || self.decided(Editorial::has_blocks)
    }

    /// When an item of `creator` ends by what changed or is blocked, in milliseconds since 1970.
    #[must_use]
    pub fn end_of(&self, item: &str, creator: &str) -> Option<i64> {
        let blocked = self.decided(|editorial| editorial.end_of(item, creator));
        blocked.or_else(|| self.read(|known| known.ends.get(item).copied()))
    }

    /// Those of `items`, each with its creator, that ended until `now_ms` by what changed or is blocked: a whole pack is asked
    /// about at once.
    #[must_use]
    pub fn ended<'a>(&self, items: impl Iterator<Item = (&'a str, &'a str)>, now_ms: i64) -> Vec<&'a str> {
        if !self.has_ends() {
            return Vec::new();
        }
        self.decided(|editorial| {
            self.read(|known| {
                let end_of = |(item, creator): (&str, &str)| {
                    editorial.end_of(item, creator).or_else(|| known.ends.get(item).copied())
                };
                let ended = items.filter(|item| end_of(*item).is_some_and(|end| end <= now_ms));
                ended.map(|(item, _)| item).collect()
            })
        })
    }

    fn read<T>(&self, ask: impl FnOnce(&Known) -> T) -> T {
        ask(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editorial::Blocked;

    #[test]
    fn what_was_withdrawn_has_ended_until_it_comes_again_also_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let items = Items::open(data.path()).unwrap();
        let row = || What::Item(Box::new(Item { item: "a".into(), ..Item::default() }));
        items.change(vec![row(), What::Withdrawn("a".into()), What::Withdrawn("b".into())], 10).unwrap();
        for items in [&items, &Items::open(data.path()).unwrap()] {
            assert_eq!(["a", "b", "c"].map(|item| items.end_of(item, "")), [Some(10), Some(10), None]);
            assert_eq!(items.row("a").unwrap().available_until_ms, Some(10));
        }
        assert_eq!(items.change(vec![row()], 20).unwrap(), 4);
        assert_eq!((items.end_of("a", ""), items.has_ends()), (None, true));
        assert!(items.ended([("a", ""), ("b", "")].into_iter(), 9).is_empty(), "not yet");
        assert_eq!(items.ended([("a", ""), ("b", "")].into_iter(), 10), ["b"]);
        std::fs::remove_file(data.path().join(changes::FILE)).unwrap();
        items.reload().unwrap();
        assert_eq!((items.version(), items.has_ends()), ((0, 0), false));
    }

    #[test]
    fn a_change_beside_an_import_begins_the_new_tables_changes() {
        let data = tempfile::tempdir().unwrap();
        let items = Items::open(data.path()).unwrap();
        let row = |id: &str| What::Item(Box::new(Item { item: id.into(), ..Item::default() }));
        items.change(vec![row("a"), row("b")], 10).unwrap();
        std::fs::remove_file(data.path().join(changes::FILE)).unwrap();
        assert_eq!(items.change(vec![row("c")], 20).unwrap(), 1);
        let found = changes::read(data.path()).unwrap();
        assert_eq!((found.len(), found[0].number), (1, 1));
        assert!(items.row("a").is_none() && items.row("c").is_some());
    }

    #[test]
    fn what_editors_block_has_ended_whatever_changes_and_outlives_new_tables() {
        let data = tempfile::tempdir().unwrap();
        let items = Items::open(data.path()).unwrap();
        let row = What::Item(Box::new(Item { item: "a".into(), creator: "c".into(), ..Item::default() }));
        assert!(items.decide(|editorial| editorial.block(Blocked::Creator, "c", 10)).unwrap());
        items.change(vec![row], 20).unwrap();
        assert_eq!((items.end_of("a", "c"), items.end_of("a", "d")), (Some(0), None));
        assert_eq!(items.ended([("a", "c"), ("a", "d")].into_iter(), 0), ["a"]);
        std::fs::remove_file(data.path().join(changes::FILE)).unwrap();
        for items in [&items, &Items::open(data.path()).unwrap()] {
            items.reload().unwrap();
            assert_eq!((items.end_of("b", "c"), items.version()), (Some(0), (0, 1)));
        }
        items.decide(|editorial| editorial.unblock(Blocked::Creator, "c")).unwrap();
        assert!(!items.has_ends());
    }
}

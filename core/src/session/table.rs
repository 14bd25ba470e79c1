//! A table of facts by name that never grows beyond its bound.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Facts that say which of them must outlive others.
pub(super) trait Facts: Default {
    /// How much is lost with them.
    fn weight(&self) -> Weight;
}

/// How much is lost with an entry; what weighs less goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It was met.
    Met,
    /// The person did something about it.
    Chosen,
    /// The person forbade it.
    Barred,
}

/// At most `MOST` entries by name. When it is full, of those that weigh least the one least recently touched goes. Every operation takes time logarithmic in the number of entries.
///
/// A copy costs nothing until either is changed: reasons imagine sessions that did not happen.
#[derive(Debug, Clone)]
pub(super) struct Table<T, const MOST: usize>(Arc<Entries<T>>);

#[derive(Debug, Clone)]
struct Entries<T> {
    by_name: BTreeMap<Arc<str>, Entry<T>>,
    /// First to go first.
    by_age: BTreeMap<Age, Arc<str>>,
    touches: u64,
}

/// How much the entry weighs, then when it was last touched.
type Age = (Weight, u64);

#[derive(Debug, Clone)]
struct Entry<T> {
    facts: T,
    age: Age,
}

impl<T, const MOST: usize> Default for Table<T, MOST> {
    fn default() -> Self {
        Self(Arc::new(Entries { by_name: BTreeMap::new(), by_age: BTreeMap::new(), touches: 0 }))
    }
}

impl<T: Facts + Clone, const MOST: usize> Table<T, MOST> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.0.by_name.get(name).map(|entry| &entry.facts)
    }

    /// The facts of an entry that is there, without counting as a touch; the caller leaves alone how much it weighs.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        Arc::make_mut(&mut self.0).by_name.get_mut(name).map(|entry| &mut entry.facts)
    }

    /// Changes every entry, and keeps those for which `change` says so.
    pub(super) fn retain(&mut self, mut change: impl FnMut(&mut T) -> bool) {
        let before = std::mem::take(self);
        for (name, facts) in before.iter() {
            let mut facts = facts.clone();
            if change(&mut facts) {
                self.touch(name, |place| *place = facts);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.by_name.len()
    }

    /// Names of the entries that were forbidden, least recently touched first.
    pub(super) fn barred(&self) -> impl Iterator<Item = &str> {
        self.0.by_age.range((Weight::Barred, 0)..).map(|(_, name)| &**name)
    }

    /// Every entry in the order of names.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.by_name.iter().map(|(name, entry)| (&**name, &entry.facts))
    }

    /// Every entry, first to go first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let facts = |name: &Arc<str>| self.0.by_name.get(name).map(|entry| &entry.facts);
        self.0.by_age.values().filter_map(move |name| Some((&**name, facts(name)?)))
    }

    /// Changes the facts under `name`, new ones where there are none yet.
    pub(super) fn touch<R>(&mut self, name: &str, change: impl FnOnce(&mut T) -> R) -> R {
        let entries = Arc::make_mut(&mut self.0);
        entries.touches += 1;
        if let Some(entry) = entries.by_name.get_mut(name) {
            let result = change(&mut entry.facts);
            let before = std::mem::replace(&mut entry.age, (entry.facts.weight(), entries.touches));
            let name = entries.by_age.remove(&before);
            name.into_iter().for_each(|name| drop(entries.by_age.insert(entry.age, name)));
            return result;
        }
        entries.make_room(MOST);
        let mut facts = T::default();
        let result = change(&mut facts);
        let (name, age) = (Arc::<str>::from(name), (facts.weight(), entries.touches));
        entries.by_age.insert(age, name.clone());
        entries.by_name.insert(name, Entry { facts, age });
        result
    }
}

impl<T> Entries<T> {
    fn make_room(&mut self, most: usize) {
        if self.by_name.len() < most {
            return;
        }
        if let Some((_, oldest)) = self.by_age.pop_first() {
            self.by_name.remove(&oldest);
        }
    }
}

/// Equal when they hold the same and would let it go in the same order.
impl<T: Facts + Clone + PartialEq, const MOST: usize> PartialEq for Table<T, MOST> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Facts + Clone + Serialize, const MOST: usize> Serialize for Table<T, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().collect::<Vec<_>>())
    }
}

impl<'de, T: Facts + Clone + Deserialize<'de>, const MOST: usize> Deserialize<'de> for Table<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<(String, T)>::deserialize(deserializer)?;
        if entries.len() > MOST {
            return Err(de::Error::invalid_length(entries.len(), &"a table within its bound"));
        }
        let mut table = Self::default();
        for (name, facts) in entries {
            table.touch(&name, |place| *place = facts);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
    struct Mark(bool);

    impl Facts for Mark {
        fn weight(&self) -> Weight {
            if self.0 { Weight::Barred } else { Weight::Met }
        }
    }

    fn names(table: &Table<Mark, 3>) -> Vec<&str> {
        table.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_least_recently_touched_goes_first_and_what_is_kept_goes_last() {
        let mut table: Table<Mark, 3> = Table::default();
        table.touch("kept", |mark| mark.0 = true);
        table.touch("a", |_| ());
        table.touch("b", |_| ());
        table.touch("a", |_| ());
        table.touch("c", |_| ());
        assert_eq!(names(&table), ["a", "c", "kept"]);
        table.touch("d", |mark| mark.0 = true);
        table.touch("e", |mark| mark.0 = true);
        table.touch("f", |mark| mark.0 = true);
        assert_eq!(names(&table), ["d", "e", "f"], "where all are to be kept the oldest goes");
        assert_eq!(table.barred().count(), 3);
    }

    #[test]
    fn what_is_no_longer_to_be_kept_can_go_again() {
        let mut table: Table<Mark, 3> = Table::default();
        table.touch("a", |mark| mark.0 = true);
        table.touch("a", |mark| mark.0 = false);
        for name in ["b", "c", "d"] {
            table.touch(name, |_| ());
        }
        assert_eq!(names(&table), ["b", "c", "d"]);
    }

    #[test]
    fn it_is_restored_with_its_order() {
        let mut table: Table<Mark, 3> = Table::default();
        for name in ["a", "b", "c", "a"] {
            table.touch(name, |mark| mark.0 = name == "b");
        }
        let bytes = rmp_serde::to_vec(&table).unwrap();
        let mut restored: Table<Mark, 3> = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(restored, table);
        restored.touch("d", |_| ());
        table.touch("d", |_| ());
        assert_eq!(restored, table);
    }
}

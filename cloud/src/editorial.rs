//! What editors decide by hand: items that are pinned, items and creators that are blocked.
//!
//! It lies in `D/editorial.json`, which is replaced as a whole, and outlives an import. A refresh takes it down in its plan;
//! blocks are besides laid over everything that the service hands out, so that they hold at once.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::{Catalogue, Collection};
use crate::stores::{FolderValues, KeyValue};

/// The file's name in the data folder.
pub const FILE: &str = "editorial.json";
/// Items that may be pinned at once.
pub const PINS: usize = 1_000;
/// Items and creators that may be blocked at once.
pub const BLOCKS: usize = 10_000;
/// The version of the file.
const FORMAT: u32 = 1;
/// When a blocked item ended, in milliseconds since 1970: before anybody asks.
const ENDED_MS: i64 = 0;

/// An item that editors want shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pin {
    /// The item's id.
    pub item: String,
    /// When it was pinned, in milliseconds since 1970.
    pub since_ms: i64,
    /// When that is over, in milliseconds since 1970; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

/// What is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// One item.
    Item,
    /// Everything of one creator.
    Creator,
}

/// Everything that editors decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editorial {
    format: u32,
    /// Grows with every change.
    number: u64,
    /// Pinned items, the first one first.
    pins: Vec<Pin>,
    /// Blocked items, each with when that began, in milliseconds since 1970.
    items: BTreeMap<String, i64>,
    /// Creators of whom everything is blocked, likewise.
    creators: BTreeMap<String, i64>,
}

impl Default for Editorial {
    fn default() -> Self {
        let (pins, items, creators) = <_>::default();
        Self { format: FORMAT, number: 0, pins, items, creators }
    }
}

impl Editorial {
    /// What was decided about data folder `data`; nothing where nobody decided anything.
    ///
    /// # Errors
    /// When the file cannot be read or is of a newer version.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        Self::kept(&FolderValues::new(data))
    }

    fn kept(values: &dyn KeyValue) -> anyhow::Result<Self> {
        let place = values.place(FILE);
        let Some(text) = values.get(FILE).with_context(|| format!("cannot read {place}"))? else {
            return Ok(Self::default());
        };
        let read: Self = serde_json::from_slice(&text).with_context(|| format!("{place} is damaged"))?;
        ensure!(read.format == FORMAT, "{place} has format {}; start a newer segue", read.format);
        Ok(read)
    }

    /// The number of the last change; 0 without any.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Pinned items, the first one first.
    #[must_use]
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// What is blocked of one kind, by id, each with when that began.
    #[must_use]
    pub fn blocked(&self, kind: Blocked) -> &BTreeMap<String, i64> {
        match kind {
            Blocked::Item => &self.items,
            Blocked::Creator => &self.creators,
        }
    }

    /// When an item ended by being blocked, in milliseconds since 1970.
    #[must_use]
    pub fn end_of(&self, item: &str, creator: &str) -> Option<i64> {
        (self.items.contains_key(item) || self.creators.contains_key(creator)).then_some(ENDED_MS)
    }

    /// Whether anything is blocked.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        !self.items.is_empty() || !self.creators.is_empty()
    }

    /// Pins an item: at `position` from 0, or where it is, or last. False where no more fit.
    pub fn pin(&mut self, pin: Pin, position: Option<usize>) -> bool {
        self.pins.retain(|other| other.until_ms.is_none_or(|until| until > pin.since_ms));
        let before = self.pins.iter().position(|other| other.item == pin.item);
        if before.is_none() && self.pins.len() >= PINS {
            return false;
        }
        self.unpin(&pin.item);
        let position = position.or(before).unwrap_or(self.pins.len());
        self.pins.insert(position.min(self.pins.len()), pin);
        true
    }

    /// Lets go of a pinned item; nothing happens where it is not.
    pub fn unpin(&mut self, item: &str) {
        self.pins.retain(|pin| pin.item != item);
    }

    /// Blocks an item or a creator from now on. False where no more fit.
    pub fn block(&mut self, kind: Blocked, id: &str, now_ms: i64) -> bool {
        let is_full = self.items.len() + self.creators.len() >= BLOCKS;
        if is_full && !self.blocked(kind).contains_key(id) {
            return false;
        }
        self.of(kind).entry(id.to_owned()).or_insert(now_ms);
        true
    }

    /// Gives an item or a creator back; nothing happens where it is not blocked.
    pub fn unblock(&mut self, kind: Blocked, id: &str) {
        self.of(kind).remove(id);
    }

    fn of(&mut self, kind: Blocked) -> &mut BTreeMap<String, i64> {
        match kind {
            Blocked::Item => &mut self.items,
            Blocked::Creator => &mut self.creators,
        }
    }

    /// Carries it out on a catalogue as of `now_ms`: what is blocked has ended, pins are the editors' newest collection.
    pub fn apply(&self, catalogue: &mut Catalogue, now_ms: i64) {
        for item in &mut catalogue.items {
            item.available_until_ms = self.end_of(&item.item, &item.creator).or(item.available_until_ms);
        }
        let in_force = self.pins.iter().filter(|pin| pin.until_ms.is_none_or(|until| now_ms < until));
        let items: Vec<String> = in_force.map(|pin| pin.item.clone()).collect();
        if !items.is_empty() {
            let (collection, kind) = ("pins".to_owned(), "editorial".to_owned());
            let time_ms = Some(i64::MAX);
            catalogue.collections.push(Collection {
                collection,
                kind,
                items,
                time_ms,
                ..Collection::default()
            });
        }
    }
}

/// What was decided about one data folder, on the disk and in memory.
#[derive(Debug)]
pub struct EditorialFile {
    values: Box<dyn KeyValue>,
    known: Editorial,
}

impl EditorialFile {
    /// That of data folder `data`.
    ///
    /// # Errors
    /// As [`Editorial::read`].
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let values = Box::new(FolderValues::new(data));
        let known = Editorial::kept(&*values)?;
        Ok(Self { values, known })
    }

    /// What is in force.
    #[must_use]
    pub fn known(&self) -> &Editorial {
        &self.known
    }

    /// Changes it, durably when this returns; answers what `edit` does.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn change<T>(&mut self, edit: impl FnOnce(&mut Editorial) -> T) -> anyhow::Result<T> {
        let mut changed = self.known.clone();
        let answer = edit(&mut changed);
        if changed != self.known {
            changed.number += 1;
            let text = serde_json::to_vec_pretty(&changed)?;
            self.values
                .put(FILE, &text)
                .with_context(|| format!("cannot write {}", self.values.place(FILE)))?;
            self.known = changed;
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::tests::catalogue;

    fn pin(item: &str, until_ms: Option<i64>) -> Pin {
        Pin { item: item.into(), since_ms: 10, until_ms }
    }

    fn pinned(editorial: &Editorial) -> Vec<&str> {
        editorial.pins.iter().map(|pin| pin.item.as_str()).collect()
    }

    #[test]
    fn pins_have_an_order_an_item_is_pinned_once_and_what_is_over_makes_room() {
        let mut editorial = Editorial::default();
        for (item, position) in [("a", None), ("b", None), ("c", Some(0)), ("a", Some(9))] {
            assert!(editorial.pin(pin(item, None), position));
        }
        assert_eq!(pinned(&editorial), ["c", "b", "a"]);
        assert!(editorial.pin(pin("b", Some(10)), None), "it stays where it is");
        assert_eq!(pinned(&editorial), ["c", "b", "a"]);
        assert!(editorial.pin(pin("d", None), None));
        assert_eq!(pinned(&editorial), ["c", "a", "d"]);
        editorial.unpin("a");
        assert_eq!(pinned(&editorial), ["c", "d"]);
    }

    #[test]
    fn no_more_fit_than_there_is_room_for_and_what_is_there_can_be_said_again() {
        let mut editorial = Editorial::default();
        for number in 0..PINS {
            assert!(editorial.pin(pin(&number.to_string(), None), None));
        }
        assert!(!editorial.pin(pin("more", None), None) && editorial.pin(pin("5", None), Some(0)));
        assert_eq!((editorial.pins.len(), editorial.pins[0].item.as_str()), (PINS, "5"));
        for number in 0..BLOCKS {
            let kind = if number % 2 == 0 { Blocked::Item } else { Blocked::Creator };
            assert!(editorial.block(kind, &number.to_string(), 1));
        }
        assert!(!editorial.block(Blocked::Item, "1", 2) && editorial.block(Blocked::Item, "0", 2));
        assert_eq!(editorial.items["0"], 1, "since when stays");
    }

    #[test]
    fn a_change_is_on_the_disk_and_one_that_changes_nothing_has_no_number() {
        let data = tempfile::tempdir().unwrap();
        let mut file = EditorialFile::open(data.path()).unwrap();
        assert!(file.change(|editorial| editorial.block(Blocked::Creator, "c", 7)).unwrap());
        assert!(file.change(|editorial| editorial.block(Blocked::Creator, "c", 9)).unwrap());
        let again = Editorial::read(data.path()).unwrap();
        assert_eq!((&again, again.number()), (file.known(), 1));
        assert!(again.has_blocks() && again.end_of("i", "c") == Some(0) && again.end_of("i", "d").is_none());
        std::fs::write(data.path().join(FILE), "{}").unwrap();
        assert!(format!("{:#}", Editorial::read(data.path()).unwrap_err()).contains(FILE));
    }

    #[test]
    fn in_a_catalogue_blocked_items_have_ended_and_pins_that_are_not_over_come_first() {
        let mut catalogue = catalogue(8, 1);
        let mut editorial = Editorial::default();
        assert!(editorial.block(Blocked::Item, "i1", 5) && editorial.block(Blocked::Creator, "c1", 5));
        assert!(editorial.pin(pin("i3", Some(20)), None) && editorial.pin(pin("i2", None), None));
        editorial.apply(&mut catalogue, 20);
        let ended = |index: usize| catalogue.items[index].available_until_ms == Some(ENDED_MS);
        assert_eq!(
            (0..8).map(ended).collect::<Vec<_>>(),
            [false, true, false, false, true, true, true, true]
        );
        assert_eq!(catalogue.collections[0].items, ["i2"]);
    }
}

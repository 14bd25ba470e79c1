//! Packs as they are handed out: those of the generation, those made on demand since, and in both an end for what was
//! withdrawn or blocked.
//!
//! A pack is changed when it is asked for, and signed again by the key of its generation. Where the service does not have
//! that key (it was rotated since, or only the refresh has it) packs are handed out as they were made.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use segue_core::pack::Pack;
use segue_core::trust::hash;

use crate::live::{Items, Version};
use crate::state::Published;

/// Subjects remembered; beyond that it begins anew.
const SUBJECTS: usize = 100_000;
/// Packs with ends that are remembered, of some 60 kB each.
const CHANGED: usize = 1_000;
/// Packs made on demand that are kept; the oldest go first.
const MADE: usize = 2_000;
/// How long nobody's pack is made again.
const AGAIN_MS: i64 = 60_000;

/// A pack and its hash, which is its `ETag`.
#[derive(Debug, Clone)]
pub struct Served {
    /// The hash.
    pub hash: String,
    /// The signed bytes.
    pub bytes: Bytes,
}

impl Served {
    /// The pack in these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { hash: hash(&bytes), bytes: bytes.into() }
    }
}

/// The packs that are others than the generation's.
#[derive(Debug, Default)]
pub struct ServedPacks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    generation: u64,
    /// Made on demand in this generation, each with its time, and their subjects in the order they came.
    made: HashMap<String, (Served, i64)>,
    order: VecDeque<String>,
    /// When somebody's was asked for, in milliseconds since 1970.
    asked_ms: HashMap<String, i64>,
    /// The changes of items that the rest is about.
    items: Version,
    /// Packs with ends; nothing for those that stay as they are.
    subjects: HashMap<String, Option<Served>>,
    changed: usize,
}

impl Known {
    /// Lets go of what belongs to another generation or to older items.
    fn turn_to(&mut self, generation: u64, items: Version) {
        if self.generation != generation {
            *self = Self { generation, items, ..Self::default() };
        }
        if self.items != items || self.subjects.len() >= SUBJECTS || self.changed >= CHANGED {
            self.items = items;
            self.subjects.clear();
            self.changed = 0;
        }
    }
}

impl ServedPacks {
    /// The subject's pack where it is another than the generation's.
    ///
    /// # Errors
    /// When the pack cannot be read, or is damaged.
    pub fn other(
        &self,
        published: &Published,
        items: &Items,
        subject: &str,
    ) -> anyhow::Result<Option<Served>> {
        let made = {
            let mut known = self.known();
            known.turn_to(published.packs.number(), items.version());
            if let Some(found) = known.subjects.get(subject) {
                return Ok(found.clone());
            }
            known.made.get(subject).map(|(made, _)| made.clone())
        };
        if !items.has_ends() {
            return Ok(made);
        }
        let ended = with_ends(published, items, subject, made.as_ref())?;
        let other = ended.or(made);
        let mut known = self.known();
        if (known.generation, known.items) == (published.packs.number(), items.version()) {
            known.changed += usize::from(other.is_some());
            known.subjects.insert(subject.to_owned(), other.clone());
        }
        Ok(other)
    }

    /// Whether some pack was made on demand.
    #[must_use]
    pub fn has_made(&self) -> bool {
        !self.known().made.is_empty()
    }

    /// When each of those was made, in milliseconds since 1970, by subject.
    #[must_use]
    pub fn made_ms(&self) -> HashMap<String, i64> {
        let known = self.known();
        known.made.iter().map(|(subject, (_, made_ms))| (subject.clone(), *made_ms)).collect()
    }

    /// Whether a pack may be made for `subject` now; then none may for a minute.
    pub fn may_make(&self, subject: &str, now_ms: i64) -> bool {
        let mut known = self.known();
        if known.asked_ms.len() >= MADE {
            known.asked_ms.retain(|_, asked_ms| now_ms - *asked_ms < AGAIN_MS);
        }
        let is_soon = known.asked_ms.get(subject).is_some_and(|asked_ms| now_ms - asked_ms < AGAIN_MS);
        // Names that nobody has may be asked for without end: no more than are kept are remembered.
        let may = !is_soon && known.asked_ms.len() < MADE;
        if may {
            known.asked_ms.insert(subject.to_owned(), now_ms);
        }
        may
    }

    /// Takes back that one was asked for, as none was made.
    pub fn may_make_again(&self, subject: &str) {
        self.known().asked_ms.remove(subject);
    }

    /// Hands out `pack`, made at `made_ms`, from now on, as long as its generation is in force.
    pub fn take_in(&self, generation: u64, subject: &str, pack: Served, made_ms: i64) {
        let mut known = self.known();
        if generation < known.generation {
            return;
        }
        let items = known.items;
        known.turn_to(generation, items);
        known.subjects.remove(subject);
        if known.made.insert(subject.to_owned(), (pack, made_ms)).is_none() {
            known.order.push_back(subject.to_owned());
        }
        if known.order.len() > MADE
            && let Some(oldest) = known.order.pop_front()
        {
            known.made.remove(&oldest);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pack with ends for what was withdrawn, where some of it was.
fn with_ends(
    published: &Published,
    items: &Items,
    subject: &str,
    made: Option<&Served>,
) -> anyhow::Result<Option<Served>> {
    let Some(signer) = published.verified.as_ref().and_then(|verified| verified.signer.as_ref()) else {
        return Ok(None);
    };
    let stored = match made {
        Some(made) => Some(made.bytes.to_vec()),
        None => published.packs.get(subject)?,
    };
    let Some(bytes) = stored else { return Ok(None) };
    let mut pack = Pack::open(&bytes, &signer.public())?;
    if !pack.end(|item, creator| items.end_of(item, creator)) {
        return Ok(None);
    }
    Ok(Some(Served::new(pack.seal(signer)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(text: &str) -> Served {
        Served::new(text.as_bytes().to_vec())
    }

    #[test]
    fn nobody_is_asked_for_twice_a_minute_and_made_up_names_fill_no_memory() {
        let packs = ServedPacks::default();
        assert!(packs.may_make("user:a", 0) && !packs.may_make("user:a", AGAIN_MS - 1));
        assert!(packs.may_make("user:a", AGAIN_MS));
        for name in 0..2 * MADE {
            packs.may_make(&format!("user:{name}"), AGAIN_MS);
        }
        assert_eq!(packs.known().asked_ms.len(), MADE);
        assert!(packs.may_make("user:b", 2 * AGAIN_MS), "room comes with time");
    }

    #[test]
    fn the_oldest_pack_goes_first_and_one_that_comes_late_leaves_the_newer_generation_alone() {
        let packs = ServedPacks::default();
        for name in 0..=MADE {
            packs.take_in(2, &format!("user:{name}"), pack("made"), 5);
        }
        packs.take_in(1, "user:late", pack("late"), 6);
        let known = packs.known();
        assert_eq!((known.generation, known.made.len()), (2, MADE));
        assert!(!known.made.contains_key("user:0") && !known.made.contains_key("user:late"));
    }
}

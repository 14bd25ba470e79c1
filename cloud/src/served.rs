//! Packs as they are handed out: those of the generation, those made on demand since, and in both an end for what was
//! withdrawn or blocked.
//!
//! A pack is changed when it is asked for, and signed again by the key of its generation. Where the service does not have
//! that key (it was rotated since, or only the refresh has it) packs are handed out as they were made.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use segue_core::pack::Pack;
use segue_core::trust::hash;

use crate::live::{Items, Version};
use crate::state::Published;

/// Packs made on demand that are kept; the oldest go first.
const MADE: usize = 2_000;
/// How long nobody's pack is made again; by a clock that nobody sets.
const AGAIN: Duration = Duration::from_secs(60);

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

/// What looking through a subject's pack for what ended came to. It goes with its generation, and counts as long as items and
/// pack are the same.
#[derive(Debug, Clone)]
pub(crate) struct LookedThrough {
    /// How far changes of items had come.
    items: Version,
    /// The hash of the pack where it was made on demand, and not the generation's.
    made: Option<String>,
    /// The pack with ends; nothing where it stays as it is.
    pub(crate) with_ends: Option<Served>,
}

impl LookedThrough {
    /// Whether it is about the items as they are and the pack that was `made` on demand, or the generation's.
    fn is_of(&self, items: Version, made: Option<&Served>) -> bool {
        self.items == items && self.made.as_deref() == made.map(|made| made.hash.as_str())
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
    /// When somebody's was asked for.
    asked: HashMap<String, Instant>,
}

impl Known {
    /// Lets go of what belongs to an earlier generation.
    fn turn_to(&mut self, generation: u64) {
        if self.generation < generation {
            *self = Self { generation, ..Self::default() };
        }
    }

    /// Whether something is kept that belongs to a generation before this one.
    fn is_behind(&self, generation: u64) -> bool {
        self.generation < generation && !self.made.is_empty()
    }

    /// The pack of `subject` that was made on demand in this generation. A request that began before the one in force has
    /// nothing to do with it.
    fn made_in(&self, generation: u64, subject: &str) -> Option<Served> {
        let made = self.made.get(subject).filter(|_| self.generation == generation);
        made.map(|(made, _)| made.clone())
    }
}

/// What memory knows of a subject's pack.
enum Look {
    /// Whether it is another than the generation's, and which.
    Found(Option<Served>),
    /// The generation's, or this one that was made on demand, has to be looked through for what ended.
    Through(Option<Served>),
}

impl ServedPacks {
    /// The subject's pack where it is another than the generation's; `end_of` says of an item and its creator when the
    /// item ends for the subject, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the pack cannot be read, or is damaged.
    pub fn other(
        &self,
        published: &Published,
        items: &Items,
        subject: &str,
        end_of: &dyn Fn(&str, &str) -> Option<i64>,
    ) -> anyhow::Result<Option<Served>> {
        // Before anything is looked at: what changes meanwhile is looked for again.
        let version = items.version();
        self.known().turn_to(published.packs.number());
        let made = match self.look(published, items, version, subject) {
            Look::Found(other) => return Ok(other),
            Look::Through(made) => made,
        };
        let with_ends = with_ends(published, subject, made.as_ref(), end_of)?;
        let hash = made.as_ref().map(|made| made.hash.clone());
        let looked = LookedThrough { items: version, made: hash, with_ends: with_ends.clone() };
        published.looked_through.keep(subject.to_owned(), looked);
        Ok(with_ends.or(made))
    }

    /// As [`ServedPacks::other`] where memory knows the answer; none where a pack has to be read for it, or much is to be let
    /// go of.
    #[must_use]
    pub fn known_other(&self, published: &Published, items: &Items, subject: &str) -> Option<Option<Served>> {
        let version = items.version();
        if self.known().is_behind(published.packs.number()) {
            return None;
        }
        match self.look(published, items, version, subject) {
            Look::Found(other) => Some(other),
            Look::Through(_) => None,
        }
    }

    /// What is known of the subject's pack, of which nothing is read.
    fn look(&self, published: &Published, items: &Items, version: Version, subject: &str) -> Look {
        let has_ends = items.has_ends();
        let made = self.known().made_in(published.packs.number(), subject);
        if !has_ends {
            return Look::Found(made);
        }
        let looked = published.looked_through.get(subject, |looked| looked.is_of(version, made.as_ref()));
        if let Some(looked) = looked {
            return Look::Found(looked.with_ends.or(made));
        }
        // Names that nobody has may be asked for without end: they are not remembered.
        match made.is_none() && published.packs.entry(subject).is_none() {
            true => Look::Found(None),
            false => Look::Through(made),
        }
    }

    /// When each pack that was made on demand was, in milliseconds since 1970, by subject.
    #[must_use]
    pub fn made_ms(&self) -> HashMap<String, i64> {
        let known = self.known();
        known.made.iter().map(|(subject, (_, made_ms))| (subject.clone(), *made_ms)).collect()
    }

    /// Whether a pack may be made for `subject` now; then none may for a minute.
    pub fn may_make(&self, subject: &str, now: Instant) -> bool {
        let mut known = self.known();
        let is_soon = |asked: &Instant| now.saturating_duration_since(*asked) < AGAIN;
        if known.asked.len() >= MADE {
            known.asked.retain(|_, asked| is_soon(asked));
        }
        // Names that nobody has may be asked for without end: no more than are kept are remembered.
        let may = !known.asked.get(subject).is_some_and(is_soon) && known.asked.len() < MADE;
        if may {
            known.asked.insert(subject.to_owned(), now);
        }
        may
    }

    /// Takes back that one was asked for, as none was made.
    pub fn may_make_again(&self, subject: &str) {
        self.known().asked.remove(subject);
    }

    /// Hands out `pack`, made at `made_ms`, from now on, as long as its generation is in force.
    pub fn take_in(&self, generation: u64, subject: &str, pack: Served, made_ms: i64) {
        let mut known = self.known();
        if generation < known.generation {
            return;
        }
        known.turn_to(generation);
        if known.made.insert(subject.to_owned(), (pack, made_ms)).is_none() {
            known.order.push_back(subject.to_owned());
        }
        if known.order.len() > MADE
            && let Some(oldest) = known.order.pop_front()
        {
            known.made.remove(&oldest);
        }
    }

    /// Lets go of the pack that was made for `subject` and of who asked for it; answers the pack's hash.
    pub fn forget(&self, subject: &str) -> Option<String> {
        let mut known = self.known();
        known.asked.remove(subject);
        let (made, _) = known.made.remove(subject)?;
        known.order.retain(|other| other != subject);
        Some(made.hash)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pack with ends for what was withdrawn, where some of it was.
fn with_ends(
    published: &Published,
    subject: &str,
    made: Option<&Served>,
    end_of: &dyn Fn(&str, &str) -> Option<i64>,
) -> anyhow::Result<Option<Served>> {
    let Some(signer) = published.verified.as_ref().and_then(|verified| verified.signer.as_ref()) else {
        return Ok(None);
    };
    let stored = made.map_or_else(|| published.read(subject), |made| Ok(made.clone()))?;
    let mut pack = Pack::open(&stored.bytes, &signer.public())?;
    if !pack.end(end_of) {
        return Ok(None);
    }
    Ok(Some(Served::new(pack.seal(signer)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::changes::What;
    use crate::config::Config;
    use crate::refresh::run;
    use crate::refresh::tests::{folder, options};
    use crate::state::AppState;

    fn pack(text: &str) -> Served {
        Served::new(text.as_bytes().to_vec())
    }

    #[test]
    fn nobody_is_asked_for_twice_a_minute_and_made_up_names_fill_no_memory() {
        let (packs, begun) = (ServedPacks::default(), Instant::now());
        assert!(packs.may_make("user:a", begun));
        assert!(!packs.may_make("user:a", begun + AGAIN - Duration::from_millis(1)));
        assert!(packs.may_make("user:a", begun + AGAIN));
        for name in 0..2 * MADE {
            packs.may_make(&format!("user:{name}"), begun + AGAIN);
        }
        assert_eq!(packs.known().asked.len(), MADE);
        assert!(packs.may_make("user:b", begun + 2 * AGAIN), "room comes with time");
    }

    #[test]
    fn a_late_request_of_the_generation_before_takes_nothing_away() {
        let packs = ServedPacks::default();
        packs.take_in(2, "user:a", pack("made"), 5);
        packs.may_make("user:a", Instant::now());
        packs.known().turn_to(1);
        let known = packs.known();
        assert_eq!((known.generation, known.made.len(), known.asked.len()), (2, 1, 1));
    }

    #[test]
    fn what_was_seen_of_another_pack_or_of_older_items_counts_for_nothing() {
        let (made, other) = (pack("made"), pack("other"));
        let looked = |made: Option<&Served>| LookedThrough {
            items: (2, 1),
            made: made.map(|made| made.hash.clone()),
            with_ends: None,
        };
        assert!(looked(None).is_of((2, 1), None) && looked(Some(&made)).is_of((2, 1), Some(&made)));
        for (items, of) in
            [((3, 1), Some(&made)), ((2, 2), Some(&made)), ((2, 1), Some(&other)), ((2, 1), None)]
        {
            assert!(!looked(Some(&made)).is_of(items, of), "{items:?}");
        }
        assert!(!looked(None).is_of((2, 1), Some(&made)));
    }

    #[test]
    fn packs_with_ends_take_no_more_memory_than_there_is_room_for_and_are_made_of_what_is_kept() {
        let (data, _) = folder();
        run(data.path(), &options()).unwrap();
        let subjects = ["user:u0", "user:u1", "user:u2"];
        for (of_them, kept) in [(0, 0), (1, 1), (100, 3)] {
            let mut config = Config::new(data.path());
            let one = AppState::open(config.clone()).unwrap().published().unwrap().read("user:u0").unwrap();
            // The packs of these people differ by less than half, ends included.
            config.limits.kept_pack_bytes = of_them * (one.bytes.len() * 3 / 2);
            let state = AppState::open(config).unwrap();
            let (packs, published) = (ServedPacks::default(), state.published().unwrap());
            let other =
                |subject: &str| packs.other(&published, &state.items, subject, &|_, _| Some(5)).unwrap();
            state.items.change(vec![What::Withdrawn("i0".into())], 1).unwrap();
            let first = subjects.map(|subject| other(subject).unwrap().hash);
            assert_eq!(subjects.map(|subject| other(subject).unwrap().hash), first, "whatever was kept");
            let is_kept = |subject: &str| published.looked_through.get(subject, |_| true).is_some();
            assert_eq!(subjects.into_iter().filter(|subject| is_kept(subject)).count(), kept);
            assert_eq!(
                subjects.into_iter().filter(|subject| published.kept(subject).is_some()).count(),
                kept
            );
            assert!(published.looked_through.weight() <= state.config.limits.kept_pack_bytes);
            assert!(published.kept_bytes() >= published.looked_through.weight());
        }
    }

    #[test]
    fn memory_answers_what_was_looked_through_and_nothing_that_is_out_of_date() {
        let (data, _) = folder();
        run(data.path(), &options()).unwrap();
        let state = AppState::open(Config::new(data.path())).unwrap();
        let published = state.published().unwrap();
        let packs = ServedPacks::default();
        let end_of = |item: &str, creator: &str| state.items.end_of(item, creator);
        let known = || {
            let known = packs.known_other(&published, &state.items, "user:u0");
            known.map(|other| other.map(|other| other.hash))
        };
        let other = || packs.other(&published, &state.items, "user:u0", &end_of).unwrap().unwrap().hash;
        assert_eq!(known(), Some(None), "nothing ended");
        state.items.change(vec![What::Withdrawn("i0".into())], 1).unwrap();
        assert_eq!(known(), None, "nobody looked");
        let first = other();
        assert_eq!(known(), Some(Some(first)));
        state.items.change(vec![What::Withdrawn("i1".into())], 2).unwrap();
        assert_eq!(known(), None, "another item ended since");
        let second = other();
        assert_eq!(known(), Some(Some(second)));
        packs.take_in(published.packs.number(), "user:u0", pack("made"), 3);
        assert_eq!(known(), None, "another pack was made since");
        let nobody = packs.known_other(&published, &state.items, "user:nobody");
        assert!(nobody.is_some_and(|other| other.is_none()));
    }

    #[test]
    fn a_pack_made_in_an_earlier_generation_is_known_no_more() {
        let (data, _) = folder();
        run(data.path(), &options()).unwrap();
        let state = AppState::open(Config::new(data.path())).unwrap();
        let packs = ServedPacks::default();
        let known = |subject: &str| {
            let published = state.published().unwrap();
            let known = packs.known_other(&published, &state.items, subject);
            known.map(|other| other.map(|other| other.bytes))
        };
        packs.take_in(1, "user:u0", pack("made"), 3);
        assert_eq!(known("user:u0"), Some(Some(Bytes::from_static(b"made"))));
        assert_eq!(known("user:u1"), Some(None));
        run(data.path(), &options()).unwrap();
        state.reload();
        assert_eq!(known("user:u0"), None, "it has to be let go of first");
        let other = packs.other(&state.published().unwrap(), &state.items, "user:u0", &|_, _| None);
        assert!(other.unwrap().is_none());
        assert_eq!(known("user:u0"), Some(None));
    }

    #[test]
    fn of_names_that_nobody_has_nothing_is_remembered() {
        let (data, _) = folder();
        run(data.path(), &options()).unwrap();
        let state = AppState::open(Config::new(data.path())).unwrap();
        state.items.change(vec![What::Withdrawn("i0".into())], 1).unwrap();
        let (packs, published) = (ServedPacks::default(), state.published().unwrap());
        let end_of = |item: &str, creator: &str| state.items.end_of(item, creator);
        let other = |subject: &str| packs.other(&published, &state.items, subject, &end_of).unwrap();
        assert!(other("user:nobody").is_none());
        assert_eq!(published.looked_through.weight(), 0);
        assert!(other("user:u0").is_some());
        assert!(published.looked_through.weight() > 0);
    }

    #[test]
    fn of_who_is_forgotten_nothing_is_left_and_another_pack_can_be_taken_in() {
        let packs = ServedPacks::default();
        for name in ["user:a", "user:b"] {
            assert!(packs.may_make(name, Instant::now()));
            packs.take_in(1, name, pack("made"), 5);
        }
        assert_eq!(packs.forget("user:a"), Some(pack("made").hash));
        assert_eq!(packs.forget("user:a"), None);
        let known = packs.known();
        assert_eq!(known.made.keys().collect::<Vec<_>>(), ["user:b"]);
        assert_eq!(known.asked.keys().collect::<Vec<_>>(), ["user:b"]);
        assert_eq!(known.order, ["user:b"]);
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

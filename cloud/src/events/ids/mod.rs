//! The ids of events received lately, so that one that is sent again counts once.
//!
//! The latest lie in memory. Whenever there are enough of them, a thread beside the writer makes a sorted run on the disk of them,
//! of which two bytes an id stay in memory; runs are merged, so that an id is looked for in few. Runs are no store: what counts is the
//! log, from which a start makes them anew. `docs/adr/0014-old-ids-in-runs-on-disk.md` says why.

mod filter;
mod maker;
mod part;
mod run;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use super::Limits;
use super::error::StoreError;
use super::ledger::Fingerprint;
use maker::{Made, Maker, Order, Source};
use part::{Came, Held, Part, Set, may_merge};
use run::Run;

/// Runs of one tier that become one of the next.
const MERGED: usize = 8;
/// The tier that is not merged any more: runs of some 500 million ids.
const TIERS: u32 = 3;
/// Sets that may wait in memory for the disk.
const WAITING: usize = 16;
/// Of these, sets that a start lets wait before it reads on.
const WAITING_AT_START: usize = 4;

/// How many ids are held in which way; tests do with fewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Ids of a set in memory before it is written.
    pub(super) set: usize,
    /// Ids that are known however long ago they came: what a clock that leaps ahead cannot make forgotten.
    pub(super) least: usize,
}

impl Default for Sizes {
    /// A set is as large as one gets in a table of 2^20 places: with one more it would take twice the memory.
    fn default() -> Self {
        Self { set: 7 << 17, least: 1 << 20 }
    }
}

/// Ids of the events of a window at least.
#[derive(Debug)]
pub(super) struct Ids {
    window_ms: i64,
    most: usize,
    sizes: Sizes,
    /// The latest ids, and when they came.
    latest: Set,
    came: Came,
    /// Those before them, the oldest first.
    parts: Vec<Part>,
    /// Of the next part.
    number: u64,
    maker: Maker,
    is_merging: bool,
    /// The disk took no run the last time.
    is_failing: bool,
}

impl Ids {
    /// As many and for as long as `limits` say; runs lie in `folder`.
    pub(super) fn new(limits: &Limits, sizes: Sizes, folder: PathBuf) -> Self {
        Self {
            window_ms: i64::try_from(limits.dedup_window.as_millis()).unwrap_or(i64::MAX),
            most: limits.dedup_ids,
            sizes,
            latest: Set::new(),
            came: Came::at(0),
            parts: Vec::new(),
            number: 0,
            maker: Maker::new(folder),
            is_merging: false,
            is_failing: false,
        }
    }

    /// Whether the id is known.
    ///
    /// # Errors
    /// It may be, and the disk does not say: whoever guessed would lose an event or count it twice.
    pub(super) fn contains(&self, id: Fingerprint) -> Result<bool, StoreError> {
        if self.latest.contains(&id) {
            return Ok(true);
        }
        // The newest first: mostly something is sent again soon.
        for part in self.parts.iter().rev() {
            if part.contains(id).map_err(|error| StoreError::Ids(error.to_string()))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.latest.len() + self.parts.iter().map(Part::len).sum::<usize>()
    }

    /// Whether more may be taken in at `now_ms`. Where there are too many, those that are older than the window go first; where too many
    /// wait in memory, the disk has to take some.
    pub(super) fn has_room(&mut self, now_ms: i64) -> bool {
        self.settle();
        if self.len() >= self.most {
            self.forget(now_ms, 0);
        }
        if self.waiting() > WAITING && !self.parts.iter().any(Part::is_sent) {
            self.send(1);
        }
        self.len() < self.most && self.waiting() <= WAITING
    }

    /// Takes in ids that came at `now_ms`.
    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = Fingerprint>, now_ms: i64) {
        self.settle();
        self.forget(now_ms, self.sizes.least);
        for id in ids {
            let now = Came::at(now_ms);
            self.came = if self.latest.is_empty() { now } else { self.came.and(now) };
            self.latest.insert(id);
            if self.latest.len() >= self.sizes.set {
                self.set_apart();
            }
        }
    }

    /// Waits until few sets are left to be written: a start reads ids faster than the disk takes them.
    pub(super) fn catch_up(&mut self) {
        while self.waiting() > WAITING_AT_START && self.parts.iter().any(Part::is_sent) {
            let Some(made) = self.maker.wait() else { return };
            self.take_over(made);
        }
    }

    /// Lets go of parts older than the window, and never of the `least` latest ids. A clock that was set back lets ids that it dated ahead
    /// begin their window anew, so that none stays for ever.
    fn forget(&mut self, now_ms: i64, least: usize) {
        self.came.by(now_ms);
        self.parts.iter_mut().for_each(|part| part.came.by(now_ms));
        let (mut left, mut gone) = (self.len(), 0);
        for part in &self.parts {
            if !part.came.is_past(now_ms, self.window_ms) || left - part.len() < least {
                break;
            }
            left -= part.len();
            gone += 1;
        }
        self.maker.let_go(self.parts.drain(..gone).collect());
        if self.parts.is_empty() && least == 0 && self.came.is_past(now_ms, self.window_ms) {
            self.latest = Set::new();
        }
    }

    /// Puts the latest ids behind the other parts, to be written.
    fn set_apart(&mut self) {
        let held = Held::Set { ids: Arc::new(std::mem::take(&mut self.latest)), is_sent: false };
        self.parts.push(Part { number: self.number, tier: 0, came: self.came, held });
        self.number += 1;
        self.send(usize::MAX);
    }

    /// Has up to so many sets written that nobody writes, also those that the disk did not take before.
    fn send(&mut self, most: usize) {
        for part in self.parts.iter_mut().filter(|part| part.unsent().is_some()).take(most) {
            let Some(set) = part.unsent() else { continue };
            let source = Source::Set(Arc::clone(set));
            let is_sent = self.maker.make(Order { numbers: vec![part.number], tier: 0, source });
            part.set_sent(is_sent);
        }
    }

    /// Sets that are not on the disk.
    fn waiting(&self) -> usize {
        self.parts.iter().filter(|part| part.run().is_none()).count()
    }

    /// Takes over what was made meanwhile.
    fn settle(&mut self) {
        while let Some(made) = self.maker.made() {
            self.take_over(made);
        }
    }

    fn take_over(&mut self, Made { numbers, tier, run }: Made) {
        self.is_merging &= tier == 0;
        match run {
            Ok(run) => {
                self.replace(&numbers, tier, run);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the disk takes ids of events again");
                    self.send(usize::MAX);
                }
                self.merge();
            }
            Err(error) => {
                self.parts
                    .iter_mut()
                    .filter(|part| numbers.contains(&part.number))
                    .for_each(|part| part.set_sent(false));
                // Once, and not with every batch that comes meanwhile.
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%error, "ids of events stay in memory, as the disk takes no more of them");
                }
            }
        }
    }

    /// Puts a run in the place of what it was made of, or of what is left of that.
    fn replace(&mut self, numbers: &[u64], tier: u32, run: Run) {
        let begin = self.parts.iter().take_while(|part| !numbers.contains(&part.number)).count();
        let count = self.parts[begin..].iter().take_while(|part| numbers.contains(&part.number)).count();
        let old: Vec<Part> = self.parts.drain(begin..begin + count).collect();
        let (held, came) = (Held::Run(Arc::new(run)), old.iter().map(|part| part.came).reduce(Came::and));
        let number = old.last().map_or(0, |part| part.number);
        self.maker.let_go(old);
        // Nothing is left of it where it took longer than a window.
        match came {
            Some(came) => self.parts.insert(begin, Part { number, tier, came, held }),
            None => drop(held),
        }
    }

    /// Has runs merged, where there are enough of one tier side by side.
    fn merge(&mut self) {
        if self.is_merging {
            return;
        }
        let most_ms = self.window_ms / 4;
        let Some(parts) = self.parts.windows(MERGED).find(|parts| may_merge(parts, TIERS, most_ms)) else {
            return;
        };
        let numbers = parts.iter().map(|part| part.number).collect();
        let runs = parts.iter().filter_map(Part::run).cloned().collect();
        let order = Order { numbers, tier: parts[0].tier + 1, source: Source::Runs(runs) };
        self.is_merging = self.maker.make(order);
    }

    /// Changes a bit of every block on the disk.
    #[cfg(test)]
    pub(super) fn damage(&mut self) {
        self.finish();
        self.parts.iter().filter_map(Part::run).for_each(|run| run.damage());
    }

    /// Waits for everything that is being made.
    #[cfg(test)]
    fn finish(&mut self) {
        self.settle();
        while self.is_merging || self.parts.iter().any(Part::is_sent) {
            let made = self.maker.wait().expect("an answer to what was ordered");
            self.take_over(made);
        }
    }
}

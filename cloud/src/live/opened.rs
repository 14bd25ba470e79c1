//! Packs that lists were made from: their signature is checked and their bytes are decoded once, not for each list anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segue_core::pack::VerifiedPack;

/// Opened packs of one generation, which they go with; the ones that were not asked for longest go first.
#[derive(Debug)]
pub struct OpenedPacks {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By subject: a newer pack of somebody takes the place of the one before.
    packs: HashMap<String, Opened>,
    candidates: usize,
    /// How often one was asked for.
    asked: u64,
    /// How often one was let go of for good.
    forgotten: u64,
}

#[derive(Debug)]
struct Opened {
    /// Of the signed bytes.
    hash: String,
    pack: Arc<VerifiedPack>,
    /// When it was asked for last, by [`Known::asked`].
    last: u64,
}

impl OpenedPacks {
    /// Room for so many candidates. Who is listening now asks again within minutes; to open a pack takes as long as to make a list
    /// from it.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// The pack of `subject` whose signed bytes have this hash, opened by `open` where that was not done yet.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn get(
        &self,
        subject: &str,
        hash: &str,
        open: impl FnOnce() -> anyhow::Result<VerifiedPack>,
    ) -> anyhow::Result<Arc<VerifiedPack>> {
        let forgotten = {
            let mut known = self.known();
            if let Some(pack) = known.find(subject, hash) {
                return Ok(pack);
            }
            known.forgotten
        };
        let pack = Arc::new(open()?);
        let mut known = self.known();
        // Somebody was forgotten while it was opened: it may have been this one.
        if known.forgotten == forgotten {
            known.keep(subject, hash, &pack, self.most);
        }
        drop(known);
        Ok(pack)
    }

    /// Lets go of the pack of `subject`.
    pub fn forget(&self, subject: &str) {
        let mut known = self.known();
        known.forgotten += 1;
        known.remove(subject);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn find(&mut self, subject: &str, hash: &str) -> Option<Arc<VerifiedPack>> {
        self.asked += 1;
        let opened = self.packs.get_mut(subject).filter(|opened| opened.hash == hash)?;
        opened.last = self.asked;
        Some(Arc::clone(&opened.pack))
    }

    fn keep(&mut self, subject: &str, hash: &str, pack: &Arc<VerifiedPack>, most: usize) {
        self.remove(subject);
        let (pack, weight) = (Arc::clone(pack), weight(pack));
        if weight > most {
            return;
        }
        while self.candidates + weight > most {
            let oldest = self.packs.iter().min_by_key(|(_, opened)| opened.last);
            let Some(oldest) = oldest.map(|(subject, _)| subject.clone()) else { break };
            self.remove(&oldest);
        }
        self.candidates += weight;
        self.packs.insert(subject.to_owned(), Opened { hash: hash.to_owned(), pack, last: self.asked });
    }

    fn remove(&mut self, subject: &str) {
        if let Some(gone) = self.packs.remove(subject) {
            self.candidates -= weight(&gone.pack);
        }
    }
}

/// An empty pack takes room too.
fn weight(pack: &VerifiedPack) -> usize {
    pack.candidates().len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refresh::run;
    use crate::refresh::tests::{folder, open, options};

    fn pack() -> VerifiedPack {
        let (data, _) = folder();
        run(data.path(), &options()).unwrap();
        open(data.path(), "user:u0")
    }

    #[test]
    fn a_pack_is_opened_once_until_its_bytes_are_others_or_it_is_let_go_of() {
        let (packs, pack) = (OpenedPacks::of(10_000), pack());
        let opened = |subject: &str, hash: &str| {
            let mut opened = 0;
            let got = packs.get(subject, hash, || {
                opened += 1;
                Ok(pack.clone())
            });
            assert_eq!(got.unwrap().subject(), "user:u0");
            opened
        };
        assert_eq!([opened("a", "1"), opened("a", "1"), opened("b", "1")], [1, 0, 1]);
        assert_eq!([opened("a", "2"), opened("a", "2"), opened("b", "1")], [1, 0, 0]);
        packs.forget("a");
        assert_eq!(opened("a", "2"), 1);
        assert_eq!(packs.known().candidates, 2 * weight(&pack));
        assert!(packs.get("c", "1", || anyhow::bail!("damaged")).is_err());
        assert_eq!(packs.known().packs.len(), 2);
    }

    #[test]
    fn what_is_let_go_of_while_it_is_opened_is_not_kept() {
        let (packs, pack) = (OpenedPacks::of(10_000), pack());
        let open = || {
            packs.forget("a");
            Ok(pack.clone())
        };
        packs.get("a", "1", open).unwrap();
        assert!(packs.known().packs.is_empty());
    }

    #[test]
    fn who_did_not_ask_for_longest_makes_room_and_what_is_too_large_is_not_kept() {
        let pack = pack();
        let packs = OpenedPacks::of(2 * weight(&pack));
        let ask = |subject: &str| packs.get(subject, "1", || Ok(pack.clone())).unwrap();
        ["a", "b", "a", "c"].into_iter().for_each(|subject| drop(ask(subject)));
        let kept = |packs: &OpenedPacks| {
            let mut kept: Vec<String> = packs.known().packs.keys().cloned().collect();
            kept.sort_unstable();
            kept
        };
        assert_eq!(kept(&packs), ["a", "c"]);
        let small = OpenedPacks::of(weight(&pack) - 1);
        small.get("a", "1", || Ok(pack.clone())).unwrap();
        assert!(kept(&small).is_empty() && small.known().candidates == 0);
    }
}

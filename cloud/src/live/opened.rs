//! Packs that lists were made from: their signature is checked and their bytes are decoded once, not for each list anew.

use std::sync::Arc;

use segue_core::pack::VerifiedPack;

use crate::recent::Recent;

/// Opened packs of one generation, which they go with, by subject: a newer pack of somebody takes the place of the one before.
#[derive(Debug)]
pub struct OpenedPacks(Recent<String, Opened>);

#[derive(Debug, Clone)]
struct Opened {
    /// Of the signed bytes.
    hash: String,
    pack: Arc<VerifiedPack>,
}

impl OpenedPacks {
    /// Room for so many candidates. Who is listening now asks again within minutes; to open a pack takes as long as to make a list
    /// from it.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self(Recent::of(most, |opened: &Opened| weight(&opened.pack)))
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
        let opened = || anyhow::Ok(Opened { hash: hash.to_owned(), pack: Arc::new(open()?) });
        Ok(self.0.get_or_make(subject, |opened| opened.hash == hash, opened)?.pack)
    }

    /// Lets go of the pack of `subject`.
    pub fn forget(&self, subject: &str) {
        self.0.forget(subject);
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
        assert!(packs.get("c", "1", || anyhow::bail!("damaged")).is_err());
        assert_eq!(packs.0.weight(), 2 * weight(&pack));
    }

    #[test]
    fn the_room_is_counted_in_candidates() {
        let pack = pack();
        for (room, kept) in [(weight(&pack), weight(&pack)), (weight(&pack) - 1, 0), (0, 0)] {
            let packs = OpenedPacks::of(room);
            packs.get("a", "1", || Ok(pack.clone())).unwrap();
            assert_eq!(packs.0.weight(), kept);
        }
    }
}

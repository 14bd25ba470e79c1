//! Packs that lists were made from: their signature is checked, their bytes are decoded, and what depends on a pack alone is
//! worked out once, not for each list anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segue_core::engine::Groundwork;
use segue_core::pack::VerifiedPack;

use super::engines::Kit;
use crate::recent::Recent;

/// What was worked out of one pack is kept for so many surfaces, or lists made at a time.
const GROUNDWORKS: usize = 2;

/// Opened packs of one generation, which they go with, by subject: a newer pack of somebody takes the place of the one before.
#[derive(Debug)]
pub struct OpenedPacks(Recent<String, Opened>);

#[derive(Debug, Clone)]
struct Opened {
    /// Of the signed bytes.
    hash: String,
    pack: Arc<OpenedPack>,
}

/// A pack, and what engines worked out of it.
#[derive(Debug)]
pub struct OpenedPack {
    verified: Arc<VerifiedPack>,
    /// By policy and ranker; the one kept last is last.
    groundworks: Mutex<Vec<(Kit, Groundwork)>>,
}

impl OpenedPack {
    fn new(verified: VerifiedPack) -> Self {
        Self { verified: Arc::new(verified), groundworks: Mutex::default() }
    }

    /// The pack.
    #[must_use]
    pub fn verified(&self) -> &Arc<VerifiedPack> {
        &self.verified
    }

    /// What an engine of this kit worked out; it is the caller's until it is kept again.
    pub(super) fn groundwork(&self, kit: &Kit) -> Option<Groundwork> {
        let mut groundworks = self.groundworks();
        let place = groundworks.iter().rposition(|(other, _)| other == kit)?;
        Some(groundworks.remove(place).1)
    }

    /// Keeps what an engine of this kit worked out.
    pub(super) fn keep(&self, kit: &Kit, groundwork: Groundwork) {
        let mut groundworks = self.groundworks();
        if groundworks.len() >= GROUNDWORKS {
            groundworks.remove(0);
        }
        groundworks.push((kit.clone(), groundwork));
    }

    fn groundworks(&self) -> MutexGuard<'_, Vec<(Kit, Groundwork)>> {
        self.groundworks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenedPacks {
    /// Room for so many candidates. Who is listening now asks again within minutes; to open a pack and to work out what depends on
    /// it alone takes longer than to make a list.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self(Recent::of(most, |opened: &Opened| weight(opened.pack.verified())))
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
    ) -> anyhow::Result<Arc<OpenedPack>> {
        let opened =
            || anyhow::Ok(Opened { hash: hash.to_owned(), pack: Arc::new(OpenedPack::new(open()?)) });
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
            assert_eq!(got.unwrap().verified().subject(), "user:u0");
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
    fn what_was_worked_out_is_one_lists_at_a_time_and_of_one_policy_and_ranker() {
        let opened = OpenedPack::new(pack());
        let kit = |policy: &str| Kit { policy: policy.into(), ranker: None };
        let made = || {
            let policy = segue_core::policy::Policy::from_json(segue_core::policies::RADIO).unwrap();
            let mut engine = segue_core::Engine::of_server(policy, None).unwrap();
            engine.begin(Arc::clone(opened.verified()));
            engine.leave().unwrap()
        };
        opened.keep(&kit("radio"), made());
        assert!(opened.groundwork(&kit("home")).is_none());
        let had = opened.groundwork(&kit("radio")).unwrap();
        assert!(Arc::ptr_eq(had.pack(), opened.verified()));
        assert!(opened.groundwork(&kit("radio")).is_none(), "somebody has it");
        [("radio", had), ("home", made()), ("feed", made())]
            .into_iter()
            .for_each(|(policy, groundwork)| opened.keep(&kit(policy), groundwork));
        let kept = ["radio", "home", "feed"].map(|policy| opened.groundwork(&kit(policy)).is_some());
        assert_eq!(kept, [false, true, true]);
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

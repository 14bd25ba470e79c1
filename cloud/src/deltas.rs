//! What changed between two packs: made once, by no more at a time than there are cores.

use std::thread::available_parallelism;

use axum::body::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::recent::Recent;

/// What a kept delta takes beside its bytes, about.
const KEPT_BYTES: usize = 512;

/// The deltas from earlier packs to those of one generation, with which they go.
#[derive(Debug)]
pub(crate) struct Deltas {
    /// By subject and earlier pack.
    made: Recent<String, Made>,
    turns: Semaphore,
}

#[derive(Debug, Clone)]
struct Made {
    /// The hash of the pack it makes.
    target: String,
    /// None where it has no fewer bytes than that pack.
    bytes: Option<Bytes>,
}

impl Deltas {
    /// Room for deltas that take so many bytes together.
    pub(crate) fn of(most_bytes: usize) -> Self {
        let weigh = |made: &Made| KEPT_BYTES + made.bytes.as_ref().map_or(0, Bytes::len);
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        Self { made: Recent::of(most_bytes, weigh), turns: Semaphore::new(cores) }
    }

    /// The delta of the subject's packs with these hashes, from memory or by `make`; none where the pack itself is as
    /// small, it cannot be made, or too many are being made.
    pub(crate) fn between(
        &self,
        subject: &str,
        base: &str,
        target: &str,
        make: impl FnOnce() -> anyhow::Result<Option<Bytes>>,
    ) -> Option<Bytes> {
        let name = name_of(subject, base);
        let is_it = |made: &Made| made.target == target;
        if let Some(made) = self.made.get(&name, is_it) {
            return made.bytes;
        }
        let _turn = self.turn()?;
        let made = || anyhow::Ok(Made { target: target.to_owned(), bytes: make()? });
        self.made.get_or_make(&name, is_it, made).ok()?.bytes
    }

    /// Leave to make one, until it is dropped; none where as many are being made as there are cores.
    pub(crate) fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.try_acquire().ok()
    }

    /// Lets go of what is kept, and being made, from this pack of the subject.
    pub(crate) fn forget(&self, subject: &str, base: &str) {
        self.made.forget(&name_of(subject, base));
    }

    /// Bytes of what is kept.
    pub(crate) fn weight(&self) -> usize {
        self.made.weight()
    }
}

fn name_of(subject: &str, base: &str) -> String {
    format!("{subject} {base}")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What `between` answers for u1, and whether it was made for that.
    fn asked(deltas: &Deltas, base: &str, target: &str, made: Option<&'static str>) -> (Option<Bytes>, bool) {
        let is_made = Cell::new(false);
        let make = || {
            is_made.set(true);
            Ok(made.map(|bytes| Bytes::from_static(bytes.as_bytes())))
        };
        let found = deltas.between("user:u1", base, target, make);
        (found, is_made.get())
    }

    fn bytes(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn the_same_delta_is_made_once_also_where_it_is_none() {
        let deltas = Deltas::of(1 << 20);
        assert_eq!(asked(&deltas, "a", "c", Some("ac")), (bytes("ac"), true));
        assert_eq!(asked(&deltas, "a", "c", Some("other")), (bytes("ac"), false));
        assert_eq!(asked(&deltas, "b", "c", None), (None, true));
        assert_eq!(asked(&deltas, "b", "c", Some("other")), (None, false));
        assert_eq!(asked(&deltas, "a", "d", Some("ad")), (bytes("ad"), true), "another pack came");
        assert!(deltas.between("user:u2", "x", "y", || anyhow::bail!("no")).is_none());
        let later = deltas.between("user:u2", "x", "y", || Ok(bytes("xy")));
        assert_eq!(later, bytes("xy"), "what could not be made is tried again");
    }

    #[test]
    fn what_is_forgotten_stays_no_longer_nor_what_was_on_its_way() {
        let deltas = Deltas::of(1 << 20);
        asked(&deltas, "a", "c", Some("ac"));
        assert!(deltas.weight() > 0);
        deltas.forget("user:u1", "a");
        assert_eq!(deltas.weight(), 0);
        let made = deltas.between("user:u1", "a", "c", || {
            deltas.forget("user:u1", "a");
            Ok(bytes("ac"))
        });
        assert_eq!((made, deltas.weight()), (bytes("ac"), 0));
    }

    #[test]
    fn where_too_many_are_made_there_is_none_but_for_those_that_are_kept() {
        let deltas = Deltas::of(1 << 20);
        asked(&deltas, "a", "c", Some("ac"));
        let turns: Vec<_> = std::iter::from_fn(|| deltas.turn()).collect();
        assert_eq!(asked(&deltas, "b", "c", Some("bc")), (None, false));
        assert_eq!(asked(&deltas, "a", "c", Some("other")), (bytes("ac"), false));
        drop(turns);
        assert_eq!(asked(&deltas, "b", "c", Some("bc")), (bytes("bc"), true));
    }
}

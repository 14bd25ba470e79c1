//! Encoded answers, by the tags of the plain ones.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::HeaderValue;

use super::choose::Coding;

/// Bytes that are kept.
const BYTES: usize = 64 << 20;
/// What an entry takes beside its content, about.
const ENTRY_BYTES: usize = 256;

type Key = (Coding, HeaderValue);

/// Encoded answers; the oldest go first. A tag is the hash of its content, so none ever changes.
#[derive(Debug)]
pub(crate) struct Kept {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Nothing where the encoded content is no smaller.
    encoded: HashMap<Key, Option<Bytes>>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl Kept {
    /// Room for so many bytes.
    pub(super) fn of(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// What is kept of the answer with this tag: its encoded content, or within that nothing.
    pub(super) fn get(&self, coding: Coding, tag: &HeaderValue) -> Option<Option<Bytes>> {
        self.known().encoded.get(&(coding, tag.clone())).cloned()
    }

    /// Keeps the encoded content, or that there is none.
    pub(super) fn keep(&self, coding: Coding, tag: &HeaderValue, encoded: Option<Bytes>) {
        let (key, bytes) = ((coding, tag.clone()), weight(encoded.as_ref()));
        let mut known = self.known();
        if bytes > self.most || known.encoded.contains_key(&key) {
            return;
        }
        known.bytes += bytes;
        known.order.push_back(key.clone());
        known.encoded.insert(key, encoded);
        while known.bytes > self.most
            && let Some(oldest) = known.order.pop_front()
        {
            let gone = known.encoded.remove(&oldest).flatten();
            known.bytes -= weight(gone.as_ref());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(encoded: Option<&Bytes>) -> usize {
    ENTRY_BYTES + encoded.map_or(0, Bytes::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_what_is_too_large_is_not_kept() {
        let kept = Kept::of(4 * ENTRY_BYTES);
        let tag = |name: &'static str| HeaderValue::from_static(name);
        let content = |bytes: usize| Some(Bytes::from(vec![1; bytes]));
        kept.keep(Coding::Zstd, &tag("a"), content(ENTRY_BYTES));
        kept.keep(Coding::Brotli, &tag("a"), None);
        assert_eq!(kept.get(Coding::Zstd, &tag("a")), Some(content(ENTRY_BYTES)));
        assert_eq!(kept.get(Coding::Brotli, &tag("a")), Some(None));
        kept.keep(Coding::Zstd, &tag("b"), content(ENTRY_BYTES));
        assert_eq!(kept.get(Coding::Zstd, &tag("a")), None);
        kept.keep(Coding::Zstd, &tag("c"), content(4 * ENTRY_BYTES));
        assert_eq!(kept.get(Coding::Zstd, &tag("c")), None);
        assert_eq!(kept.get(Coding::Zstd, &tag("b")), Some(content(ENTRY_BYTES)));
        assert_eq!(kept.known().bytes, 3 * ENTRY_BYTES);
    }
}

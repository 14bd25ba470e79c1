//! Encoded answers, by the tags of the plain ones.

use axum::body::Bytes;
use axum::http::HeaderValue;

use super::choose::Coding;
use crate::recent::Recent;

/// Bytes that are kept.
const BYTES: usize = 64 << 20;
/// What an entry takes beside its content, about.
const ENTRY_BYTES: usize = 256;

/// Encoded answers, nothing where the encoded content is no smaller; those that were not asked for longest go first. A tag is the hash
/// of its content, so none ever changes.
#[derive(Debug)]
pub(crate) struct Kept(Recent<(Coding, HeaderValue), Option<Bytes>>);

impl Default for Kept {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl Kept {
    /// Room for so many bytes.
    pub(super) fn of(most: usize) -> Self {
        Self(Recent::of(most, weight))
    }

    /// What is kept of the answer with this tag: its encoded content, or within that nothing.
    pub(super) fn get(&self, coding: Coding, tag: &HeaderValue) -> Option<Option<Bytes>> {
        self.0.get(&(coding, tag.clone()), |_| true)
    }

    /// Keeps the encoded content, or that there is none.
    pub(super) fn keep(&self, coding: Coding, tag: &HeaderValue, encoded: Option<Bytes>) {
        self.0.keep((coding, tag.clone()), encoded);
    }

    /// Lets go of the answer whose plain content has this hash.
    pub(crate) fn forget(&self, hash: &str) {
        // A hash is hexadecimal, so it is always a valid header value.
        let Ok(tag) = HeaderValue::from_str(&format!("\"{hash}\"")) else { return };
        for coding in [Coding::Zstd, Coding::Brotli] {
            self.0.forget(&(coding, tag.clone()));
        }
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.weight()
    }
}

fn weight(encoded: &Option<Bytes>) -> usize {
    ENTRY_BYTES + encoded.as_ref().map_or(0, Bytes::len)
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
        assert_eq!(kept.bytes(), 3 * ENTRY_BYTES);
    }

    #[test]
    fn what_is_let_go_of_goes_in_every_coding() {
        let kept = Kept::default();
        let tags = ["\"0a\"", "\"0b\""].map(HeaderValue::from_static);
        for coding in [Coding::Zstd, Coding::Brotli] {
            tags.iter().for_each(|tag| kept.keep(coding, tag, Some(Bytes::from_static(b"content"))));
        }
        kept.forget("0a");
        for coding in [Coding::Zstd, Coding::Brotli] {
            assert_eq!(tags.each_ref().map(|tag| kept.get(coding, tag).is_some()), [false, true]);
        }
    }
}

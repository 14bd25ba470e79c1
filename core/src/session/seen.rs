//! Which events were applied before.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{digest, limits};

/// Fingerprints of the newest [`limits::SESSION_EVENT_IDS`] event ids: the first 8 bytes of their SHA-256, so that
/// a collision among them is as unlikely as one in 10^12.
///
/// All the room (32 KiB) is taken with the first id, so that memory does not grow with the session; it is looked through
/// from end to end.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SeenIds {
    /// Newest last.
    order: VecDeque<u64>,
}

impl SeenIds {
    /// Notes the id; `false` when it was there already.
    pub(super) fn insert(&mut self, event_id: &str) -> bool {
        let fingerprint = fingerprint(event_id);
        if self.order.contains(&fingerprint) {
            return false;
        }
        if self.order.len() >= limits::SESSION_EVENT_IDS {
            self.order.pop_front();
        }
        self.order.reserve_exact(limits::SESSION_EVENT_IDS - self.order.len());
        self.order.push_back(fingerprint);
        true
    }

    /// The newest fingerprints, 8 bytes each, newest last.
    pub(super) fn newest(&self, most: usize) -> Vec<u8> {
        let newest = self.order.range(self.order.len().saturating_sub(most)..);
        newest.flat_map(|fingerprint| fingerprint.to_be_bytes()).collect()
    }

    /// From fingerprints of 8 bytes each.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { order: bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

/// A number that stands for `text`, never 0.
pub(super) fn fingerprint(text: &str) -> u64 {
    u64::from_be_bytes(digest::short([text.as_bytes()])).max(1)
}

impl Serialize for SeenIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.order.iter().flat_map(|fingerprint| fingerprint.to_be_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for SeenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        let (fingerprints, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || fingerprints.len() > limits::SESSION_EVENT_IDS {
            return Err(de::Error::invalid_length(bytes.len(), &"whole fingerprints within their bound"));
        }
        Ok(Self::of_bytes(fingerprints.as_flattened()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_until_as_many_newer_ones_came() {
        let mut seen = SeenIds::default();
        for at in 0..limits::SESSION_EVENT_IDS {
            assert!(seen.insert(&at.to_string()));
        }
        assert!(!seen.insert("0"));
        assert!(seen.insert("one more"));
        assert!(seen.insert("0"), "the oldest was forgotten");
        assert_eq!(seen.len(), limits::SESSION_EVENT_IDS);
    }
}

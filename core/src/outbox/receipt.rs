//! The service's answer to a batch it took, as described in `docs/API.md`.

use serde::Deserialize;

/// An event that the service will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its id; empty where it has none.
    pub event_id: String,
    /// The service's code: `item_missing`, `time_out_of_range`, ...
    pub code: String,
    /// The value that is wrong, in the service's words.
    pub detail: String,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Receipt {
    accepted: u64,
    duplicates: u64,
    /// The rows that were not taken.
    pub(super) rejected: Vec<Rejected>,
}

/// One row that was not taken.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Rejected {
    pub(super) index: usize,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
}

impl Receipt {
    /// The receipt for `sent` events; `None` when the body is no such receipt, as when a hotel's login page answers
    /// in the service's place.
    pub(super) fn read(body: &[u8], sent: usize) -> Option<Self> {
        let receipt: Self = serde_json::from_slice(body).ok()?;
        let rejected = u64::try_from(receipt.rejected.len()).ok()?;
        let counted = receipt.accepted.checked_add(receipt.duplicates)?.checked_add(rejected)?;
        let known = receipt.rejected.iter().all(|row| row.index < sent);
        (known && counted == u64::try_from(sent).ok()?).then_some(receipt)
    }

    /// How many the service has now.
    pub(super) fn taken(&self) -> u64 {
        self.accepted.saturating_add(self.duplicates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_receipt_for_exactly_these_events_counts() {
        let good =
            br#"{"accepted":1,"duplicates":1,"rejected":[{"index":2,"code":"item_missing","detail":"x"}]}"#;
        let receipt = Receipt::read(good, 3).unwrap();
        assert_eq!((receipt.taken(), receipt.rejected.len()), (2, 1));
        assert_eq!(Receipt::read(good, 4), None);
        assert_eq!(Receipt::read(b"<html>Welcome to the hotel</html>", 3), None);
        assert_eq!(Receipt::read(b"", 0), None);
        let beyond = br#"{"accepted":0,"duplicates":0,"rejected":[{"index":1,"code":"item_missing"}]}"#;
        assert_eq!(Receipt::read(beyond, 1), None);
        let absurd = br#"{"accepted":18446744073709551615,"duplicates":1,"rejected":[]}"#;
        assert_eq!(Receipt::read(absurd, 0), None);
    }
}

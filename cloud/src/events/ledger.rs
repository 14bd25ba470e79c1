//! The log together with the ids it holds: the one place where an event is counted, once.

use std::collections::HashSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Limits;
use super::disk::Disk;
use super::erase::Theirs;
use super::error::StoreError;
use super::ids::Ids;
use super::log::EventLog;
use crate::stores::{Log, LogEraser};

/// Stands for an event id. 128 bits of SHA-256: nobody can make two ids that meet.
pub(crate) type Fingerprint = u128;

/// The fingerprint of an event id.
pub(crate) fn fingerprint(event_id: &str) -> Fingerprint {
    let digest = Sha256::digest(event_id.as_bytes());
    digest.iter().take(16).fold(0, |value, byte| (value << 8) | u128::from(*byte))
}

/// One event ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of its event id.
    pub(crate) id: Fingerprint,
    /// Its JSON, without a line end.
    pub(crate) line: Vec<u8>,
}

/// What became of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Places of the events that were new.
    pub(crate) fresh: Vec<usize>,
    pub(crate) duplicates: u64,
    pub(crate) last_sequence: u64,
    pub(crate) received_ms: i64,
}

/// Log and ids.
pub(crate) struct Ledger {
    log: Box<dyn Log>,
    ids: Ids,
}

impl Ledger {
    /// Opens the log of segments on `disk` and gathers the ids of the latest events in it.
    pub(crate) fn open(disk: impl Disk + Clone + 'static, limits: Limits) -> Result<Self, StoreError> {
        let mut ids = Ids::new(limits.dedup_window, limits.dedup_ids);
        let log = EventLog::open(disk, limits.segment_bytes, |line, received_ms| {
            ids.extend([fingerprint(&id_of(line)?)], received_ms);
            Ok(())
        })?;
        Ok(Self { log: Box::new(log), ids })
    }

    /// How many events are stored.
    pub(crate) fn count(&self) -> u64 {
        self.log.end() - 1
    }

    /// How many ids are known.
    pub(crate) fn ids(&self) -> usize {
        self.ids.len()
    }

    /// Whether the ids of more events may be taken in at `now_ms`.
    pub(crate) fn has_room(&mut self, now_ms: i64) -> bool {
        self.ids.has_room(now_ms)
    }

    /// What takes events out beside the writer.
    pub(crate) fn eraser(&self) -> Box<dyn LogEraser> {
        self.log.eraser()
    }

    /// Takes their events out from event number `from` on; returns how many.
    ///
    /// # Errors
    /// A part may be gone already; doing it again does no harm.
    pub(crate) fn erase(&mut self, theirs: &Theirs, from: u64) -> Result<u64, StoreError> {
        self.log.erase_from(from, &|line| theirs.include(line))
    }

    /// Takes people's events out of the whole log.
    #[cfg(test)]
    pub(crate) fn erase_all(&mut self, erased: &crate::erasure::Erased) -> Result<u64, StoreError> {
        let theirs = Theirs::read(&mut *self.log.reader(0), erased.clone())?;
        self.erase(&theirs, 1)
    }

    /// Writes what is new in `batches` with one sync; an event that came before, or twice, is a duplicate.
    ///
    /// # Errors
    /// None of the batches was acknowledged.
    pub(crate) fn commit(
        &mut self,
        batches: &[&[Row]],
        received_ms: i64,
    ) -> Result<Vec<Counted>, StoreError> {
        let mut fresh = HashSet::new();
        let mut lines = Vec::new();
        let mut counted = Vec::with_capacity(batches.len());
        for batch in batches {
            let mut count = Counted { received_ms, ..Counted::default() };
            for (place, row) in batch.iter().enumerate() {
                if self.ids.contains(row.id) || !fresh.insert(row.id) {
                    count.duplicates += 1;
                } else {
                    count.fresh.push(place);
                    lines.push(row.line.as_slice());
                }
            }
            counted.push(count);
        }
        if !lines.is_empty() {
            self.log.append(&lines, received_ms)?;
        }
        self.ids.extend(fresh, received_ms);
        let last_sequence = self.count();
        counted.iter_mut().for_each(|count| count.last_sequence = last_sequence);
        Ok(counted)
    }
}

/// What a line's event is known by; a line without one is damage.
pub(super) fn id_of(line: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Id {
        event_id: String,
    }
    serde_json::from_slice::<Id>(line).map(|id| id.event_id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::FolderDisk;

    fn row(id: &str) -> Row {
        Row { id: fingerprint(id), line: format!(r#"{{"event_id":"{id}"}}"#).into_bytes() }
    }

    #[test]
    fn an_event_counts_once_within_a_batch_across_batches_and_across_starts() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(FolderDisk::new(folder.path()), Limits::default()).unwrap();
        let (first, second) = ([row("a"), row("b"), row("a")], [row("b"), row("c")]);
        let counted = ledger.commit(&[&first, &second], 0).unwrap();
        assert_eq!((counted[0].fresh.as_slice(), counted[0].duplicates), ([0, 1].as_slice(), 1));
        assert_eq!((counted[1].fresh.as_slice(), counted[1].duplicates), ([1].as_slice(), 1));
        drop(ledger);
        let mut ledger = Ledger::open(FolderDisk::new(folder.path()), Limits::default()).unwrap();
        assert_eq!(ledger.count(), 3);
        let counted = ledger.commit(&[&[row("c"), row("d")]], 0).unwrap();
        assert_eq!((counted[0].fresh.as_slice(), counted[0].duplicates), ([1].as_slice(), 1));
    }
}

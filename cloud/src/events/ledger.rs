//! The log together with the ids it holds: the one place where an event is counted, once.

use std::collections::HashSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Limits;
use super::disk::Disk;
use super::erase::Theirs;
use super::error::StoreError;
use super::frame::Frame;
use super::ids::{Ids, Sizes};
use super::log::{EventLog, first_of, segment_names};
use crate::clock::now_ms;
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
        Self::open_at(now_ms(), disk, limits, Sizes::default())
    }

    fn open_at(
        now_ms: i64,
        disk: impl Disk + Clone + 'static,
        limits: Limits,
        sizes: Sizes,
    ) -> Result<Self, StoreError> {
        let mut ids = Ids::new(&limits, sizes, disk.scratch());
        let mut past = Past::new(now_ms, &limits, sizes, &segment_names(&disk)?);
        let log = EventLog::open(disk, limits.segment_bytes, |frame| {
            if past.holds(frame) {
                return Ok(());
            }
            let of = |line: &[u8]| id_of(line).map(|id| fingerprint(&id));
            let came: Vec<Fingerprint> = frame.lines().map(of).collect::<Result<_, String>>()?;
            ids.extend(came, frame.received_ms);
            ids.catch_up();
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

    /// Writes down how far it is acknowledged.
    pub(crate) fn write_down(&mut self) {
        self.log.write_down();
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
                if self.ids.contains(row.id)? || !fresh.insert(row.id) {
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

/// Tells the commits of a log whose ids matter no more, so that a start reads none out of them.
struct Past {
    now_ms: i64,
    window_ms: i64,
    /// The newest time of a commit so far, but for those that a clock dated ahead: what follows it came later, though the clock may
    /// have said otherwise.
    latest_ms: i64,
    /// What lies before this event is not among the last that are known in any case.
    before: u64,
}

impl Past {
    /// Of a log with these segments.
    fn new(now_ms: i64, limits: &Limits, sizes: Sizes, names: &[String]) -> Self {
        // Whatever the last segment holds, everything before it is there.
        let last = names.last().and_then(|name| first_of(name)).unwrap_or(0);
        Self {
            now_ms,
            window_ms: i64::try_from(limits.dedup_window.as_millis()).unwrap_or(i64::MAX),
            latest_ms: i64::MIN,
            before: last.saturating_sub(sizes.least as u64),
        }
    }

    /// To be asked of each commit in turn.
    fn holds(&mut self, frame: &Frame<'_>) -> bool {
        if frame.received_ms <= self.now_ms {
            self.latest_ms = self.latest_ms.max(frame.received_ms);
        }
        let came_ms = self.latest_ms.max(frame.received_ms);
        frame.first + frame.events <= self.before && self.now_ms.saturating_sub(came_ms) >= self.window_ms
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
    use std::ops::Range;
    use std::path::Path;

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

    /// Segments of a commit or two, a day's window.
    fn small(folder: &Path, now_ms: i64, set: usize, least: usize) -> Result<Ledger, StoreError> {
        let limits = Limits { segment_bytes: 200, ..Limits::default() };
        Ledger::open_at(now_ms, FolderDisk::new(folder), limits, Sizes { set, least })
    }

    fn rows(numbers: Range<usize>) -> Vec<Row> {
        numbers.map(|number| row(&format!("e{number}"))).collect()
    }

    #[test]
    fn what_lies_in_runs_counts_once_also_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = small(folder.path(), 0, 8, 10).unwrap();
        for number in 0..60 {
            let counted = ledger.commit(&[&rows(number * 5..number * 5 + 7)], 0).unwrap();
            assert_eq!(counted[0].duplicates, if number == 0 { 0 } else { 2 });
        }
        for _ in 0..2 {
            let counted = ledger.commit(&[&rows(0..302)], 0).unwrap();
            assert_eq!((counted[0].fresh.len(), counted[0].duplicates), (0, 302));
            assert_eq!((ledger.count(), ledger.ids()), (302, 302));
            drop(ledger);
            ledger = small(folder.path(), 0, 8, 10).unwrap();
        }
        assert_eq!(ledger.commit(&[&rows(300..304)], 0).unwrap()[0].fresh, [2, 3]);
        // Runs leave nothing in the folder.
        drop(ledger);
        let names = FolderDisk::new(folder.path()).names().unwrap();
        let is_left = |name: &String| name.ends_with(".jsonl") || name == "acknowledged";
        assert!(names.iter().all(is_left), "{names:?}");
    }

    #[test]
    fn where_the_ids_cannot_be_read_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = small(folder.path(), 0, 8, 10).unwrap();
        ledger.commit(&[&rows(0..16)], 0).unwrap();
        ledger.ids.damage();
        let failed = ledger.commit(&[&[row("new")], &rows(0..1)], 0);
        assert!(matches!(failed, Err(StoreError::Ids(_))), "{failed:?}");
        assert_eq!((ledger.count(), ledger.ids()), (16, 16));
        assert_eq!(ledger.commit(&[&[row("new")]], 0).unwrap()[0].fresh, [0]);
        drop(ledger);
        let mut ledger = small(folder.path(), 0, 8, 10).unwrap();
        let counted = ledger.commit(&[&rows(0..16), &[row("new")]], 0).unwrap();
        assert_eq!((counted[0].duplicates, counted[1].duplicates), (16, 1));
    }

    #[test]
    fn a_start_reads_ids_of_the_window_and_of_the_last_events_alone() {
        const DAY: i64 = 24 * 3_600_000;
        let folder = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(FolderDisk::new(folder.path()), 200, |_| Ok(())).unwrap();
        // Nothing says what this event is known by: whoever reads it takes it for damage.
        log.append(&[b"{}"], 0).unwrap();
        for number in 0..40 {
            let row = row(&format!("e{number:02}"));
            // The clock was ahead once, and was set back once.
            let received_ms = [0, 90 * DAY, 0, DAY, 0][number / 8];
            log.append(&[&row.line], received_ms).unwrap();
        }
        drop(log);
        let known = |now_ms, least| small(folder.path(), now_ms, 1 << 20, least).map(|ledger| ledger.ids());
        assert!(matches!(known(DAY - 1, 1), Err(StoreError::Damaged { .. })));
        assert!(matches!(known(DAY, 100), Err(StoreError::Damaged { .. })));
        // The hours of the clock that was ahead, and what came from the day on.
        assert_eq!(known(DAY, 1), Ok(24));
        assert_eq!(known(2 * DAY - 1, 1), Ok(24));
        // Of the day after, three are not sure to be older than the last ten.
        assert_eq!(known(2 * DAY, 10), Ok(8 + 3 + 8));
    }
}

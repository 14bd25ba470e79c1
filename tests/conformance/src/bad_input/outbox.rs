//! The outbox's file, after whatever happened to the disk it lies on.

use segue_core::outbox::{Answer, Disk, LogStore, Next, Outbox, Queue, Stored, record};
use segue_core::{EventKind, Result, limits};

use crate::{kept, world};

/// What precedes the payload of a record: mark, length, checksum.
const HEADER: usize = 16;

/// Rounds of sending: enough to halve a batch down to single events.
const ROUNDS: i64 = 40;

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Memory(Vec<u8>);

impl Disk for Memory {
    fn read(&mut self) -> Result<Vec<u8>> {
        Ok(self.0.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.extend(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 = bytes.to_vec();
        Ok(())
    }
}

/// An outbox's file. After an even first byte the checksums of its records are made to fit.
pub fn outbox(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let mut bytes = rest.to_vec();
    if first % 2 == 0 {
        seal_records(&mut bytes);
    }
    let Ok(mut outbox) = Outbox::open(LogStore::new(Memory(bytes)), 7) else { return };
    let before = outbox.queue().waiting();
    let added = outbox.enqueue(&world::event(1, EventKind::Purchase, "item-000"));
    if added.is_ok() {
        assert!(outbox.queue().waiting() <= before + 1, "an event was invented");
    }
    let answers = [413, 503, 200, 400, 401];
    for round in 0..ROUNDS {
        let now_ms = world::NOW_MS + 10_000_000 * round;
        if let Next::Send(batch) = outbox.next(now_ms, limits::OUTBOX_BATCH_BYTES) {
            assert!(!batch.sequences.is_empty() && batch.body.len() <= limits::OUTBOX_BATCH_BYTES);
            let status = answers[round as usize % answers.len()];
            let receipt = format!(r#"{{"accepted":{},"duplicates":0,"rejected":[]}}"#, batch.sequences.len());
            let body = if first % 4 < 2 { receipt.as_bytes() } else { rest };
            let _ = outbox.answered(&Answer { status, retry_after_ms: Some(5), body }, now_ms);
        }
        outbox.renew_credentials();
    }
}

/// Writes the checksum of each record that lies where the one before it ends.
fn seal_records(bytes: &mut [u8]) {
    let mut start = 0;
    while let Some(length) = bytes.get(start + 4..start + 8).and_then(|length| length.try_into().ok()) {
        let end = (start + HEADER).saturating_add(u32::from_le_bytes(length) as usize);
        let Some(payload) = bytes.get(start + HEADER..end) else { return };
        let checksum = kept::first_bytes(&[&length, payload].concat());
        bytes[start + 8..start + HEADER].copy_from_slice(&checksum);
        start = end;
    }
}

/// The file of an outbox that took events in, as it is and to be sealed again.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut queue = Queue::new(Stored::default(), 7);
    let mut file = Vec::new();
    for (at, kind) in [EventKind::Impression, EventKind::Play, EventKind::Purchase].into_iter().enumerate() {
        let Ok(mut change) = queue.admit(&world::event(at, kind, "item-001")) else { continue };
        change.remove.extend(at.checked_sub(1).map(|settled| settled as u64 + 1));
        file.extend(record::encode(&change).unwrap_or_default());
        queue.apply(&change);
    }
    vec![[&[0], file.as_slice()].concat(), [&[1], file.as_slice()].concat()]
}

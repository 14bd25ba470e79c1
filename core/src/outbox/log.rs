//! A store in one append-only file, rewritten when most of it is history.

use super::ledger::Ledger;
use super::record::{encode, replay};
use super::store::ROW_OVERHEAD;
use super::{Change, Disk, Row, Store, Stored};
use crate::error::Result;
use crate::limits;

/// History that is not worth a rewrite, in bytes.
const SMALL_LOG: usize = 64 << 10;

/// Rows in a log of records on a [`Disk`].
///
/// Each commit appends one record and syncs it. The rows are written anew in one [`Disk::replace`] when the log has
/// grown to twice what they need, which keeps the cost per event constant; after a failed write; and with the first
/// commit after a start, as nobody knows what a killed process left unsynced, be it bytes or the name of the file.
#[derive(Debug)]
pub struct LogStore<D> {
    disk: D,
    state: Option<State>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// Bytes in the file.
    written: usize,
    /// The file is known to be whole and to survive a power cut, so that it may be appended to.
    sound: bool,
}

impl<D: Disk> LogStore<D> {
    /// A store on `disk`, which is read with [`Store::load`] or the first commit.
    #[must_use]
    pub fn new(disk: D) -> Self {
        Self { disk, state: None }
    }

    fn state(&mut self) -> Result<&mut State> {
        let state = match self.state.take() {
            Some(state) => state,
            None => {
                let bytes = self.disk.read()?;
                State { ledger: replay(&bytes)?, written: bytes.len(), sound: false }
            }
        };
        Ok(self.state.insert(state))
    }

    fn rewrite(&mut self, change: &Change) -> Result<()> {
        let mut ledger = self.state()?.ledger.clone();
        ledger.apply(change);
        let bytes = snapshot(&ledger)?;
        self.disk.replace(&bytes)?;
        self.state = Some(State { ledger, written: bytes.len(), sound: true });
        Ok(())
    }
}

impl<D: Disk> Store for LogStore<D> {
    fn load(&mut self) -> Result<Stored> {
        Ok(self.state()?.ledger.stored())
    }

    fn commit(&mut self, change: &Change) -> Result<()> {
        let record = encode(change)?;
        let state = self.state()?;
        // Until this write has gone well, anything may be in the file.
        let sound = std::mem::take(&mut state.sound);
        if !sound || state.written.saturating_add(record.len()) > worth_keeping(&state.ledger) {
            return self.rewrite(change);
        }
        self.disk.append(&record)?;
        self.disk.sync()?;
        let state = self.state()?;
        state.sound = true;
        state.written = state.written.saturating_add(record.len());
        state.ledger.apply(change);
        Ok(())
    }
}

/// The size up to which a log of these rows is left to grow: twice what they need.
fn worth_keeping(ledger: &Ledger) -> usize {
    let needed = ledger.json_bytes().saturating_add(ledger.rows().len().saturating_mul(ROW_OVERHEAD));
    needed.saturating_mul(2).saturating_add(SMALL_LOG).min(limits::OUTBOX_FILE_BYTES)
}

/// The rows, each in a record of its own, and the counts.
fn snapshot(ledger: &Ledger) -> Result<Vec<u8>> {
    let mut bytes = encode(&Change { lost: ledger.lost(), ..Change::default() })?;
    for row in ledger.rows() {
        bytes.extend(encode(&Change { put: vec![Row::clone(row)], ..Change::default() })?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::power_cut::PowerCutDisk;
    use crate::outbox::{Lost, Worth};

    #[test]
    fn a_row_needs_no_more_than_its_overhead_beside_its_json() {
        let row = Row { sequence: u64::MAX, worth: Worth::Ordinary, json: String::new() };
        let change = Change { put: vec![row], ..Change::default() };
        assert!(encode(&change).unwrap().len() <= ROW_OVERHEAD);
    }

    #[test]
    fn a_log_of_many_settled_events_is_rewritten_now_and_then_and_stays_small() {
        let mut disk = PowerCutDisk::default();
        let mut store = LogStore::new(disk.clone());
        for sequence in 1..=5_000 {
            let row = Row { sequence, worth: Worth::Lasting, json: "x".repeat(100) };
            store.commit(&Change { put: vec![row], ..Change::default() }).unwrap();
            let lost = Lost { dropped: 1, refused: 0 };
            store.commit(&Change { remove: vec![sequence], lost, ..Change::default() }).unwrap();
        }
        assert!(disk.read().unwrap().len() <= SMALL_LOG + 1_000);
        assert!(disk.replacements() < 50, "{} rewrites", disk.replacements());
        assert_eq!(LogStore::new(disk).load().unwrap().lost.dropped, 5_000);
    }
}

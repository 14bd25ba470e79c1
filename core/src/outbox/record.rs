//! How one [`Change`] lies in the log.
//!
//! ```text
//! 4 bytes  the letters SGOB
//! 4 bytes  length of the payload, little-endian
//! 8 bytes  first bytes of the SHA-256 of the length and the payload
//! payload  MessagePack map: format, change
//! ```
//!
//! A record is synced before the next one is written, so one cut short at the end was never acknowledged. Bytes that
//! are no record are passed over and every whole record behind them still counts: damage costs what it hit, nothing else.

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::{Change, Stored};
use crate::digest;
use crate::error::{Code, Error, Result};
use crate::limits;
use crate::trust::FormatOnly;

/// Version of the payload.
const FORMAT: u16 = 1;
const MAGIC: &[u8; 4] = b"SGOB";
const HEADER: usize = 16;

#[derive(Serialize)]
struct Written<'a> {
    format: u16,
    change: &'a Change,
}

#[derive(Deserialize)]
struct Read {
    change: Change,
}

/// One change as a record.
///
/// # Errors
/// `too_large` above [`limits::OUTBOX_RECORD_BYTES`].
pub fn encode(change: &Change) -> Result<Vec<u8>> {
    let payload = rmp_serde::to_vec_named(&Written { format: FORMAT, change })
        .map_err(|error| Error::new(Code::StorageFailed, format!("{error}.")))?;
    let length = match u32::try_from(payload.len()) {
        Ok(length) if payload.len() <= limits::OUTBOX_RECORD_BYTES => length.to_le_bytes(),
        _ => return Err(Error::new(Code::TooLarge, format!("a change of {} bytes.", payload.len()))),
    };
    Ok([MAGIC.as_slice(), &length, &checksum(&length, &payload), &payload].concat())
}

/// Everything the records of a log add up to.
///
/// # Errors
/// `too_large`, `format_unknown`, as when a store on these bytes is opened.
pub fn read(bytes: &[u8]) -> Result<Stored> {
    replay(bytes).map(|ledger| ledger.stored())
}

/// Everything a log's records add up to.
///
/// # Errors
/// `too_large` above [`limits::OUTBOX_FILE_BYTES`]; `format_unknown` when a newer version wrote one of the records.
pub(super) fn replay(bytes: &[u8]) -> Result<Ledger> {
    if bytes.len() > limits::OUTBOX_FILE_BYTES {
        return Err(Error::new(Code::TooLarge, format!("an outbox of {} bytes.", bytes.len())));
    }
    let mut reader = Reader { rest: bytes, work: bytes.len().saturating_mul(4) };
    let mut ledger = Ledger::default();
    while let Some(payload) = reader.next_payload() {
        if let Some(change) = decode(payload)? {
            ledger.apply(&change);
        }
    }
    Ok(ledger)
}

fn decode(payload: &[u8]) -> Result<Option<Change>> {
    let Ok(FormatOnly { format }) = rmp_serde::from_slice(payload) else { return Ok(None) };
    if format != FORMAT {
        let detail = format!("an outbox of format {format}, this version reads {FORMAT}.");
        return Err(Error::new(Code::FormatUnknown, detail));
    }
    Ok(rmp_serde::from_slice(payload).ok().map(|Read { change }| change))
}

/// Finds whole records. `work` bounds the bytes that are hashed, so that no file can make it search for long.
struct Reader<'a> {
    rest: &'a [u8],
    work: usize,
}

impl<'a> Reader<'a> {
    fn next_payload(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            if let Some(payload) = self.payload_here() {
                self.rest = self.rest.get(HEADER + payload.len()..).unwrap_or_default();
                return Some(payload);
            }
            let after = self.rest.get(1..).unwrap_or_default();
            let next = after.windows(MAGIC.len()).position(|window| window == MAGIC);
            self.rest = next.and_then(|at| after.get(at..)).unwrap_or_default();
        }
        None
    }

    fn payload_here(&mut self) -> Option<&'a [u8]> {
        let (magic, rest) = self.rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<8>()?;
        let bytes = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if magic != MAGIC || bytes > limits::OUTBOX_RECORD_BYTES {
            return None;
        }
        let payload = rest.get(..bytes)?;
        self.work = self.work.checked_sub(bytes)?;
        (checksum(length, payload) == *sum).then_some(payload)
    }
}

fn checksum(length: &[u8; 4], payload: &[u8]) -> [u8; 8] {
    digest::short([length.as_slice(), payload])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Lost, Row, Worth};

    fn put(sequence: u64) -> Change {
        let row = Row { sequence, worth: Worth::Ordinary, json: format!("{{\"event_id\":\"e{sequence}\"}}") };
        Change { put: vec![row], remove: Vec::new(), lost: Lost::default() }
    }

    fn sequences(bytes: &[u8]) -> Vec<u64> {
        read(bytes).unwrap().rows.iter().map(|row| row.sequence).collect()
    }

    fn log_of_three() -> Vec<u8> {
        [1, 2, 3].into_iter().flat_map(|sequence| encode(&put(sequence)).unwrap()).collect()
    }

    #[test]
    fn records_add_up_in_order() {
        let mut bytes = log_of_three();
        let settled =
            Change { remove: vec![1, 2], lost: Lost { dropped: 1, refused: 1 }, ..Change::default() };
        bytes.extend(encode(&settled).unwrap());
        let ledger = replay(&bytes).unwrap();
        assert_eq!((ledger.rows().len(), ledger.lost()), (1, settled.lost));
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_record() {
        let bytes = log_of_three();
        let one = encode(&put(1)).unwrap().len();
        for cut in 0..bytes.len() {
            let expected: Vec<u64> = (1..=(cut / one) as u64).collect();
            assert_eq!(sequences(&bytes[..cut]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_costs_its_record_and_no_other() {
        let bytes = log_of_three();
        let one = encode(&put(1)).unwrap().len();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            let hit = (at / one) as u64 + 1;
            let expected: Vec<u64> = (1..=3).filter(|sequence| *sequence != hit).collect();
            assert_eq!(sequences(&changed), expected, "byte {at}");
        }
    }

    #[test]
    fn a_newer_record_is_refused_as_newer_not_as_damage() {
        let payload = rmp_serde::to_vec_named(&FormatProbe { format: FORMAT + 1 }).unwrap();
        let length = (payload.len() as u32).to_le_bytes();
        let bytes = [MAGIC.as_slice(), &length, &checksum(&length, &payload), &payload].concat();
        assert_eq!(replay(&bytes).unwrap_err().code(), Code::FormatUnknown);
    }

    #[derive(Serialize)]
    struct FormatProbe {
        format: u16,
    }

    #[test]
    fn a_file_made_to_be_searched_forever_ends_the_search() {
        let mut lure = MAGIC.to_vec();
        lure.extend((limits::OUTBOX_RECORD_BYTES as u32).to_le_bytes());
        let bytes = lure.repeat(limits::OUTBOX_FILE_BYTES / lure.len());
        assert_eq!(sequences(&bytes), Vec::<u64>::new());
    }
}

//! How one commit lies in a segment: a header line, then one line per event.
//!
//! ```text
//! {"format":1,"commit":41,"events":2,"received_ms":1767225600000,"bytes":180,"sha256":"9f…"}
//! {"event_id":"a",…}
//! {"event_id":"b",…}
//! ```
//!
//! A commit is synced before the next one is written. So a broken frame at the
//! very end is a commit that was never acknowledged, unless the file `acknowledged`
//! says otherwise, and a broken frame with a whole one after it is damage.
//!
//! A header without lines is a gap: so many events, of one commit or of several, that were let go of as they were old. Their
//! numbers are given, and readers pass on to what follows:
//!
//! ```text
//! {"format":1,"commit":41,"events":300,"received_ms":1767225600000,"bytes":0,"sha256":"9f…"}
//! ```

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hash::hex;

/// The format this version writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 1;

/// The longest header line; anything longer is not one.
const LONGEST_HEADER: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    commit: u64,
    events: u64,
    received_ms: i64,
    bytes: u64,
    sha256: String,
}

/// A whole commit found in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Sequence number of its first event.
    pub(crate) first: u64,
    /// How many events it holds.
    pub(crate) events: u64,
    /// When the service took them in.
    pub(crate) received_ms: i64,
    /// One event per line.
    pub(crate) body: &'a [u8],
    /// Where the next frame begins.
    pub(crate) end: usize,
}

impl<'a> Frame<'a> {
    /// The JSON of each event.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
    }

    /// The JSON of each event with its number; none of a gap.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        (self.first..).zip(self.lines())
    }

    /// Whether nothing is left of its events but their numbers.
    pub(crate) fn is_gap(&self) -> bool {
        self.events > 0 && self.body.is_empty()
    }
}

/// Why the bytes at some place are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Cut short, overwritten or never written.
    Damaged,
    /// Written by a newer version of Segue.
    Newer(u32),
}

/// What every frame begins with; no event does.
const BEGINNING: &[u8] = b"{\"format\":";

/// Whether a frame may begin where `bytes` do, as far as they go.
pub(crate) fn may_begin(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING) || BEGINNING.starts_with(bytes)
}

/// Writes `lines` (JSON without line ends) as one frame.
pub(crate) fn encode<'a>(first: u64, received_ms: i64, lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut events = 0;
    for line in lines {
        body.extend_from_slice(line);
        body.push(b'\n');
        events += 1;
    }
    framed(first, events, received_ms, &body)
}

/// Writes a gap in the place of `events` events; of those that were old the latest came in at `received_ms`, 0 where none was and
/// all had been erased.
pub(crate) fn encode_gap(first: u64, events: u64, received_ms: i64) -> Vec<u8> {
    framed(first, events, received_ms, &[])
}

fn framed(first: u64, events: u64, received_ms: i64, body: &[u8]) -> Vec<u8> {
    let sha256 = checksum(first, events, received_ms, body);
    // Written by hand, as nothing here can fail and no value needs escaping.
    let mut frame = format!(
        r#"{{"format":{FORMAT},"commit":{first},"events":{events},"received_ms":{received_ms},"bytes":{},"sha256":"{sha256}"}}"#,
        body.len()
    )
    .into_bytes();
    frame.push(b'\n');
    frame.extend_from_slice(body);
    frame
}

/// The frame that begins at `offset`; `None` at the end of the segment.
pub(crate) fn decode(bytes: &[u8], offset: usize) -> Option<Result<Frame<'_>, Broken>> {
    let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
    Some(decode_one(rest, offset))
}

/// True when some whole frame begins after `offset`.
pub(crate) fn whole_frame_after(bytes: &[u8], offset: usize) -> bool {
    next_whole_frame(bytes, offset).is_some()
}

/// Where the first whole frame after `offset` begins.
pub(crate) fn next_whole_frame(bytes: &[u8], offset: usize) -> Option<usize> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let mut starts =
        rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| offset + at + 1);
    starts.find(|start| {
        bytes[*start..].starts_with(BEGINNING)
            && matches!(decode(bytes, *start), Some(Ok(_) | Err(Broken::Newer(_))))
    })
}

fn decode_one(rest: &[u8], offset: usize) -> Result<Frame<'_>, Broken> {
    let line_end = rest.iter().take(LONGEST_HEADER).position(|byte| *byte == b'\n').ok_or(Broken::Damaged)?;
    let header: Header = parse_header(&rest[..line_end])?;
    let start = line_end + 1;
    let length = usize::try_from(header.bytes).map_err(|_| Broken::Damaged)?;
    let end = start.checked_add(length).ok_or(Broken::Damaged)?;
    let body = rest.get(start..end).ok_or(Broken::Damaged)?;
    if checksum(header.commit, header.events, header.received_ms, body) != header.sha256 {
        return Err(Broken::Damaged);
    }
    Ok(Frame {
        first: header.commit,
        events: header.events,
        received_ms: header.received_ms,
        body,
        end: offset + end,
    })
}

fn parse_header(line: &[u8]) -> Result<Header, Broken> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let version: Version = serde_json::from_slice(line).map_err(|_| Broken::Damaged)?;
    if version.format != FORMAT {
        return Err(Broken::Newer(version.format));
    }
    serde_json::from_slice(line).map_err(|_| Broken::Damaged)
}

fn checksum(first: u64, events: u64, received_ms: i64, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(first.to_le_bytes());
    hash.update(events.to_le_bytes());
    hash.update(received_ms.to_le_bytes());
    hash.update(body);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_frames() -> (Vec<u8>, usize) {
        let mut bytes = encode(1, 5, [b"{\"a\":1}".as_slice(), b"{\"b\":2}"].into_iter());
        let first = bytes.len();
        bytes.extend(encode(3, 6, [b"{\"c\":3}".as_slice()].into_iter()));
        (bytes, first)
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let (bytes, first) = two_frames();
        let frame = decode(&bytes, 0).unwrap().unwrap();
        assert_eq!((frame.first, frame.events, frame.received_ms, frame.end), (1, 2, 5, first));
        assert_eq!(frame.lines().collect::<Vec<_>>(), [b"{\"a\":1}", b"{\"b\":2}"]);
        let next = decode(&bytes, frame.end).unwrap().unwrap();
        assert_eq!((next.first, next.end), (3, bytes.len()));
        assert!(decode(&bytes, next.end).is_none());
    }

    #[test]
    fn a_gap_has_numbers_and_no_events_and_what_follows_it_is_read() {
        let mut bytes = encode_gap(3, 300, 5);
        let gap = bytes.len();
        bytes.extend(encode(303, 6, [b"{\"c\":3}".as_slice()].into_iter()));
        let frame = decode(&bytes, 0).unwrap().unwrap();
        assert_eq!((frame.first, frame.events, frame.received_ms, frame.end), (3, 300, 5, gap));
        assert!(frame.is_gap() && frame.numbered().next().is_none());
        let next = decode(&bytes, frame.end).unwrap().unwrap();
        assert_eq!(next.numbered().collect::<Vec<_>>(), [(303, b"{\"c\":3}".as_slice())]);
        assert!(!next.is_gap());
        for cut in 1..gap {
            assert_eq!(decode(&bytes[..cut], 0), Some(Err(Broken::Damaged)), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_cut_at_any_byte_is_no_frame() {
        let (bytes, first) = two_frames();
        for cut in 1..first {
            assert_eq!(decode(&bytes[..cut], 0), Some(Err(Broken::Damaged)), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_may_begin_where_one_does_and_nowhere_within_it() {
        let (bytes, first) = two_frames();
        assert!([0, first].into_iter().all(|begin| may_begin(&bytes[begin..])));
        assert!(may_begin(&bytes[first..first + 4]) && may_begin(&[]));
        assert!((1..first).all(|within| !may_begin(&bytes[within..])));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (bytes, first) = two_frames();
        for at in 0..first {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed, 0).unwrap().is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_newer_format_is_not_taken_for_damage() {
        let bytes = b"{\"format\":2,\"anything\":true}\n".to_vec();
        assert_eq!(decode(&bytes, 0), Some(Err(Broken::Newer(2))));
    }

    #[test]
    fn a_whole_frame_behind_a_broken_one_is_found() {
        let (mut bytes, first) = two_frames();
        bytes[first - 3] ^= 1;
        assert!(whole_frame_after(&bytes, 0));
        bytes.truncate(bytes.len() - 1);
        assert!(!whole_frame_after(&bytes, 0));
    }
}

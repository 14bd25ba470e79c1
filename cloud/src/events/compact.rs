//! A segment without what is old: what stays keeps its number and the time it came in, and of what goes the numbers are left.
//!
//! Neighbours of one commit that stay are a commit of their own; what goes between two that stay is one gap (`frame`), over
//! however many commits. So a segment of which nothing stays has one line.

use super::error::StoreError;
use super::frame::{self, Frame};
use super::log::{STUB, scan};

/// The time of a gap in which nothing was old: who was forgotten left it behind, whose stubs tell of no time.
const NOTHING_OLD_MS: i64 = 0;

/// The bytes of a segment without the events before number `end` that do not stay, and how many went. Stubs of what was
/// erased go without being counted.
pub(super) fn compacted(
    name: &str,
    bytes: &[u8],
    end: u64,
    stays: &dyn Fn(u64, &[u8]) -> bool,
) -> Result<(Vec<u8>, u64), StoreError> {
    let (mut writing, mut begin) = (Writing::default(), 0);
    scan(name, bytes, false, |frame| {
        let whole = &bytes[begin..frame.end];
        begin = frame.end;
        if frame.first >= end {
            writing.keep(whole);
        } else {
            writing
                .commit(frame, whole, &|number, line| number >= end || (line != STUB && stays(number, line)));
        }
        Ok(())
    })?;
    writing.close_gap();
    Ok((writing.bytes, writing.gone))
}

/// A segment that is written anew.
#[derive(Debug, Default)]
struct Writing {
    bytes: Vec<u8>,
    /// What went since the last event that stays: its first number, how many, when the latest came in of those that were old.
    gap: Option<(u64, u64, i64)>,
    gone: u64,
}

impl Writing {
    fn commit(&mut self, frame: &Frame<'_>, whole: &[u8], stays: &dyn Fn(u64, &[u8]) -> bool) {
        if frame.is_gap() {
            return self.let_go(frame.first, frame.events, frame.received_ms);
        }
        let lines: Vec<(u64, &[u8], bool)> =
            frame.numbered().map(|(number, line)| (number, line, stays(number, line))).collect();
        if lines.iter().all(|(_, _, stays)| *stays) {
            return self.keep(whole);
        }
        for run in lines.chunk_by(|(_, _, one), (_, _, other)| one == other) {
            let Some(&(first, _, stays)) = run.first() else { continue };
            if stays {
                self.keep(&frame::encode(first, frame.received_ms, run.iter().map(|(_, line, _)| *line)));
            } else {
                let old = run.iter().filter(|(_, line, _)| *line != STUB).count() as u64;
                self.gone += old;
                let old_ms = if old > 0 { frame.received_ms } else { NOTHING_OLD_MS };
                self.let_go(first, run.len() as u64, old_ms);
            }
        }
    }

    fn keep(&mut self, whole: &[u8]) {
        self.close_gap();
        self.bytes.extend_from_slice(whole);
    }

    /// Events follow each other without a hole, so what goes one after the other is one gap. Whoever reads it must not take
    /// hours for incomplete of which nothing went by age, so a stub's commit, which may be of today, does not date it.
    fn let_go(&mut self, first: u64, events: u64, old_ms: i64) {
        self.gap = Some(match self.gap {
            Some((begin, before, latest_ms)) => (begin, before + events, latest_ms.max(old_ms)),
            None => (first, events, old_ms),
        });
    }

    fn close_gap(&mut self) {
        if let Some((first, events, latest_ms)) = self.gap.take() {
            self.bytes.extend(frame::encode_gap(first, events, latest_ms));
        }
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;

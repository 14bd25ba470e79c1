//! A log of records.

use std::fmt::Debug;
use std::ops::{ControlFlow, Range};

use crate::events::StoreError;

/// A log of records as its one writer has it: they are added at the end, in batches, and numbered from 1 without a gap. A
/// record keeps its number for good.
///
/// Nothing in a log changes but that people are forgotten, and that what is old goes: the records that somebody says go, the
/// numbers of the others stay. People go in two steps, since every log has a part that its writer is at: what is settled goes
/// beside the writer ([`LogEraser`]), what was appended since in a moment in which nothing is ([`Log::erase_from`]). What is
/// old is settled ([`LogEraser::compact`]).
pub trait Log: Debug + Send {
    /// The number that the next record gets.
    fn end(&self) -> u64;

    /// Adds records as one batch, which is read as a whole or not at all; it survives a power cut when this returns. Answers
    /// their numbers.
    ///
    /// # Errors
    /// Nothing of the batch is promised. After [`StoreError::Failed`] the log takes nothing more until it is opened again.
    fn append(&mut self, records: &[&[u8]], now_ms: i64) -> Result<Range<u64>, StoreError>;

    /// Writes down how far it is acknowledged, where a loss at the end would be taken for what nobody was told of. It costs what a
    /// batch or two cost, and nothing where nothing was appended since.
    fn write_down(&mut self) {}

    /// A reader that begins after record number `seen`.
    fn reader(&self, seen: u64) -> Box<dyn LogReader> {
        self.eraser().reader(seen)
    }

    /// What takes records out beside the writer.
    fn eraser(&self) -> Box<dyn LogEraser>;

    /// Takes out, durably, the records from number `number` on that `is_erased` says; answers how many. Of others nothing is
    /// promised to be looked at.
    ///
    /// # Errors
    /// A part may be gone already; doing it again does no harm.
    fn erase_from(&mut self, number: u64, is_erased: &dyn Fn(&[u8]) -> bool) -> Result<u64, StoreError>;
}

/// What takes records out of a log while others are appended.
pub trait LogEraser: Debug + Send {
    /// As [`Log::reader`], for whoever erases: the writer is not asked.
    fn reader(&self, seen: u64) -> Box<dyn LogReader>;

    /// Takes out, durably, the records that `is_erased` says of the part of the log that is settled, also of what becomes so
    /// meanwhile.
    ///
    /// # Errors
    /// A part may be gone already; doing it again does no harm.
    fn erase_settled(&mut self, is_erased: &dyn Fn(&[u8]) -> bool) -> Result<Settled, StoreError>;

    /// Takes out, durably, of the part of the log that is settled the records before number `end` that do not stay, as
    /// `stays` says by number and record; answers how many. Their room is free again. Of what is not settled nothing is
    /// promised to be looked at. Whoever else takes records out has to wait: one of the two would bring back what the other
    /// took.
    ///
    /// # Errors
    /// A part may be gone already; doing it again does no harm.
    fn compact(&mut self, end: u64, stays: &dyn Fn(u64, &[u8]) -> bool) -> Result<u64, StoreError>;
}

/// How far an erasure came beside the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The first record that was not looked at: [`Log::erase_from`] goes on there.
    pub next: u64,
    /// How many records went.
    pub gone: u64,
}

/// A reader of a log, which needs no leave of the writer. It keeps its place; whoever needs the place after a restart keeps
/// it together with what was made of what was read, and begins there.
pub trait LogReader: Debug + Send {
    /// The number of the last record that was read.
    fn seen(&self) -> u64;

    /// The number that the next record gets, by the end of the log alone.
    ///
    /// # Errors
    /// As [`LogReader::read`].
    fn end(&self) -> Result<u64, StoreError>;

    /// Shows batches in order to `each`, as long as one begins at number `last` or before and `each` wants more. The batch at
    /// which `each` ends or fails does not count as read. A batch may be read a moment before it is durable: who acts on it names as
    /// `last` what was acknowledged.
    ///
    /// # Errors
    /// The log cannot be read or is damaged, also once where records were taken out under the reader; or what `each` says.
    fn read(
        &mut self,
        last: u64,
        each: &mut dyn FnMut(&Batch<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<ControlFlow<()>, StoreError>;
}

/// Records that were appended together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<'a> {
    /// When they were, in milliseconds since 1970. Of a gap, when the latest of what was old was; 0 where nothing was and all in
    /// it had been taken out before.
    pub appended_ms: i64,
    /// Whether all of it was old and went ([`LogEraser::compact`]), of one batch or of several; who was forgotten leaves none
    /// until what lies around is old.
    pub is_gap: bool,
    /// Those that were neither read before nor taken out, with their numbers, ascending.
    pub records: Vec<(u64, &'a [u8])>,
}

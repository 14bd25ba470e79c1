//! One run: ids in ascending order, in a file without a name.
//!
//! The file is gone with the process, however that ends, and no backup, list or erasure sees it. A start makes runs anew from the log.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::filter::Filter;
use super::part::Set;
use crate::events::ledger::Fingerprint;
use crate::monitor::free_bytes;

/// Ids of a block, which is read and checked as a whole.
const BLOCK: usize = 256;
const ID_BYTES: usize = 16;
/// Blocks that are read at once of a run that is merged.
const READ: usize = 64;
/// Bytes that are written at once.
const WRITTEN: usize = 8 << 20;
/// Bytes that a run leaves free on the disk: they are the log's.
const SPARE: u64 = 256 << 20;
/// Ids after which a merge lets other work be done.
const PAUSE: usize = 1 << 16;

/// A run that is written.
#[derive(Debug)]
pub(super) struct Run {
    file: File,
    filter: Filter,
    /// Of each block.
    checksums: Vec<u32>,
    len: usize,
}

impl Run {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether the id is in it.
    ///
    /// # Errors
    /// It may be, and the disk does not say.
    pub(super) fn contains(&self, id: Fingerprint) -> io::Result<bool> {
        let places = self.filter.places(id);
        if places.is_empty() {
            return Ok(false);
        }
        // Hardly ever more than one block.
        for block in places.start / BLOCK..places.end.div_ceil(BLOCK) {
            if self.blocks(block, 1)?.binary_search(&id).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The ids of up to `count` blocks from block `first` on.
    fn blocks(&self, first: usize, count: usize) -> io::Result<Vec<Fingerprint>> {
        let ids = self.len.saturating_sub(first * BLOCK).min(count * BLOCK);
        let mut bytes = vec![0_u8; ids * ID_BYTES];
        self.file.read_exact_at(&mut bytes, (first * BLOCK * ID_BYTES) as u64)?;
        let (ids, _) = bytes.as_chunks::<ID_BYTES>();
        let ids: Vec<_> = ids.iter().map(|id| Fingerprint::from_le_bytes(*id)).collect();
        let mut blocks = ids.chunks(BLOCK).zip(&self.checksums[first..]);
        match blocks.all(|(block, expected)| checksum(block) == *expected) {
            true => Ok(ids),
            false => Err(io::Error::other("they came back from the disk otherwise than they were written")),
        }
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.filter.memory_bytes() + self.checksums.capacity() * size_of::<u32>()
    }

    /// Changes a bit of every block.
    #[cfg(test)]
    pub(super) fn damage(&self) {
        for block in 0..self.checksums.len() {
            let (at, mut byte) = ((block * BLOCK * ID_BYTES) as u64, [0]);
            self.file.read_exact_at(&mut byte, at).unwrap();
            self.file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        }
    }
}

/// Writes a set as a run.
///
/// # Errors
/// The disk refused, or has too little room.
pub(super) fn write(folder: &Path, set: &Set) -> io::Result<Run> {
    let mut writer = Writer::create(folder, set.len())?;
    let mut ids: Vec<_> = set.iter().copied().collect();
    ids.sort_unstable();
    ids.into_iter().try_for_each(|id| writer.push(id))?;
    writer.finish()
}

/// Writes runs as one, and calls `pause` now and then.
///
/// # Errors
/// As [`write`]; one of the runs cannot be read; or what `pause` said.
pub(super) fn merge(folder: &Path, runs: &[Arc<Run>], pause: &dyn Fn() -> io::Result<()>) -> io::Result<Run> {
    let mut writer = Writer::create(folder, runs.iter().map(|run| run.len()).sum())?;
    let mut readers: Vec<_> = runs.iter().map(|run| Reader::new(run)).collect();
    let mut least = BinaryHeap::new();
    for (place, reader) in readers.iter_mut().enumerate() {
        least.extend(reader.take()?.map(|id| Reverse((id, place))));
    }
    while let Some(Reverse((id, place))) = least.pop() {
        writer.push(id)?;
        if writer.len.is_multiple_of(PAUSE) {
            pause()?;
        }
        least.extend(readers[place].take()?.map(|id| Reverse((id, place))));
    }
    writer.finish()
}

/// Reads a run from its least id on.
struct Reader<'a> {
    run: &'a Run,
    /// The block to read next.
    block: usize,
    ids: std::vec::IntoIter<Fingerprint>,
}

impl<'a> Reader<'a> {
    fn new(run: &'a Run) -> Self {
        Self { run, block: 0, ids: Vec::new().into_iter() }
    }

    fn take(&mut self) -> io::Result<Option<Fingerprint>> {
        if self.ids.len() == 0 {
            self.ids = self.run.blocks(self.block, READ)?.into_iter();
            self.block = (self.block + READ).min(self.run.checksums.len());
        }
        Ok(self.ids.next())
    }
}

/// A run that is being written.
struct Writer {
    file: File,
    filter: Filter,
    checksums: Vec<u32>,
    len: usize,
    last: Option<Fingerprint>,
    /// The ids of the block that has begun.
    block: Vec<Fingerprint>,
    /// What is not written yet.
    bytes: Vec<u8>,
}

impl Writer {
    /// For so many ids at most.
    fn create(folder: &Path, ids: usize) -> io::Result<Self> {
        if free_bytes(folder)? < SPARE.saturating_add((ids * ID_BYTES) as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            filter: Filter::new(ids),
            checksums: Vec::with_capacity(ids.div_ceil(BLOCK)),
            len: 0,
            last: None,
            block: Vec::with_capacity(BLOCK),
            bytes: Vec::new(),
        })
    }

    /// Takes in an id that is not below those before it; one that came before is passed over.
    fn push(&mut self, id: Fingerprint) -> io::Result<()> {
        if self.last.replace(id) == Some(id) {
            return Ok(());
        }
        self.filter.push(id);
        self.block.push(id);
        self.len += 1;
        if self.block.len() == BLOCK {
            self.end_block();
        }
        if self.bytes.len() >= WRITTEN {
            self.write()?;
            // Not to last, but so that gigabytes do not lie in front of the next sync of the log.
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        self.checksums.push(checksum(&self.block));
        self.block.drain(..).for_each(|id| self.bytes.extend_from_slice(&id.to_le_bytes()));
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Run> {
        if !self.block.is_empty() {
            self.end_block();
        }
        self.write()?;
        self.filter.finish();
        let Self { file, filter, checksums, len, .. } = self;
        Ok(Run { file, filter, checksums, len })
    }
}

/// Changes with every change of one half of one id, and nearly surely with any other.
fn checksum(ids: &[Fingerprint]) -> u32 {
    let halves = ids.iter().flat_map(|id| [(id >> 64) as u64, *id as u64]);
    // Each step can be undone, so none loses what the steps before it saw.
    let sum = halves
        .fold(ids.len() as u64, |sum, half| (sum ^ half).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    (sum ^ (sum >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ledger::fingerprint;

    fn set(numbers: std::ops::Range<usize>) -> Set {
        numbers.map(|number| fingerprint(&number.to_string())).collect()
    }

    fn holds(run: &Run, set: &Set) -> usize {
        set.iter().filter(|id| run.contains(**id).unwrap()).count()
    }

    #[test]
    fn a_run_holds_what_it_was_made_of_in_two_and_a_half_bytes_of_memory_each() {
        let folder = std::env::temp_dir();
        for count in [1, 255, 256, 257, 40_000] {
            let run = write(&folder, &set(0..count)).unwrap();
            assert_eq!((run.len(), holds(&run, &set(0..count))), (count, count));
            assert_eq!(holds(&run, &set(count..count + 5_000)), 0);
        }
        let run = write(&folder, &set(0..40_000)).unwrap();
        assert!(run.memory_bytes() * 2 < 40_000 * 5, "{} bytes", run.memory_bytes());
    }

    #[test]
    fn runs_become_one_with_each_id_once() {
        let folder = std::env::temp_dir();
        let runs: Vec<_> = [0..20_000, 20_000..20_001, 10_000..60_000, 0..1]
            .map(|numbers| Arc::new(write(&folder, &set(numbers)).unwrap()))
            .into();
        let merged = merge(&folder, &runs, &|| Ok(())).unwrap();
        assert_eq!((merged.len(), holds(&merged, &set(0..60_000))), (60_000, 60_000));
        assert_eq!(holds(&merged, &set(60_000..65_000)), 0);
    }

    #[test]
    fn a_merge_ends_when_it_is_told_to() {
        let folder = std::env::temp_dir();
        let runs = [Arc::new(write(&folder, &set(0..PAUSE + 1)).unwrap())];
        let error = merge(&folder, &runs, &|| Err(io::ErrorKind::Interrupted.into())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn what_comes_back_changed_is_neither_answered_from_nor_merged() {
        let folder = std::env::temp_dir();
        let (came, never) = (set(0..1_000), set(1_000..2_000));
        let run = Arc::new(write(&folder, &came).unwrap());
        run.damage();
        assert!(came.iter().all(|id| run.contains(*id).is_err()));
        assert!(never.iter().all(|id| !matches!(run.contains(*id), Ok(true))));
        assert!(merge(&folder, &[run], &|| Ok(())).is_err());
    }
}

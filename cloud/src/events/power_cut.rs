//! A disk for tests that keeps only what was synced when its power is cut.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::Disk;

#[derive(Debug, Clone, Default)]
struct Segment {
    written: Vec<u8>,
    durable: usize,
    /// A sync failed: the system calls what lies above `durable` clean, and no later sync writes it.
    lost: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    segments: BTreeMap<String, Segment>,
    /// Pretends that a sync had happened: the fault the tests must be able to see.
    pub(crate) lies_about_sync: bool,
    /// What a power cut brings back in the place of what was replaced under that pretence; none where nothing was there.
    undone: BTreeMap<String, Option<Segment>>,
    /// Bytes that still fit before the disk is full.
    pub(crate) room: Option<usize>,
    /// The next sync fails.
    pub(crate) sync_fails: bool,
    /// The next segment is made and its name not known to be durable.
    pub(crate) create_fails: bool,
    /// The next segment that is replaced is, and that is not known to be durable.
    pub(crate) replace_fails: bool,
    /// How often a sync was asked for.
    pub(crate) syncs: usize,
}

/// Something that waits, once, until the other end is let go of.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<Mutex<Option<Receiver<()>>>>);

impl Gate {
    fn hold(&self) -> Sender<()> {
        let (held, released) = channel();
        *self.0.lock().unwrap() = Some(released);
        held
    }

    fn pass(&self) {
        let held = self.0.lock().unwrap().take();
        if let Some(released) = held {
            // An error says that the other end is gone, which is what is waited for.
            let _ = released.recv();
        }
    }
}

/// Handles to the same disk; it survives the store that wrote to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct PowerCutDisk {
    state: Arc<Mutex<State>>,
    sync: Gate,
    replace: Gate,
}

impl PowerCutDisk {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next sync takes as long as the returned handle lives.
    pub(crate) fn hold_next_sync(&self) -> Sender<()> {
        self.sync.hold()
    }

    /// The next segment that is replaced takes as long as the returned handle lives.
    pub(crate) fn hold_next_replace(&self) -> Sender<()> {
        self.replace.hold()
    }

    /// Whether a segment that was held is being replaced.
    pub(crate) fn is_replacing(&self) -> bool {
        self.replace.0.lock().unwrap().is_none()
    }

    /// The disk after a power cut: of what was not synced, the first `kept` bytes of each segment survive,
    /// and the byte `flipped` of those arrives changed.
    pub(crate) fn after_power_cut(&self, kept: usize, flipped: Option<usize>) -> Self {
        let mut state = self.state().clone();
        for (name, before) in std::mem::take(&mut state.undone) {
            state.segments.remove(&name);
            state.segments.extend(before.map(|segment| (name, segment)));
        }
        for segment in state.segments.values_mut() {
            let length = segment.written.len().min(segment.durable + kept);
            segment.written.truncate(length);
            if let Some(byte) = flipped.and_then(|at| segment.written.get_mut(segment.durable + at)) {
                *byte ^= 0xff;
            }
            segment.durable = length;
            segment.lost = false;
        }
        state.room = None;
        state.lies_about_sync = false;
        Self { state: Arc::new(Mutex::new(state)), ..Self::default() }
    }

    /// The most bytes of one segment that are written and not yet synced.
    pub(crate) fn unsynced(&self) -> usize {
        self.state()
            .segments
            .values()
            .map(|segment| segment.written.len() - segment.durable)
            .max()
            .unwrap_or(0)
    }

    /// A disk whose only segment holds `bytes`.
    pub(crate) fn holding(name: &str, bytes: &[u8]) -> Self {
        let disk = Self::default();
        let segment = Segment { written: bytes.to_vec(), durable: bytes.len(), lost: false };
        disk.state().segments.insert(name.to_owned(), segment);
        disk
    }
}

impl Disk for PowerCutDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().segments.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.segments.get(name).map(|segment| segment.written.clone()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if state.segments.get(name).is_some_and(|segment| !segment.written.is_empty()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.segments.insert(name.to_owned(), Segment::default());
        if std::mem::take(&mut state.create_fails) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fits = state.room.unwrap_or(usize::MAX).min(bytes.len());
        state.room = state.room.map(|room| room - fits);
        let segment = state.segments.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        segment.written.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.sync.pass();
        let mut state = self.state();
        state.syncs += 1;
        if std::mem::take(&mut state.sync_fails) {
            state.segments.get_mut(name).ok_or(io::ErrorKind::NotFound)?.lost = true;
            return Err(io::Error::other("the device is gone"));
        }
        if !state.lies_about_sync
            && let Some(segment) = state.segments.get_mut(name)
            && !segment.lost
        {
            segment.durable = segment.written.len();
        }
        Ok(())
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut state = self.state();
        let segment = state.segments.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        segment.written.truncate(usize::try_from(length).unwrap());
        segment.durable = segment.durable.min(segment.written.len());
        segment.lost &= segment.durable < segment.written.len();
        Ok(())
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace.pass();
        self.set_aside(name, bytes)?;
        match std::mem::take(&mut self.state().replace_fails) {
            true => Err(io::Error::other("the device is gone")),
            false => Ok(()),
        }
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.state().segments.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn set_aside(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let segment = Segment { written: bytes.to_vec(), durable: bytes.len(), lost: false };
        let mut state = self.state();
        let before = state.segments.insert(name.to_owned(), segment);
        if state.lies_about_sync {
            state.undone.entry(name.to_owned()).or_insert(before);
        }
        Ok(())
    }
}

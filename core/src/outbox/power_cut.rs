//! A disk for tests that keeps only what was synced when its power is cut, and that can die in the middle of anything.

use std::cell::RefCell;
use std::rc::Rc;

use super::Disk;
use crate::error::{Code, Error, Result};

#[derive(Debug, Clone, Default)]
struct Content {
    written: Vec<u8>,
    /// How much of it is synced.
    durable: usize,
    /// What the name stands for after a power cut, while the rename that put `written` in its place is not durable.
    older: Option<Vec<u8>>,
    replacements: usize,
    /// Pretends that a sync had happened: the fault the tests must be able to see.
    lies_about_sync: bool,
    /// Writes and syncs that still succeed before the device dies.
    deeds_left: Option<usize>,
}

/// Handles to the same disk; it survives the store that wrote to it.
#[derive(Debug, Clone, Default)]
pub(super) struct PowerCutDisk(Rc<RefCell<Content>>);

impl PowerCutDisk {
    /// A disk whose syncs do nothing.
    pub(super) fn lying() -> Self {
        Self(Rc::new(RefCell::new(Content { lies_about_sync: true, ..Content::default() })))
    }

    /// A disk that dies after so many writes and syncs.
    pub(super) fn dying_after(deeds: usize) -> Self {
        let disk = Self::default();
        disk.die_after(deeds);
        disk
    }

    /// Makes it die after so many writes and syncs.
    pub(super) fn die_after(&self, deeds: usize) {
        self.0.borrow_mut().deeds_left = Some(deeds);
    }

    /// The disk after a power cut: of what was not synced, the first `kept` bytes survive.
    pub(super) fn after_power_cut(&self, kept: usize) -> Self {
        let content = self.0.borrow();
        let length = content.written.len().min(content.durable + kept);
        Self::holding(content.written[..length].to_vec())
    }

    /// All that the disk may be after a power cut: every byte of what was not synced, or some of it when it is much, and
    /// the content before a rename that is not durable.
    pub(super) fn after_power_cuts(&self) -> Vec<Self> {
        let unsynced = self.0.borrow().written.len() - self.0.borrow().durable;
        let cuts = (0..=unsynced).step_by(1 + unsynced / 500).map(|kept| self.after_power_cut(kept));
        cuts.chain(self.0.borrow().older.clone().map(Self::holding)).collect()
    }

    fn holding(written: Vec<u8>) -> Self {
        let durable = written.len();
        Self(Rc::new(RefCell::new(Content { written, durable, ..Content::default() })))
    }

    /// How often the whole content was replaced.
    pub(super) fn replacements(&self) -> usize {
        self.0.borrow().replacements
    }

    /// Makes a dead device work again, as when it was unplugged for a moment.
    pub(super) fn revive(&self) {
        self.0.borrow_mut().deeds_left = None;
    }

    /// Whether the device still works, one deed later.
    fn works(&self) -> bool {
        match &mut self.0.borrow_mut().deeds_left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

fn died<T>() -> Result<T> {
    Err(Error::new(Code::StorageFailed, "the device is gone."))
}

impl Disk for PowerCutDisk {
    fn read(&mut self) -> Result<Vec<u8>> {
        Ok(self.0.borrow().written.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        // A device that dies in a write has written some of it.
        let part = if self.works() { bytes.len() } else { bytes.len() / 2 };
        self.0.borrow_mut().written.extend_from_slice(&bytes[..part]);
        if part < bytes.len() { died() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        if !self.works() {
            return died();
        }
        let mut content = self.0.borrow_mut();
        if !content.lies_about_sync {
            content.durable = content.written.len();
        }
        Ok(())
    }

    /// Two deeds: the rename, then the sync of the folder that makes it durable.
    fn replace(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.works() {
            return died();
        }
        {
            let mut content = self.0.borrow_mut();
            let durable = content.written[..content.durable].to_vec();
            content.older.get_or_insert(durable);
            content.replacements += 1;
            // A file that was never synced may be found empty.
            content.durable = if content.lies_about_sync { 0 } else { bytes.len() };
            content.written = bytes.to_vec();
        }
        if !self.works() {
            return died();
        }
        self.0.borrow_mut().older = None;
        Ok(())
    }
}

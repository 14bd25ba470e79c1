//! Objects by number, so that C cannot reach one that is gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Result, SegueError};

/// The open objects of one kind. A number is never given twice, and none is 0.
pub(super) struct Handles<T> {
    last: AtomicU64,
    open: RwLock<BTreeMap<u64, Arc<T>>>,
}

impl<T> Handles<T> {
    pub(super) const fn new() -> Self {
        Self { last: AtomicU64::new(0), open: RwLock::new(BTreeMap::new()) }
    }

    pub(super) fn add(&self, object: T) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::new(object));
        number
    }

    /// The object, which lives for as long as the answer is held, also when it is closed meanwhile.
    ///
    /// # Errors
    /// `closed`.
    pub(super) fn get(&self, number: u64) -> Result<Arc<T>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&number).cloned().ok_or_else(|| SegueError::closed(format!("{number} is not open.")))
    }

    pub(super) fn close(&self, number: u64) -> Result<()> {
        let gone = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        // Dropped without the lock: a ranker takes a while.
        gone.map(drop).ok_or_else(|| SegueError::closed(format!("{number} is not open.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_closed_is_out_of_reach_and_lives_for_whoever_is_inside() {
        let handles = Handles::new();
        let number = handles.add("engine");
        let inside = handles.get(number).unwrap();
        handles.close(number).unwrap();
        assert_eq!(*inside, "engine");
        assert_eq!(handles.get(number).unwrap_err().code(), "closed");
        assert_eq!(handles.close(number).unwrap_err().code(), "closed");
        assert_ne!(handles.add("another"), number);
    }
}

//! Something that many threads use one after the other.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// A value and the queue before it: a mutex whose wait can end, which the standard one has not.
pub(crate) struct Turns<T> {
    is_taken: Mutex<bool>,
    returned: Condvar,
    /// Locked only by the thread whose turn it is.
    value: Mutex<T>,
}

/// Gives the turn back when the work is done, or has panicked.
struct Turn<'a>(&'a Mutex<bool>, &'a Condvar);

impl<T> Turns<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { is_taken: Mutex::new(false), returned: Condvar::new(), value: Mutex::new(value) }
    }

    /// Works with the value when its turn comes; `None` when it has not come before `end`.
    pub(crate) fn take<R>(&self, end: Option<Instant>, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        let turn = self.turn(end)?;
        let result = work(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
        drop(turn);
        Some(result)
    }

    fn turn(&self, end: Option<Instant>) -> Option<Turn<'_>> {
        let mut is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            is_taken = match end {
                None => self.returned.wait(is_taken).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
                    let waited = self.returned.wait_timeout(is_taken, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *is_taken = true;
        Some(Turn(&self.is_taken, &self.returned))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.1.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn threads_work_one_after_the_other() {
        let turns = Turns::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1_000).for_each(|_| turns.take(None, |sum| *sum += 1).unwrap()));
            }
        });
        assert_eq!(turns.take(None, |sum| *sum), Some(8_000));
    }

    #[test]
    fn whoever_said_until_when_is_not_kept_longer() {
        let turns = Turns::new(());
        let (inside, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let work = move |_: &mut ()| {
                inside.send(()).unwrap();
                left.recv().unwrap();
            };
            let turns = &turns;
            scope.spawn(move || turns.take(None, work));
            entered.recv().unwrap();
            assert_eq!(turns.take(Some(Instant::now()), |()| ()), None);
            leave.send(()).unwrap();
            assert_eq!(turns.take(None, |()| ()), Some(()));
        });
    }

    #[test]
    fn a_panic_gives_the_turn_back() {
        let turns = Turns::new(1);
        assert!(catch_unwind(AssertUnwindSafe(|| turns.take(None, |_| panic!("inside")))).is_err());
        assert_eq!(turns.take(Some(Instant::now()), |value| *value), Some(1));
    }
}

//! How long to wait after a failure: exponentially longer, spread by chance, and as long as the service asks.

use crate::limits::{OUTBOX_LONGEST_WAIT_MS, OUTBOX_RETRY_AFTER_MS};
use crate::scramble::{STEP, scramble};

/// The first wait, in milliseconds, before chance halves it at most.
const FIRST_WAIT_MS: u64 = 1_000;

/// Failures in a row, and the wait they led to.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    failures: u32,
    failed_at_ms: i64,
    wait_ms: u64,
    /// Whether the service asked for this wait, so that a network coming back does not end it.
    asked: bool,
    random: u64,
}

impl Backoff {
    /// No failure yet. Clients of different seeds spread their retries.
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, failed_at_ms: 0, wait_ms: 0, asked: false, random: seed }
    }

    /// Another failure at `now_ms`; the service may have asked for a wait.
    pub(super) fn failed(&mut self, now_ms: i64, retry_after_ms: Option<u64>) {
        let doubled = FIRST_WAIT_MS.saturating_mul(1 << self.failures.min(20));
        let longest = doubled.min(OUTBOX_LONGEST_WAIT_MS);
        let spread = longest / 2 + self.draw() % (longest / 2 + 1);
        self.failures = self.failures.saturating_add(1);
        self.failed_at_ms = now_ms;
        self.asked = retry_after_ms.is_some();
        self.wait_ms = match retry_after_ms {
            // Everybody is asked for the same wait; the spread keeps them from coming back at once.
            Some(asked) => asked.min(OUTBOX_RETRY_AFTER_MS).saturating_add(spread),
            None => spread,
        };
    }

    /// The service answered as it should.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.wait_ms = 0;
    }

    /// The network is back: a wait that the service did not ask for ends.
    pub(super) fn wake(&mut self) {
        if !self.asked {
            self.wait_ms = 0;
        }
    }

    /// Milliseconds left to wait. A clock that was set back ends the wait instead of prolonging it.
    pub(super) fn left_ms(&self, now_ms: i64) -> u64 {
        match u64::try_from(now_ms.saturating_sub(self.failed_at_ms)) {
            Ok(passed) => self.wait_ms.saturating_sub(passed),
            Err(_) => 0,
        }
    }

    fn draw(&mut self) -> u64 {
        let drawn = scramble(self.random);
        self.random = self.random.wrapping_add(STEP);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(seed: u64, failures: usize) -> Vec<u64> {
        let mut backoff = Backoff::new(seed);
        let wait = |_| {
            backoff.failed(0, None);
            backoff.left_ms(0)
        };
        (0..failures).map(wait).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest_and_lie_in_the_upper_half() {
        for (failure, wait) in waits(7, 40).into_iter().enumerate() {
            let longest = (FIRST_WAIT_MS << failure.min(20)).min(OUTBOX_LONGEST_WAIT_MS);
            assert!((longest / 2..=longest).contains(&wait), "failure {failure} waits {wait}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_others_give_others() {
        assert_eq!(waits(1, 10), waits(1, 10));
        assert_ne!(waits(1, 10), waits(2, 10));
    }

    #[test]
    fn a_wait_asked_for_is_kept_even_when_the_network_comes_back() {
        let mut backoff = Backoff::new(1);
        backoff.failed(1_000, Some(30_000));
        backoff.wake();
        assert!(backoff.left_ms(1_000) >= 30_000);
        assert!(backoff.left_ms(30_999) > 0);
        assert_eq!(backoff.left_ms(32_001), 0);
        backoff.failed(40_000, None);
        backoff.wake();
        assert_eq!(backoff.left_ms(40_000), 0);
    }

    #[test]
    fn an_absurd_wait_is_cut_to_the_limit_and_a_clock_set_back_ends_it() {
        let mut backoff = Backoff::new(1);
        backoff.failed(1_000_000, Some(u64::MAX));
        assert!(backoff.left_ms(1_000_000) <= OUTBOX_RETRY_AFTER_MS + FIRST_WAIT_MS);
        assert_eq!(backoff.left_ms(999_999), 0);
        assert_eq!(Backoff { failed_at_ms: i64::MIN, ..backoff }.left_ms(i64::MAX), 0);
    }
}

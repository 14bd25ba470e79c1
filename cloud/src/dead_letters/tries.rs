//! How often rows were refused that are not kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::events::ledger;

/// How often an event is refused before it is kept.
pub(crate) const TRIES: u32 = 3;
/// Rows whose refusals are counted at once; where there are more, counting begins anew.
const COUNTED: usize = 10_000;
/// Bytes of rows that become letters within a minute; what is more becomes one when it is refused later.
const BYTES_A_MINUTE: usize = 1 << 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Refusals of each row, by the fingerprint of its text.
#[derive(Debug, Default)]
pub(super) struct Tries {
    of: HashMap<u128, u32>,
    /// When the minute began, and the bytes that became letters since.
    minute: Option<(Instant, usize)>,
}

impl Tries {
    /// Notes that a row was refused; true for the time that makes a letter of it.
    pub(super) fn is_last(&mut self, row: &Value, now: Instant) -> bool {
        if self.of.len() >= COUNTED {
            self.of.clear();
        }
        let text = row.to_string();
        let tries = self.of.entry(ledger::fingerprint(&text)).or_default();
        if *tries + 1 == TRIES && !has_room(&mut self.minute, text.len(), now) {
            return false;
        }
        *tries = tries.saturating_add(1);
        *tries == TRIES
    }
}

fn has_room(minute: &mut Option<(Instant, usize)>, bytes: usize, now: Instant) -> bool {
    let (_, taken) = match minute {
        Some(minute) if now.duration_since(minute.0) < MINUTE => minute,
        _ => minute.insert((now, 0)),
    };
    let fits = *taken == 0 || *taken + bytes <= BYTES_A_MINUTE;
    if fits {
        *taken += bytes;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_so_many_and_the_others_wait_for_the_next() {
        let rows = ["a", "b", "c"].map(|name| Value::from(name.repeat(BYTES_A_MINUTE / 2)));
        let (mut tries, begin) = (Tries::default(), Instant::now());
        let mut last = |row: usize, after: Duration| tries.is_last(&rows[row], begin + after);
        for _ in 1..TRIES {
            assert!((0..3).all(|row| !last(row, Duration::ZERO)));
        }
        assert!(last(0, Duration::ZERO) && !last(1, MINUTE / 2) && !last(1, MINUTE / 2));
        assert!(last(1, MINUTE) && !last(2, MINUTE), "the others' third time comes later");
        assert!(!last(0, MINUTE * 2), "once");
        assert!(last(2, MINUTE * 3));
    }
}

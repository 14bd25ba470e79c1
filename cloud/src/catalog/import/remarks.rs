//! What looks wrong about rows that were kept.

use std::collections::HashMap;

use segue_core::session::Event;

use crate::catalog::Item;

/// Milliseconds that are more likely seconds: of 2001 and later.
const SECONDS: std::ops::Range<i64> = 1_000_000_000..100_000_000_000;
/// Lengths in milliseconds that are more likely seconds, where the item lasts this many times as long and more.
const SHORT_MS: u64 = 1_000;
const TIMES_AS_LONG: u64 = 100;

/// Events before 1973 may be times in seconds: as such they are after 2001.
pub(super) fn of_times(sorted_ms: &[i64]) -> Option<String> {
    let place = |time_ms: i64| sorted_ms.partition_point(|time| *time < time_ms);
    let early = place(SECONDS.end) - place(SECONDS.start);
    (early > 0).then(|| {
        format!(
            "{early} of {} events lie before March 1973, as times in seconds would: `time_ms` is in milliseconds",
            sorted_ms.len()
        )
    })
}

/// Lengths that are a small part of what their items last may be given in seconds.
pub(super) fn of_lengths(items: &[Item], events: &[Event]) -> Option<String> {
    let durations: HashMap<&str, u64> =
        items.iter().filter_map(|item| Some((item.item.as_str(), item.duration_ms?))).collect();
    let told = events.iter().filter_map(|event| {
        let total_ms = event.total_ms.filter(|total_ms| *total_ms > 0)?;
        Some((total_ms, *durations.get(event.item.as_str())?))
    });
    let is_short = |(total_ms, duration_ms): (u64, u64)| {
        total_ms < SHORT_MS && duration_ms >= total_ms.saturating_mul(TIMES_AS_LONG)
    };
    let (short, all) =
        told.fold((0_u64, 0_u64), |(short, all), one| (short + u64::from(is_short(one)), all + 1));
    (2 * short > all).then(|| {
        format!(
            "{short} of {all} events have a `total_ms` below {SHORT_MS} about items that last {TIMES_AS_LONG} times as long \
             and more, as lengths in seconds would: `played_ms` and `total_ms` are in milliseconds"
        )
    })
}

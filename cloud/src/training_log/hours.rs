//! Events by the hour in which they came in.

use std::collections::BTreeMap;

use super::HOUR_MS;
use crate::events::Arrival;

/// Events by the hour of the service's clock, which never goes back here.
#[derive(Debug)]
pub(super) struct Hours {
    clock: i64,
    hours: BTreeMap<i64, Vec<Arrival>>,
}

impl Hours {
    /// None yet; the clock stands at hour `clock`.
    pub(super) fn from(clock: i64) -> Self {
        Self { clock, hours: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, arrival: Arrival) {
        self.clock = self.clock.max(arrival.received_ms.div_euclid(HOUR_MS));
        self.hours.entry(self.clock).or_default().push(arrival);
    }

    /// The first hour from `next` on that holds something and ended more than `hours` hours ago, by the newest event's
    /// time or by `now`, an hour too.
    pub(super) fn due(&self, next: i64, hours: i64, now: i64) -> Option<i64> {
        let hour = self.hours.range(next..).next().map(|(hour, _)| *hour);
        hour.filter(|hour| hour + hours < self.clock.max(now))
    }

    /// The events of these hours, in the order of arrival.
    pub(super) fn between(&self, from: i64, to: i64) -> impl Iterator<Item = &Arrival> {
        self.hours.range(from..=to).flat_map(|(_, arrivals)| arrivals)
    }

    /// Lets go of hours before `first`; the last of them, and the number of its last event.
    pub(super) fn forget(&mut self, first: i64) -> Option<(i64, u64)> {
        let kept = self.hours.split_off(&first);
        let gone = std::mem::replace(&mut self.hours, kept);
        let (hour, arrivals) = gone.into_iter().next_back()?;
        Some((hour, arrivals.last()?.number))
    }
}

//! Which events are known, and what time it is.

use crate::catalog::Catalogue;
use crate::towers::history::end_of_longer_log;

/// Which events are known, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Events from here on are unknown, and so are those that a split by user or by fold holds out; all events are
    /// known when it is absent.
    pub until_ms: Option<i64>,
    /// The clock: decides what is available.
    pub now_ms: i64,
}

impl Moment {
    /// Indices of the known events, in time order.
    pub fn known(self, catalogue: &Catalogue) -> impl Iterator<Item = usize> + '_ {
        let by_time = catalogue.split.rule.boundary_ms().is_some();
        let known = move |index: &usize| {
            self.until_ms.is_none_or(|until| {
                catalogue.events[*index].time_ms < until && (by_time || !catalogue.held_out[*index])
            })
        };
        (0..catalogue.events.len()).filter(known)
    }

    /// The time that ages are counted to: where knowledge ends, else the end of the log ([`end_of_longer_log`]), so that an
    /// old log is treated as it was when it ended. Events about unknown items do not count.
    #[must_use]
    pub fn as_of_ms(self, catalogue: &Catalogue) -> i64 {
        let end = || {
            let about_items = self.known(catalogue).filter(|index| catalogue.event_items[*index].is_some());
            let times: Vec<i64> = about_items.map(|index| catalogue.events[index].time_ms).collect();
            end_of_longer_log(&times, catalogue.folded.about_items())
        };
        self.until_ms.or_else(end).unwrap_or(self.now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::{EventKind, Rule, Split};

    #[test]
    fn what_is_held_out_is_known_only_to_who_asks_for_everything() {
        let mut catalogue = catalogue(4, 1);
        catalogue.split = Split::new(Rule::LeaveOneOut);
        catalogue.add_events(
            (0..3).map(|at| event(&at.to_string(), 0, at, EventKind::Complete, at as i64)).collect(),
        );
        let known = |until_ms| Moment { until_ms, now_ms: 9 }.known(&catalogue).count();
        assert_eq!((known(None), known(Some(100)), known(Some(1))), (3, 2, 1));
        assert_eq!(Moment { until_ms: None, now_ms: 9 }.as_of_ms(&catalogue), 2);
        let mut unknown = event("late", 0, 0, EventKind::Skip, 1_000_000);
        unknown.item = "no-such-item".into();
        catalogue.add_events(vec![unknown]);
        assert_eq!(Moment { until_ms: None, now_ms: 9 }.as_of_ms(&catalogue), 2);
        assert_eq!(Moment { until_ms: None, now_ms: 9 }.as_of_ms(&super::super::tests::catalogue(1, 1)), 9);
    }
}

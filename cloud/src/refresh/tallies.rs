//! What the events of each item come to by now: how well something did that is worth trying is known within seconds, not
//! after the next refresh.

use std::time::Instant;

use crate::catalog::Catalogue;
use crate::consumers::{Counters, Counting, Tally};

/// Times that the summing takes, until it is done again.
const REST: u32 = 10;

/// How far the log had come when it was summed, and when that may be done again: what takes long is done less often.
#[derive(Debug, Default)]
pub(super) struct Tallies(Option<(u64, Instant)>);

impl Tallies {
    /// The tallies of all items, where something was counted since the last time and that was not just now.
    pub(super) fn by_now(
        &mut self,
        catalogue: &Catalogue,
        imported: &[&Counters],
        counting: &Counting,
    ) -> Option<Vec<Tally>> {
        let (begun, before) = (Instant::now(), self.0);
        let is_new = |seen: u64| before.is_none_or(|(last, again)| last != seen && again <= begun);
        let summed = counting.ask(|lately, seen| {
            let all: Vec<&Counters> = imported.iter().copied().chain([lately]).collect();
            is_new(seen).then(|| (seen, sums(catalogue, &all)))
        });
        let (seen, tallies) = summed.flatten()?;
        self.0 = Some((seen, begun + begun.elapsed() * REST));
        Some(tallies)
    }
}

fn sums(catalogue: &Catalogue, counters: &[&Counters]) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); catalogue.items.len()];
    for counters in counters {
        let places: Vec<Option<usize>> =
            counters.items().iter().map(|item| catalogue.item_index(item)).collect();
        for ((_, item), tally) in counters.days().flat_map(|(_, cells)| cells) {
            if let Some(place) = places[*item as usize] {
                tallies[place] += *tally;
            }
        }
    }
    tallies
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::candidates::CandidateFacts;
    use crate::catalog::EventKind;

    #[test]
    fn the_sums_of_counters_are_what_a_refresh_counts() {
        let mut catalogue = catalogue(6, 3);
        let kinds = [EventKind::Impression, EventKind::Complete, EventKind::Skip, EventKind::Like];
        let told = |at: usize| {
            event(&format!("{at:02}"), at % 3, at % 5, kinds[at % 4].clone(), at as i64 * 40_000_000)
        };
        catalogue.add_events((0..60).map(told).collect());
        let of = |events: std::ops::Range<usize>| Counters::of(&catalogue, events, 60 * 40_000_000);
        let facts = CandidateFacts::new(&catalogue, 0..60, 0);
        let wanted: Vec<Tally> = (0..6).map(|item| facts.tally(item)).collect();
        assert_eq!(sums(&catalogue, &[&of(0..20), &of(20..60)]), wanted);
    }
}

//! What is taken up in the same sessions: neighbours of items by co-occurrence.
//!
//! Items that follow each other within a few places count, the nearer the more, as the windows of item2vec do (Barkan
//! and Koenigstein, MLSP 2016); the count is divided by the root of both items' counts, so that what everybody plays is
//! nobody's neighbour for that alone.

use std::collections::HashMap;

use rayon::prelude::*;

use super::Moment;
use crate::catalog::Catalogue;
use crate::towers::history::Histories;

/// How far apart two items may be.
const WINDOW: usize = 5;
/// Neighbours kept of each item.
const NEIGHBOURS: usize = 30;
/// Counts below this say nothing yet: added to both items' counts.
const SHRINK: f32 = 2.0;
/// Sessions looked at, the newest.
pub(super) const SESSIONS: usize = 500_000;

/// Neighbours of items by co-occurrence.
#[derive(Debug, Clone)]
pub struct Together {
    /// Of each item, best first.
    neighbours: Vec<Vec<u32>>,
}

impl Together {
    /// Counts the newest sessions known at `moment`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, moment: Moment) -> Self {
        let histories = Histories::of(catalogue, moment.known(catalogue));
        let sessions = &histories.sessions[histories.sessions.len().saturating_sub(SESSIONS)..];
        let mut counts = vec![0.0_f32; catalogue.items.len()];
        let mut pairs: Vec<HashMap<u32, f32>> = vec![HashMap::new(); catalogue.items.len()];
        for session in sessions {
            for (at, one) in session.iter().enumerate() {
                counts[one.item] += 1.0;
                for (distance, other) in (1..=WINDOW).zip(&session[at + 1..]) {
                    if one.item != other.item {
                        let weight = 1.0 / distance as f32;
                        *pairs[one.item].entry(other.item as u32).or_default() += weight;
                        *pairs[other.item].entry(one.item as u32).or_default() += weight;
                    }
                }
            }
        }
        let root: Vec<f32> = counts.iter().map(|count| (count + SHRINK).sqrt()).collect();
        let best = |(item, pairs): (usize, HashMap<u32, f32>)| {
            let strength =
                |(other, weight): (u32, f32)| (other, weight / (root[item] * root[other as usize]));
            let mut best: Vec<(u32, f32)> = pairs.into_iter().map(strength).collect();
            best.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            best.into_iter().take(NEIGHBOURS).map(|(other, _)| other).collect()
        };
        Self { neighbours: pairs.into_par_iter().enumerate().map(best).collect() }
    }

    /// The neighbours of item `item`, best first.
    #[must_use]
    pub fn of(&self, item: usize) -> &[u32] {
        self.neighbours.get(item).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::EventKind;

    #[test]
    fn what_is_played_in_the_same_sessions_is_near_and_what_everybody_plays_is_not() {
        let mut catalogue = catalogue(30, 8);
        let mut events = Vec::new();
        for user in 0..8 {
            // A hit that everybody plays, and two songs that only some play, side by side.
            let pair = if user < 3 { [1, 2] } else { [3 + 2 * user, 4 + 2 * user] };
            for (at, item) in [0, pair[0], pair[1]].into_iter().enumerate() {
                let id = format!("{user}-{at}");
                events.push(event(&id, user, item, EventKind::Complete, (10 * user + at) as i64));
            }
        }
        catalogue.add_events(events);
        let together = Together::new(&catalogue, Moment { until_ms: None, now_ms: 0 });
        assert_eq!(together.of(1)[0], 2);
        assert_eq!(together.of(2)[0], 1);
        assert!(together.of(29).is_empty());
    }
}

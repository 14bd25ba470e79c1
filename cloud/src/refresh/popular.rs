//! What is popular lately, spread over creators: packs for regions, and for people nothing is known about.

use std::collections::{BTreeSet, HashMap};

use super::{Barred, Moment, Viewer};
use crate::catalog::Catalogue;
use crate::towers::history::feedback_weight;

/// Days with events after which a listen counts half.
const HALF_LIFE_DAYS: f32 = 14.0;
const DAY_MS: i64 = 86_400_000;
/// What each further item of a creator counts in comparison with the one before.
const SAME_CREATOR: f32 = 0.7;

/// Items by recent popularity.
#[derive(Debug, Clone)]
pub struct Popular {
    /// Recent popularity of each item, 0 to 1.
    scores: Vec<f32>,
}

impl Popular {
    /// Counts what was taken up as far as it is known at `moment`, the latest most.
    ///
    /// Ages are counted in days (UTC) on which something was taken up: a silence makes nothing older, so one song
    /// played long after the rest of a log does not outweigh all of it.
    #[must_use]
    pub fn new(catalogue: &Catalogue, moment: Moment) -> Self {
        let taken_up = || {
            moment.known(catalogue).filter_map(|index| {
                let event = &catalogue.events[index];
                let (item, weight) = (catalogue.event_items[index]?, feedback_weight(event));
                (weight > 0.0).then_some((item as usize, weight, event.time_ms.div_euclid(DAY_MS)))
            })
        };
        let days: Vec<i64> = taken_up().map(|(_, _, day)| day).collect::<BTreeSet<_>>().into_iter().collect();
        let mut scores = vec![0.0; catalogue.items.len()];
        for (item, weight, day) in taken_up() {
            let age = days.len() - days.partition_point(|other| *other <= day);
            // Without real times their distances mean nothing, so every event counts the same.
            let timed = catalogue.dataset.timed;
            scores[item] += weight * if timed { libm::exp2f(-(age as f32) / HALF_LIFE_DAYS) } else { 1.0 };
        }
        let largest = scores.iter().copied().fold(0.0_f32, f32::max);
        if largest > 0.0 {
            scores.iter_mut().for_each(|score| *score /= largest);
        }
        Self { scores }
    }

    /// Recent popularity of each item, 0 to 1.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The best `count` items that `viewer` may get, with their scores; a creator's further items count less.
    #[must_use]
    pub fn list(
        &self,
        catalogue: &Catalogue,
        barred: &Barred,
        viewer: &Viewer,
        count: usize,
    ) -> Vec<(usize, f32)> {
        let mut items: Vec<(usize, f32)> = (0..catalogue.items.len())
            .filter(|item| !barred.bars(viewer, *item, &catalogue.items[*item]))
            .map(|item| (item, self.scores[item]))
            .collect();
        let by_score = |one: &(usize, f32), other: &(usize, f32)| {
            let id = |item: usize| &catalogue.items[item].item;
            other.1.total_cmp(&one.1).then_with(|| id(one.0).cmp(id(other.0)))
        };
        items.sort_by(by_score);
        let mut taken: HashMap<&str, i32> = HashMap::new();
        for (item, score) in &mut items {
            let creator = catalogue.items[*item].creator.as_str();
            if !creator.is_empty() {
                let before = taken.entry(creator).or_default();
                *score *= SAME_CREATOR.powi(*before);
                *before += 1;
            }
        }
        items.sort_by(by_score);
        items.truncate(count);
        items
    }
}

#[cfg(test)]
mod tests {
    use segue_core::policy::Seen;

    use super::super::tests::{catalogue, event};
    use super::*;
    use crate::catalog::EventKind;

    const DAY: i64 = 86_400_000;

    fn list(catalogue: &Catalogue, viewer: &Viewer) -> Vec<usize> {
        let moment = Moment { until_ms: None, now_ms: 0 };
        let barred = Barred::new(catalogue, &Seen::Session, moment);
        let list = Popular::new(catalogue, moment).list(catalogue, &barred, viewer, 4);
        list.into_iter().map(|(item, _)| item).collect()
    }

    #[test]
    fn lately_counts_more_than_long_ago() {
        let mut catalogue = catalogue(30, 3);
        let on_day = |day: usize, item: usize| {
            event(&format!("{day}-{item}"), 2, item, EventKind::Complete, day as i64 * DAY)
        };
        catalogue.add_events((1..=20).map(|day| on_day(day, 5 + day)).collect());
        catalogue.add_events(vec![event("a", 0, 4, EventKind::Like, 0)]);
        assert_eq!(list(&catalogue, &Viewer::of_region(None))[0], 25);
    }

    #[test]
    fn one_song_played_long_after_the_rest_of_the_log_does_not_outweigh_it() {
        let mut catalogue = catalogue(6, 3);
        catalogue.add_events(vec![
            event("1", 0, 4, EventKind::Complete, 0),
            event("2", 1, 4, EventKind::Complete, 0),
            event("3", 2, 5, EventKind::Complete, 200 * DAY),
        ]);
        assert_eq!(list(&catalogue, &Viewer::of_region(None))[..2], [4, 5]);
    }

    #[test]
    fn one_creator_does_not_fill_the_top() {
        let mut catalogue = catalogue(6, 3);
        for item in 0..3 {
            catalogue.items[item].creator = "same".into();
        }
        catalogue.add_events(
            [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4]
                .iter()
                .enumerate()
                .map(|(at, item)| event(&at.to_string(), 0, *item, EventKind::Complete, DAY))
                .collect(),
        );
        assert_eq!(list(&catalogue, &Viewer::of_region(None)), [0, 1, 3, 4]);
    }

    #[test]
    fn another_regions_items_are_left_out() {
        let mut catalogue = catalogue(6, 3);
        catalogue.items[4].regions = vec!["FR".into()];
        catalogue.add_events(vec![event("1", 0, 4, EventKind::Complete, 0)]);
        assert!(!list(&catalogue, &Viewer::of_region(None)).contains(&4));
        assert_eq!(list(&catalogue, &Viewer::of_region(Some("FR")))[0], 4);
    }
}

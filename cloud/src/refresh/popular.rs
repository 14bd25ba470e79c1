//! What is popular lately, spread over creators: packs for regions, and for people nothing is known about.

use std::collections::{BTreeSet, HashMap};

use super::{Barred, Moment, Viewer};
use crate::catalog::{Catalogue, Item};
use crate::consumers::{Ages, Counters, Segment, Sum};

/// What each further item of a creator counts in comparison with the one before.
const SAME_CREATOR: f32 = 0.7;

/// How much of a segment's score everybody's popularity is worth: decides where the segment says nothing.
const WORLD_SHARE: f32 = 0.1;
/// Most popular items of a segment that are kept in order.
const FIRST: usize = 1_000;
/// How many times as many items as are wanted are looked at first.
const SPREAD: usize = 4;

/// Items by recent popularity.
#[derive(Debug, Clone)]
pub struct Popular {
    /// Recent popularity of each item, 0 to 1.
    scores: Vec<f32>,
    /// The most popular items.
    first: Vec<usize>,
    segments: HashMap<Segment, Taken>,
}

/// What one segment took up.
#[derive(Debug, Clone, Default)]
struct Taken {
    /// Of each item taken up: recent popularity, and share of the catalogue that is less popular.
    items: HashMap<u32, (f32, f32)>,
    /// The most popular items.
    first: Vec<usize>,
}

impl Popular {
    /// Counts what was taken up as far as it is known at `moment`, the latest most.
    #[must_use]
    pub fn new(catalogue: &Catalogue, moment: Moment) -> Self {
        let counters = Counters::of(catalogue, moment.known(catalogue), moment.now_ms);
        Self::of(catalogue, &[&counters, &catalogue.folded.tables, &catalogue.folded.received])
    }

    /// Adds counters up, in the window [`Decayed`](crate::consumers::Window::Decayed). Without real times their distances
    /// mean nothing, so every event counts the same.
    #[must_use]
    pub fn of(catalogue: &Catalogue, counters: &[&Counters]) -> Self {
        let is_known = |item: &str| catalogue.item_index(item).is_some();
        let days: BTreeSet<i64> =
            counters.iter().flat_map(|counters| counters.days_taken_up(&is_known)).collect();
        let mut worth =
            Worth { everybody: vec![Sum::default(); catalogue.items.len()], segments: HashMap::new() };
        let days = if catalogue.dataset.timed { days } else { BTreeSet::new() };
        counters.iter().for_each(|counters| worth.add(catalogue, counters, Ages(&days)));
        worth.scaled()
    }

    /// Takes in an item more, which nobody took up yet.
    pub(super) fn push(&mut self) {
        self.scores.push(0.0);
    }

    /// Recent popularity of each item, 0 to 1.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// The most popular items of a segment, best first; of its country or of everybody where nothing is known of it.
    #[must_use]
    pub fn first(&self, segment: &Segment) -> &[usize] {
        self.segments.get(&self.known(segment)).map_or(&self.first, |taken| &taken.first)
    }

    /// Share of the catalogue that is less popular in `country` than item `item`; none where nobody took it up there.
    #[must_use]
    pub fn regional_rank(&self, country: &str, item: usize) -> Option<f32> {
        let segment = Segment { country: Some(country.to_owned()), age_group: None };
        Some(self.segments.get(&segment)?.items.get(&u32::try_from(item).ok()?)?.1)
    }

    /// How popular item `item` is in a segment: 0 to 1.1, since everybody's taste decides among what is not known there.
    fn score(&self, segment: &Segment, item: usize) -> f32 {
        let everybody = self.scores[item];
        if *segment == Segment::default() {
            return everybody;
        }
        let there = self.segments.get(segment).and_then(|taken| taken.items.get(&u32::try_from(item).ok()?));
        there.map_or(0.0, |(score, _)| *score) + WORLD_SHARE * everybody
    }

    /// The nearest segment to this one that something is known of: itself, its country, or everybody.
    #[must_use]
    pub(super) fn known(&self, segment: &Segment) -> Segment {
        let country = Segment { country: segment.country.clone(), age_group: None };
        let known = [segment, &country].into_iter().find(|one| self.segments.contains_key(one));
        known.cloned().unwrap_or_default()
    }

    /// The best `count` items of `segment` that `viewer` may get and `wanted` lets through, with their scores; a
    /// creator's further items count less.
    #[must_use]
    pub fn list(
        &self,
        catalogue: &Catalogue,
        barred: &Barred,
        (viewer, segment): (&Viewer, &Segment),
        wanted: &dyn Fn(&Item) -> bool,
        count: usize,
    ) -> Vec<(usize, f32)> {
        let items = (0..catalogue.items.len()).filter(|item| {
            wanted(&catalogue.items[*item]) && !barred.bars(viewer, *item, &catalogue.items[*item])
        });
        let segment = self.known(segment);
        let items = items.map(|item| (item, self.score(&segment, item))).collect();
        spread(catalogue, items, count)
    }
}

/// The best `count` of these items, a creator's further ones counting less. Only as many as decide are put in order: what
/// is not among the best by its own score is not better for its creator.
fn spread(catalogue: &Catalogue, mut items: Vec<(usize, f32)>, count: usize) -> Vec<(usize, f32)> {
    let order = |one: &(usize, f32), other: &(usize, f32)| {
        let id = |item: usize| &catalogue.items[item].item;
        other.1.total_cmp(&one.1).then_with(|| id(one.0).cmp(id(other.0)))
    };
    let mut looked_at = SPREAD * count.max(1);
    loop {
        let is_part = looked_at < items.len();
        if is_part {
            items.select_nth_unstable_by(looked_at, order);
        }
        let mut best = items[..looked_at.min(items.len())].to_vec();
        best.sort_by(order);
        let mut taken: HashMap<&str, i32> = HashMap::new();
        for (item, score) in &mut best {
            let creator = catalogue.items[*item].creator.as_str();
            if !creator.is_empty() {
                let before = taken.entry(creator).or_default();
                *score *= SAME_CREATOR.powi(*before);
                *before += 1;
            }
        }
        best.sort_by(order);
        best.truncate(count);
        let is_decided = |last: &(usize, f32)| order(last, &items[looked_at]).is_lt();
        if !is_part || best.last().is_none_or(is_decided) {
            return best;
        }
        looked_at *= SPREAD;
    }
}

/// What was taken up, before it is compared.
struct Worth {
    everybody: Vec<Sum>,
    segments: HashMap<Segment, HashMap<u32, Sum>>,
}

impl Worth {
    fn add(&mut self, catalogue: &Catalogue, counters: &Counters, ages: Ages<'_>) {
        let place = |item: &String| catalogue.item_index(item).and_then(|item| u32::try_from(item).ok());
        let places: Vec<Option<u32>> = counters.items().iter().map(place).collect();
        // One's own and the wider ones are summed apart: the same few are looked up once for all their cells.
        let mut of_segments: Vec<HashMap<u32, Sum>> = vec![HashMap::new(); counters.segments().len()];
        for (day, cells) in counters.days() {
            let share = ages.share(day);
            for ((segment, item), tally) in cells.iter().filter(|(_, tally)| tally.worth > 0) {
                let Some(item) = places[*item as usize] else { continue };
                self.everybody[item as usize].add(tally, share);
                of_segments[*segment as usize].entry(item).or_default().add(tally, share);
            }
        }
        for (segment, items) in counters.segments().iter().zip(of_segments) {
            for wider in segment.wider() {
                let sums = self.segments.entry(wider).or_default();
                items.iter().for_each(|(item, sum)| *sums.entry(*item).or_default() += *sum);
            }
        }
    }

    fn scaled(self) -> Popular {
        let items = self.everybody.len();
        let mut scores: Vec<f32> = self.everybody.iter().map(|sum| sum.worth() as f32).collect();
        let taken_up = (0..).zip(scores.iter().copied()).filter(|(_, worth)| *worth > 0.0);
        let first = Taken::new(taken_up, items).first;
        let largest = scores.iter().copied().fold(0.0_f32, f32::max);
        if largest > 0.0 {
            scores.iter_mut().for_each(|score| *score /= largest);
        }
        let of = |(name, sums): (Segment, HashMap<u32, Sum>)| {
            (name, Taken::new(sums.into_iter().map(|(item, sum)| (item, sum.worth() as f32)), items))
        };
        let segments =
            self.segments.into_iter().map(of).filter(|(_, taken)| !taken.first.is_empty()).collect();
        Popular { scores, first, segments }
    }
}

impl Taken {
    /// Scales and orders what was counted, in a catalogue of `items` items.
    fn new(counts: impl Iterator<Item = (u32, f32)>, items: usize) -> Self {
        let mut counts: Vec<(u32, f32)> = counts.collect();
        counts.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let largest = counts.first().map_or(1.0, |(_, worth)| *worth);
        let first = counts.iter().take(FIRST).map(|(item, _)| *item as usize).collect();
        let rank = |place: usize| 1.0 - (place + 1) as f32 / items.max(1) as f32;
        let ranked = |(place, (item, worth)): (usize, (u32, f32))| (item, (worth / largest, rank(place)));
        Self { items: counts.into_iter().enumerate().map(ranked).collect(), first }
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
        let list = Popular::new(catalogue, moment).list(
            catalogue,
            &barred,
            (viewer, &Segment { country: viewer.country.clone(), age_group: None }),
            &|_| true,
            4,
        );
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
    fn the_best_few_are_those_of_the_whole_list() {
        let mut catalogue = catalogue(200, 1);
        for (index, item) in catalogue.items.iter_mut().enumerate() {
            item.creator = ["most", "many", "", "few"][(index * index) % 7 % 4].to_owned();
        }
        for step in [1, 3, 50, 1_000] {
            let scored: Vec<(usize, f32)> =
                (0..200).map(|item| (item, ((item * 37) % 200 / step) as f32 / 200.0)).collect();
            let whole = spread(&catalogue, scored.clone(), 200);
            for count in [0, 1, 7, 30, 200, 300] {
                let few = spread(&catalogue, scored.clone(), count);
                assert_eq!(few, whole[..count.min(200)], "{count} of {step}");
            }
        }
    }

    #[test]
    fn another_regions_items_are_left_out() {
        let mut catalogue = catalogue(6, 3);
        catalogue.items[4].regions = vec!["FR".into()];
        catalogue.add_events(vec![event("1", 0, 4, EventKind::Complete, 0)]);
        assert!(!list(&catalogue, &Viewer::of_region(None)).contains(&4));
        assert_eq!(list(&catalogue, &Viewer::of_region(Some("FR")))[0], 4);
    }

    #[test]
    fn a_segments_own_taste_decides_and_everybodys_where_it_is_silent() {
        let mut catalogue = catalogue(12, 4);
        for (user, country, age) in
            [(0, "DE", "18-24"), (1, "DE", "55+"), (2, "FR", "18-24"), (3, "FR", "18-24")]
        {
            catalogue.users[user].country = Some(country.into());
            catalogue.users[user].age_group = Some(age.into());
        }
        let played = |user, item| event(&format!("{user}-{item}"), user, item, EventKind::Complete, 0);
        catalogue.add_events(vec![
            played(0, 4),
            played(1, 5),
            played(1, 4),
            played(2, 9),
            played(3, 9),
            played(3, 8),
        ]);
        let popular = Popular::new(&catalogue, Moment { until_ms: None, now_ms: 0 });
        let segment = |country: &str, age: Option<&str>| Segment {
            country: Some(country.into()),
            age_group: age.map(str::to_owned),
        };
        assert_eq!(popular.first(&segment("DE", None)), [4, 5]);
        assert_eq!(popular.first(&segment("DE", Some("55+"))), [4, 5]);
        assert_eq!(popular.first(&segment("DE", Some("18-24"))), [4]);
        assert_eq!(popular.first(&segment("IT", None))[..2], [4, 9]);
        assert_eq!(popular.first(&segment("FR", Some("unheard")))[0], 9);
        assert!(popular.regional_rank("FR", 9) > popular.regional_rank("FR", 8));
        assert_eq!(popular.regional_rank("FR", 4), None);
        let viewer = Viewer::of_region(Some("FR"));
        assert_eq!(list(&catalogue, &viewer), [9, 8, 4, 5]);
    }
}

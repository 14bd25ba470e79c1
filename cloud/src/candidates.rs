//! The one place where a catalogue's rows become pack candidates: refresh, training features and evaluation all
//! come here, so what a model learned from is what it is served.

use std::collections::HashMap;

use segue_core::pack::CandidateSource;

use crate::catalog::{Catalogue, Item};
use crate::consumers::Tally;

const DAY_MS: f32 = 86_400_000.0;
/// Plays that a new item is assumed to have had, at the catalogue's mean rate: keeps single plays from ruling.
const PRIOR_PLAYS: f32 = 5.0;
/// Plays that its creator's other items lend to an item whose worth is still open.
const LENT_PLAYS: f32 = 2.0;
/// Days after which an item is half as fresh.
const FRESH_DAYS: f32 = 30.0;
/// Half-lives of recent popularity in the time that the log covers: what is recent in a log of a month is not what is
/// recent in one of twenty years.
const HALF_LIVES: i64 = 10;
/// Of so many events at the beginning of a log one may be a straggler.
const STRAGGLERS: usize = 1_000;

/// What the log up to some time says about each item, in catalogue order.
#[derive(Debug, Clone)]
pub struct CandidateFacts {
    now_ms: i64,
    /// `ln(1 + plays) / ln(1 + most plays)`, 0 to 1.
    popularity: Vec<f32>,
    /// Share of the catalogue that is less popular, 0 to 1.
    popularity_rank: Vec<f32>,
    /// `popularity` by plays of which older ones count less, 0 to 1.
    recent_popularity: Vec<f32>,
    /// Share of plays that ended well, drawn towards the catalogue's mean.
    completion_rate: Vec<f32>,
    /// Likes per play, drawn towards the catalogue's mean.
    like_rate: Vec<f32>,
    /// What each item's events come to.
    tallies: Vec<Tally>,
    /// The rate of each item's creator, drawn towards the catalogue's mean.
    prior: Vec<f32>,
    /// Completions and likes per play in the whole catalogue.
    means: (f32, f32),
}

impl CandidateFacts {
    /// Counts the events (their indices in the catalogue) and takes `now_ms` as the time ages are measured at.
    #[must_use]
    pub fn new(catalogue: &Catalogue, events: impl Iterator<Item = usize>, now_ms: i64) -> Self {
        let events: Vec<usize> = events.collect();
        let mut tallies = vec![Tally::default(); catalogue.items.len()];
        for &index in &events {
            let Some(item) = catalogue.event_items[index] else { continue };
            tallies[item as usize] += Tally::of(&catalogue.events[index]);
        }
        for (item, tally, _) in catalogue.folded.items() {
            if let Some(item) = catalogue.item_index(item) {
                tallies[item] += tally;
            }
        }
        let counts =
            |of: fn(&Tally) -> u32| tallies.iter().map(|tally| of(tally) as f32).collect::<Vec<f32>>();
        let (plays, completed) = (counts(|tally| tally.played), counts(|tally| tally.well));
        let liked = counts(|tally| tally.liked);
        let all: f32 = plays.iter().sum();
        let mean_of = |well: &[f32]| if all > 0.0 { well.iter().sum::<f32>() / all } else { 0.0 };
        let (mean, mean_likes) = (mean_of(&completed), mean_of(&liked));
        let rate = |plays: f32, well: f32, mean: f32| (well + PRIOR_PLAYS * mean) / (plays + PRIOR_PLAYS);
        let rates = |well: &[f32], mean| {
            plays.iter().zip(well).map(|(plays, well)| rate(*plays, *well, mean)).collect()
        };
        let creators = of_creators(catalogue, &plays, &completed);
        let prior = |item: &Item| {
            let (plays, well) = creators.get(item.creator.as_str()).copied().unwrap_or_default();
            rate(plays, well, mean)
        };
        Self {
            now_ms,
            popularity: logarithms(&plays),
            recent_popularity: logarithms(&recent_plays(catalogue, &events, now_ms)),
            popularity_rank: ranks(&plays),
            completion_rate: rates(&completed, mean),
            like_rate: rates(&liked, mean_likes),
            prior: catalogue.items.iter().map(prior).collect(),
            tallies,
            means: (mean, mean_likes),
        }
    }

    /// Takes in the item at `place`, which is new and the last one, or has another row now: nothing happened to a new
    /// one, and what happened to the others stays.
    pub(crate) fn put(&mut self, catalogue: &Catalogue, place: usize) {
        let creator = &catalogue.items[place].creator;
        let is_sibling = |other: usize| other != place && catalogue.items[other].creator == *creator;
        let sibling = (0..self.prior.len()).find(|other| !creator.is_empty() && is_sibling(*other));
        let prior = sibling.map(|other| self.prior[other]);
        if let Some(known) = self.prior.get_mut(place) {
            *known = prior.unwrap_or(*known);
            return;
        }
        self.prior.push(prior.unwrap_or(self.means.0));
        self.tallies.push(Tally::default());
        self.completion_rate.push(self.means.0);
        self.like_rate.push(self.means.1);
        for none in [&mut self.popularity, &mut self.popularity_rank, &mut self.recent_popularity] {
            none.push(0.0);
        }
    }

    /// From now on the posteriors go by these tallies, one for each item; rates and what creators lend stay as they are,
    /// which a model learned from.
    pub(crate) fn recount(&mut self, tallies: Vec<Tally>) {
        self.tallies = tallies;
    }

    /// What the events of item `item` come to.
    #[must_use]
    pub fn tally(&self, item: usize) -> Tally {
        self.tallies[item]
    }

    /// How often its creator's items end well, 0 to 1: what is expected of it before it is known.
    #[must_use]
    pub fn prior(&self, item: usize) -> f32 {
        self.prior[item]
    }

    /// How often item `item` did well and how often not, with what its creator lends: the counts of its Beta posterior
    /// (Chapelle and Li, 2011). It was tried when it was shown, or played without a word of that.
    #[must_use]
    pub fn posterior(&self, item: usize) -> (f32, f32) {
        let tally = self.tallies[item];
        let (well, not) = (tally.well as f32, tally.trials().saturating_sub(tally.well) as f32);
        (well + LENT_PLAYS * self.prior[item], not + LENT_PLAYS * (1.0 - self.prior[item]))
    }

    /// The share of tries that item `item` is expected to do well in: its posterior's mean.
    #[must_use]
    pub fn expected(&self, item: usize) -> f32 {
        let (well, not) = self.posterior(item);
        well / (well + not)
    }

    /// `ln(1 + plays) / ln(1 + most plays)` of each item, 0 to 1.
    #[must_use]
    pub fn popularity(&self) -> &[f32] {
        &self.popularity
    }

    /// [`Self::popularity`] by plays of which older ones count less, 0 to 1.
    #[must_use]
    pub fn recent_popularity(&self) -> &[f32] {
        &self.recent_popularity
    }

    /// An item as a pack's writer takes it; `vector` is its row of the embeddings.
    #[must_use]
    pub fn source<'a>(
        &self,
        catalogue: &'a Catalogue,
        item: usize,
        vector: &'a [f32],
        score: f32,
    ) -> CandidateSource<'a> {
        let row = &catalogue.items[item];
        let creator_name = row.creator_name.as_deref().unwrap_or(&row.creator);
        CandidateSource {
            item: &row.item,
            vector,
            score,
            creator: &row.creator,
            categories: &row.categories,
            columns: self.columns(catalogue, item),
            regions: &row.regions,
            ends_ms: row.available_until_ms,
            display: Some((&row.title, creator_name)),
        }
    }

    fn columns(&self, catalogue: &Catalogue, item: usize) -> Vec<(&'static str, f32)> {
        let row = &catalogue.items[item];
        let mut columns = vec![
            ("popularity", self.popularity[item]),
            ("popularity_rank", self.popularity_rank[item]),
            ("recent_popularity", self.recent_popularity[item]),
            ("completion_rate", self.completion_rate[item]),
            ("like_rate", self.like_rate[item]),
        ];
        if let Some(released) = row.released_ms {
            let age_days = (self.now_ms.saturating_sub(released)) as f32 / DAY_MS;
            columns.push(("age_days", age_days));
            columns.push(("freshness", libm::exp2f(-age_days.max(0.0) / FRESH_DAYS)));
        }
        if let Some(duration) = row.duration_ms {
            columns.push(("duration_seconds", duration as f32 / 1000.0));
        }
        columns
    }
}

/// `ln(1 + plays) / ln(1 + most plays)` of each item, 0 to 1.
fn logarithms(plays: &[f32]) -> Vec<f32> {
    let most = plays.iter().copied().fold(0.0, f32::max);
    plays.iter().map(|plays| plays.ln_1p() / most.ln_1p().max(1.0)).collect()
}

/// Plays of each item by these events in order of time, each counting half as much for each [`HALF_LIVES`]th of the log
/// that has passed since; all the same where times mean nothing.
fn recent_plays(catalogue: &Catalogue, events: &[usize], now_ms: i64) -> Vec<f32> {
    let time = |index: usize| catalogue.events[index].time_ms;
    let all = events.len() + catalogue.folded.about_items();
    let begins = events.get(events.len() / STRAGGLERS).map_or(now_ms, |index| time(*index));
    let begins = catalogue.folded.begins_ms(all / STRAGGLERS).map_or(begins, |first| first.min(begins));
    let half_life = (now_ms.saturating_sub(begins) / HALF_LIVES).max(1) as f32;
    let left = |time_ms: i64| match catalogue.dataset.timed {
        true => libm::exp2f(-(now_ms.saturating_sub(time_ms).max(0) as f32) / half_life),
        false => 1.0,
    };
    let mut plays = vec![0.0; catalogue.items.len()];
    for &index in events {
        let Some(item) = catalogue.event_items[index] else { continue };
        plays[item as usize] += Tally::of(&catalogue.events[index]).played as f32 * left(time(index));
    }
    // What is not held any more is known by the day, and counts as of noon.
    for (noon_ms, counts) in catalogue.folded.plays() {
        for (item, played) in counts {
            if let Some(item) = catalogue.item_index(item) {
                plays[item] += played as f32 * left(noon_ms);
            }
        }
    }
    plays
}

/// Plays of each creator's items, and how many of them ended well.
fn of_creators<'a>(
    catalogue: &'a Catalogue,
    plays: &[f32],
    completed: &[f32],
) -> HashMap<&'a str, (f32, f32)> {
    let mut creators: HashMap<&str, (f32, f32)> = HashMap::new();
    for (item, (plays, well)) in catalogue.items.iter().zip(plays.iter().zip(completed)) {
        if !item.creator.is_empty() {
            let sums = creators.entry(&item.creator).or_default();
            (sums.0, sums.1) = (sums.0 + plays, sums.1 + well);
        }
    }
    creators
}

/// Share of values below each value.
pub(crate) fn ranks(values: &[f32]) -> Vec<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let below = |value: &f32| sorted.partition_point(|other| other < value) as f32;
    values.iter().map(|value| below(value) / sorted.len().max(1) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::{ranks, recent_plays};
    use crate::towers::samples;

    /// A log of eleven plays, one at each unit of time; item 1 has the last of them, item 0 the others.
    fn log(timed: bool) -> Vec<f32> {
        let mut catalogue = samples::catalogue();
        catalogue.dataset.timed = timed;
        catalogue.events.clear();
        let event = |at: i64| samples::event(&at.to_string(), 0, usize::from(at == 10), 100 * at);
        catalogue.add_events((0..=10).map(event).collect());
        recent_plays(&catalogue, &(0..11).collect::<Vec<_>>(), 1_000)
    }

    #[test]
    fn a_tenth_of_the_log_halves_what_a_play_counts() {
        let plays = log(true);
        let older: f32 = (1..=10).map(|age| 0.5_f32.powi(age)).sum();
        assert!((plays[0] - older).abs() < 1e-5 && (plays[1] - 1.0).abs() < 1e-5, "{:?}", &plays[..2]);
    }

    #[test]
    fn where_times_mean_nothing_every_play_counts_the_same() {
        assert_eq!(log(false)[..2], [10.0, 1.0]);
    }

    #[test]
    fn a_rank_is_the_share_of_values_below() {
        assert_eq!(ranks(&[3.0, 1.0, 1.0, 2.0]), [0.75, 0.0, 0.0, 0.5]);
    }
}

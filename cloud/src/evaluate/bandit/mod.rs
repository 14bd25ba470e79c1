//! Off-policy evaluation: what other policies would have earned, from a log that tells with which probability it showed
//! each item.
//!
//! Three estimates of the clicks per impression: inverse propensity scoring (Horvitz and Thompson, 1952), the same
//! normalised by its weights (Swaminathan and Joachims, 2015), and doubly robust (Dudík and others, 2011). What a policy or
//! the click model learns comes from one half of the impressions and is applied to the other, both ways round.

mod report;

use std::collections::{BTreeMap, HashMap};

pub use report::Report;

use super::bootstrap::{Figures, Parts};
use super::tasks::{Skipped, count};
use crate::catalog::{Catalogue, EventKind, split};

/// Impressions that a click rate is drawn to the mean with.
const PRIOR: f64 = 100.0;
/// Items that `best_clicked` prefers, and how often it does.
const BEST: usize = 5;
const PREFERRED: f64 = 0.5;

/// The figures of one policy on one log.
const FIGURES: [&str; 4] = ["ips", "snips", "dr", "logged"];

/// One impression.
#[derive(Debug, Clone, Copy)]
struct Round {
    item: u32,
    position: u32,
    click: f64,
    propensity: f64,
    /// Which half it belongs to.
    half: usize,
}

/// Impressions of one campaign by one logging policy.
type Logs = BTreeMap<(String, String), Vec<Round>>;

/// A policy whose clicks are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Every item of the campaign alike.
    Random,
    /// As often as a log shows it at the position.
    As(&'static str),
    /// The items with the best click rate half of the time.
    BestClicked,
}

impl Target {
    const ALL: [Self; 3] = [Self::Random, Self::As("bts"), Self::BestClicked];

    fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::As(log) => log,
            Self::BestClicked => "best_clicked",
        }
    }
}

/// What one policy would have earned on one log.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The policy.
    pub policy: &'static str,
    /// The campaign, and the policy that made the log.
    pub log: (String, String),
    /// Impressions, and clicks among them.
    pub rounds: (usize, f64),
    /// `(sum of weights)^2 / sum of squared weights`: how many impressions of its own the log is worth.
    pub effective_rounds: f64,
    /// Value and 95 % interval of `ips`, `snips`, `dr` and `logged`, in this order.
    pub figures: [Option<(f64, f64, f64)>; 4],
}

/// Estimates every policy on every log of impressions that tell their propensity.
#[must_use]
pub fn estimates(catalogue: &Catalogue, skipped: &mut Skipped) -> Vec<Estimate> {
    let logs = logs(catalogue, skipped);
    let mut estimates = Vec::new();
    for (log, rounds) in &logs {
        for target in Target::ALL {
            let source = match target {
                Target::As(name) => logs.get(&(log.0.clone(), name.to_owned())),
                _ => Some(rounds),
            };
            if let Some(source) = source {
                estimates.push(estimate(target, log, rounds, source));
            }
        }
    }
    estimates
}

fn logs(catalogue: &Catalogue, skipped: &mut Skipped) -> Logs {
    let mut logs = Logs::new();
    for (event, item) in catalogue.events.iter().zip(&catalogue.event_items) {
        let propensity = event.context.get("propensity").and_then(|text| text.parse::<f64>().ok());
        let policy = event.context.get("logging_policy");
        let (Some(propensity), Some(policy), Some(item)) = (propensity, policy, item) else {
            count(skipped, "no_propensity", 1);
            continue;
        };
        let campaign = catalogue.items[*item as usize].categories.first().cloned().unwrap_or_default();
        let round = Round {
            item: *item,
            position: event.position.unwrap_or_default(),
            click: f64::from(u8::from(event.kind == EventKind::Click)),
            propensity,
            half: split::fold_of(&event.event_id, 2) as usize,
        };
        logs.entry((campaign, policy.clone())).or_default().push(round);
    }
    logs
}

/// What is learned from one half of a log.
struct Learned {
    /// Items of the campaign.
    items: Vec<u32>,
    /// Click rate of each, drawn towards the mean.
    rates: HashMap<u32, f64>,
    /// Probability of each item at each position.
    probabilities: HashMap<(u32, u32), f64>,
    /// The click rate that the policy is expected to have at each position.
    expected: HashMap<u32, f64>,
}

impl Learned {
    /// The policy and the click model, from the half of `rounds` and `source` that is not `half`.
    fn new(target: Target, half: usize, rounds: &[Round], source: &[Round]) -> Self {
        let mut items: Vec<u32> = rounds.iter().chain(source).map(|round| round.item).collect();
        items.sort_unstable();
        items.dedup();
        let rates = rates(&items, rounds.iter().filter(|round| round.half != half));
        let positions: Vec<u32> = rounds.iter().map(|round| round.position).collect();
        let probabilities = match target {
            Target::Random => mixed(&items, &positions, &[], 0.0),
            Target::BestClicked => mixed(&items, &positions, &best(&items, &rates), PREFERRED),
            Target::As(_) => shares(&items, source.iter().filter(|round| round.half != half)),
        };
        let mut expected = HashMap::new();
        for ((item, position), probability) in &probabilities {
            *expected.entry(*position).or_insert(0.0) += probability * rates[item];
        }
        Self { items, rates, probabilities, expected }
    }

    fn probability(&self, round: &Round) -> f64 {
        let unknown = 1.0 / self.items.len().max(1) as f64;
        self.probabilities.get(&(round.item, round.position)).copied().unwrap_or(unknown)
    }

    /// What an impression adds to each of [`FIGURES`], and its weight.
    fn parts(&self, round: &Round) -> (Parts<4>, f64) {
        let weight = self.probability(round) / round.propensity;
        let rate = self.rates.get(&round.item).copied().unwrap_or_default();
        let expected = self.expected.get(&round.position).copied().unwrap_or_default();
        let earned = weight * round.click;
        let robust = expected + weight * (round.click - rate);
        ([(earned, 1.0), (earned, weight), (robust, 1.0), (round.click, 1.0)], weight)
    }
}

fn rates<'a>(items: &[u32], rounds: impl Iterator<Item = &'a Round>) -> HashMap<u32, f64> {
    let mut counts: HashMap<u32, (f64, f64)> = HashMap::new();
    let (mut clicks, mut shown) = (0.0, 0.0_f64);
    for round in rounds {
        let entry = counts.entry(round.item).or_default();
        entry.0 += round.click;
        entry.1 += 1.0;
        clicks += round.click;
        shown += 1.0;
    }
    let mean = clicks / shown.max(1.0);
    let rate = |item: &u32| {
        let (clicks, shown) = counts.get(item).copied().unwrap_or_default();
        (*item, (clicks + PRIOR * mean) / (shown + PRIOR))
    };
    items.iter().map(rate).collect()
}

fn best(items: &[u32], rates: &HashMap<u32, f64>) -> Vec<u32> {
    let mut order = items.to_vec();
    order.sort_by(|one, other| rates[other].total_cmp(&rates[one]).then(one.cmp(other)));
    order.truncate(BEST);
    order
}

/// All items alike, except that `preferred` share `share` of the draws.
fn mixed(items: &[u32], positions: &[u32], preferred: &[u32], share: f64) -> HashMap<(u32, u32), f64> {
    let all = (1.0 - share) / items.len().max(1) as f64;
    let more = share / preferred.len().max(1) as f64;
    let mut probabilities = HashMap::new();
    for position in positions.iter().collect::<std::collections::BTreeSet<_>>() {
        for item in items {
            let extra = if preferred.contains(item) { more } else { 0.0 };
            probabilities.insert((*item, *position), all + extra);
        }
    }
    probabilities
}

/// How often each item was shown at each position; one draw of all items alike beside them, so that nothing is impossible.
fn shares<'a>(items: &[u32], rounds: impl Iterator<Item = &'a Round>) -> HashMap<(u32, u32), f64> {
    let mut counts: HashMap<u32, HashMap<u32, f64>> = HashMap::new();
    for round in rounds {
        *counts.entry(round.position).or_default().entry(round.item).or_insert(0.0) += 1.0;
    }
    let mut probabilities = HashMap::new();
    for (position, counts) in counts {
        let shown: f64 = counts.values().sum();
        for item in items {
            let count = counts.get(item).copied().unwrap_or_default() + 1.0 / items.len() as f64;
            probabilities.insert((*item, position), count / (shown + 1.0));
        }
    }
    probabilities
}

fn estimate(target: Target, log: &(String, String), rounds: &[Round], source: &[Round]) -> Estimate {
    let halves = [0, 1].map(|half| Learned::new(target, half, rounds, source));
    let parts: Vec<(Parts<4>, f64)> = rounds.iter().map(|round| halves[round.half].parts(round)).collect();
    let units: Vec<Vec<Parts<4>>> = parts.iter().map(|(parts, _)| vec![*parts]).collect();
    let figures = Figures::new(&units, 1);
    let figure = |place: usize| {
        let (low, high) = figures.interval(0, place)?;
        Some((figures.value(0, place)?, low, high))
    };
    let (sum, squares) = parts
        .iter()
        .fold((0.0, 0.0), |(sum, squares), (_, weight)| (sum + weight, squares + weight * weight));
    Estimate {
        policy: target.name(),
        log: log.clone(),
        rounds: (rounds.len(), rounds.iter().map(|round| round.click).sum()),
        effective_rounds: if squares > 0.0 { sum * sum / squares } else { 0.0 },
        figures: [0, 1, 2, 3].map(figure),
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Impressions of four items; item `n` is clicked with probability `n / 10`. Shown as `shares` says.
    fn log(shares: [f64; 4], rounds: usize, seed: u64) -> Vec<Round> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = move || f64::from(random.next_u32()) / f64::from(u32::MAX);
        let round = |at: usize| {
            let (mut left, mut item) = (draw(), 0);
            while item < 3 && left > shares[item] {
                left -= shares[item];
                item += 1;
            }
            let click = f64::from(u8::from(draw() < item as f64 / 10.0));
            Round { item: item as u32, position: 0, click, propensity: shares[item], half: at % 2 }
        };
        (0..rounds).map(round).collect()
    }

    fn figures(target: Target, rounds: &[Round], source: &[Round]) -> [f64; 3] {
        let estimate = estimate(target, &("all".into(), "random".into()), rounds, source);
        [0, 1, 2].map(|place| {
            let (value, low, high) = estimate.figures[place].unwrap();
            assert!(low <= value && value <= high);
            value
        })
    }

    #[test]
    fn a_log_by_chance_tells_what_another_policy_earns() {
        let random = log([0.25; 4], 20_000, 1);
        let other = log([0.1, 0.1, 0.1, 0.7], 20_000, 2);
        let truth = 0.1 * 0.1 + 0.1 * 0.2 + 0.7 * 0.3;
        for estimate in figures(Target::As("bts"), &random, &other) {
            assert!((estimate - truth).abs() < 0.01, "{estimate} is far from {truth}");
        }
    }

    #[test]
    fn a_skewed_log_tells_what_chance_earns() {
        let skewed = log([0.1, 0.1, 0.1, 0.7], 20_000, 3);
        for estimate in figures(Target::Random, &skewed, &skewed) {
            assert!((estimate - 0.15).abs() < 0.01, "{estimate}");
        }
    }

    #[test]
    fn preferring_what_was_clicked_earns_more_than_chance_and_nothing_is_impossible() {
        let items: Vec<u32> = (0..8).collect();
        let probabilities = mixed(&items, &[0, 1], &[1, 2], 0.5);
        let sum: f64 = items.iter().map(|item| probabilities[&(*item, 1)]).sum();
        assert!((sum - 1.0).abs() < 1e-12 && probabilities[&(0, 0)] > 0.0);
        let shares = shares(&items, log([0.5, 0.5, 0.0, 0.0], 100, 4).iter());
        assert!(shares[&(7, 0)] > 0.0 && shares[&(0, 0)] > 0.3);
    }

    #[test]
    fn impressions_without_a_propensity_are_counted() {
        let mut skipped = Skipped::new();
        let catalogue = crate::towers::samples::catalogue();
        assert!(estimates(&catalogue, &mut skipped).is_empty());
        assert_eq!(skipped["no_propensity"], catalogue.events.len());
    }
}

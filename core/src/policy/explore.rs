//! Places that try what is little known: with which probability each item is chosen for one.
//!
//! Items of the pool carry how often they did well and how often not (`explore_successes`, `explore_failures`); with
//! a uniform prior an arm's success rate is then distributed as Beta(1 + successes, 1 + failures). The choice is
//! never simulated: the probability of each item is worked out, and one whole number decides. So the propensity on
//! the slate is exactly the probability of the choice.
//!
//! By what is known of it an item that begins badly would hardly be chosen again. So half of the choices go to what the
//! pack brings as new and not yet shown often enough (`sources`), each alike.

use super::list::{ArmsOf, Exploration, Method};
use super::posterior::Posteriors;
use super::traits::{NOBODY, Traits};
use crate::limits;
use crate::pack::Candidate;

const SUCCESSES: &str = "explore_successes";
const FAILURES: &str = "explore_failures";
const SOURCES: &str = "sources";
/// The part of `sources` that says: new, and not yet shown often enough.
const NEW: u8 = 32;
/// Share of the choices that is owed to what is new.
const OWED: f64 = 0.5;

/// What one pack lets a policy explore.
pub(crate) struct Pool {
    method: Method,
    /// The items in the pool, in the pack's order.
    members: Vec<Member>,
    arms: Vec<Arm>,
    /// Thompson sampling's tables, which only depend on the pack.
    posteriors: Option<Posteriors>,
}

/// One item of the pool.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// Its index in the pack.
    index: usize,
    arm: usize,
    is_owed: bool,
}

/// A candidate that carries counts.
struct Tried {
    index: usize,
    counts: Arm,
    /// New and not yet shown often enough.
    is_owed: bool,
}

/// How often something did well and how often not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Arm {
    pub(crate) successes: f32,
    pub(crate) failures: f32,
}

impl Arm {
    /// Mean of its Beta distribution.
    fn mean(self) -> f64 {
        (1.0 + f64::from(self.successes)) / self.trials()
    }

    /// Trials with the prior's two.
    fn trials(self) -> f64 {
        2.0 + f64::from(self.successes) + f64::from(self.failures)
    }
}

impl Pool {
    /// The items of the pack that carry counts, at most [`limits::EXPLORATION_ITEMS`].
    pub(crate) fn new(exploration: &Exploration, traits: &Traits, candidates: &[Candidate]) -> Self {
        let mut pool =
            Self { method: exploration.method, members: Vec::new(), arms: Vec::new(), posteriors: None };
        let mut arm_of_category = vec![None; traits.categories.count];
        for Tried { index, counts, is_owed } in tried(candidates) {
            let category = traits.categories.of[index];
            let known = match exploration.arms {
                ArmsOf::Category if category != NOBODY => arm_of_category.get_mut(category as usize),
                _ => None,
            };
            let arm = match known {
                Some(known) => *known.get_or_insert_with(|| pool.new_arm()),
                None => pool.new_arm(),
            };
            pool.arms[arm].successes += counts.successes;
            pool.arms[arm].failures += counts.failures;
            pool.members.push(Member { index, arm, is_owed });
        }
        pool.posteriors = matches!(pool.method, Method::Thompson).then(|| Posteriors::new(&pool.arms));
        pool
    }

    /// How likely each of the members that `may` be chosen is to be chosen, in no unit.
    pub(crate) fn weights(&self, may: impl Fn(usize) -> bool) -> Vec<(usize, f64)> {
        let open: Vec<Member> = self.members.iter().copied().filter(|one| may(one.index)).collect();
        let mut sizes = vec![0_u32; self.arms.len()];
        open.iter().for_each(|one| sizes[one.arm] += 1);
        let arms: Vec<usize> = (0..self.arms.len()).filter(|arm| sizes[*arm] > 0).collect();
        let mut shares = vec![0.0; self.arms.len()];
        arms.iter().zip(self.arm_weights(&arms)).for_each(|(&arm, weight)| shares[arm] = weight);
        let of_one = |one: &Member| shares[one.arm] / f64::from(sizes[one.arm]);
        let owed = open.iter().filter(|one| one.is_owed).count();
        if owed == 0 {
            return open.iter().map(|one| (one.index, of_one(one))).collect();
        }
        let total: f64 = open.iter().map(of_one).sum();
        let lent = |one: &Member| if one.is_owed { OWED / owed as f64 } else { 0.0 };
        open.iter().map(|one| (one.index, (1.0 - OWED) * of_one(one) / total + lent(one))).collect()
    }

    fn new_arm(&mut self) -> usize {
        self.arms.push(Arm::default());
        self.arms.len() - 1
    }

    fn arm_weights(&self, open: &[usize]) -> Vec<f64> {
        let first_best = |value: &dyn Fn(Arm) -> f64| {
            let better = |best: usize, arm: usize| {
                if value(self.arms[arm]) > value(self.arms[best]) { arm } else { best }
            };
            open.iter().copied().reduce(better)
        };
        match self.method {
            Method::Thompson => {
                self.posteriors.as_ref().map_or(Vec::new(), |posteriors| posteriors.best_of(open))
            }
            Method::EpsilonGreedy { epsilon } => {
                let best = first_best(&Arm::mean);
                let any = f64::from(epsilon) / open.len().max(1) as f64;
                let greedy = |arm: &usize| if best == Some(*arm) { 1.0 - f64::from(epsilon) } else { 0.0 };
                open.iter().map(|arm| any + greedy(arm)).collect()
            }
            Method::Ucb { width } => {
                let all: f64 = open.iter().map(|&arm| self.arms[arm].trials()).sum();
                let bound =
                    |arm: Arm| arm.mean() + libm::sqrt(f64::from(width) * libm::log(all) / arm.trials());
                let best = first_best(&bound);
                open.iter().map(|arm| f64::from(u8::from(best == Some(*arm)))).collect()
            }
        }
    }
}

/// The candidates that carry counts, in the pack's order: at most [`limits::EXPLORATION_ITEMS`], what is owed a share
/// before all others.
fn tried(candidates: &[Candidate]) -> Vec<Tried> {
    let of = |(index, candidate): (usize, &Candidate)| {
        let count = |name| candidate.columns.get(name).filter(|count| *count >= 0.0);
        let counts = Arm { successes: count(SUCCESSES)?, failures: count(FAILURES)? };
        let is_owed = count(SOURCES).is_some_and(|sources| sources as u8 & NEW != 0);
        Some(Tried { index, counts, is_owed })
    };
    let mut tried: Vec<Tried> = candidates.iter().enumerate().filter_map(of).collect();
    let owed = tried.iter().filter(|one| one.is_owed).count();
    let mut room = limits::EXPLORATION_ITEMS.saturating_sub(owed);
    tried.retain(|one| {
        let stays = one.is_owed || room > 0;
        room = room.saturating_sub(usize::from(!one.is_owed));
        stays
    });
    tried.truncate(limits::EXPLORATION_ITEMS);
    tried
}

#[cfg(test)]
mod tests {
    use super::super::draw::{CERTAIN, draw, lot, millionths};
    use super::super::fixtures::candidate;
    use super::*;

    fn pool(method: Method, arms: ArmsOf, counts: &[(&str, f32, f32)]) -> Pool {
        let items: Vec<Candidate> = counts
            .iter()
            .enumerate()
            .map(|(at, (category, successes, failures))| {
                let mut item = candidate(&at.to_string(), "", category, [1.0, 0.0]);
                item.columns.insert(SUCCESSES, *successes);
                item.columns.insert(FAILURES, *failures);
                item
            })
            .collect();
        let exploration = Exploration { share: Vec::new(), method, arms };
        Pool::new(&exploration, &Traits::new(&items, 0), &items)
    }

    fn shares(pool: &Pool) -> Vec<u32> {
        let weights: Vec<f64> = pool.weights(|_| true).into_iter().map(|(_, weight)| weight).collect();
        millionths(&weights)
    }

    #[test]
    fn thompson_sampling_prefers_the_promising_and_lets_the_unknown_have_a_chance() {
        let shares = shares(&pool(
            Method::Thompson,
            ArmsOf::Item,
            &[("k", 8.0, 2.0), ("k", 2.0, 8.0), ("k", 0.0, 0.0)],
        ));
        assert!(shares[0] > 500_000 && shares[1] < 20_000 && shares[2] > 150_000, "{shares:?}");
    }

    #[test]
    fn the_share_on_the_slate_is_how_often_it_is_drawn() {
        let shares = shares(&pool(Method::Thompson, ArmsOf::Item, &[("k", 5.0, 5.0), ("k", 4.0, 5.0)]));
        let drawn = (0..20_000).filter(|&seed| draw(&shares, lot(seed, 1, 9)).unwrap().0 == 0).count();
        let expected = f64::from(shares[0]) / f64::from(CERTAIN) * 20_000.0;
        // Four standard deviations of 20,000 draws are at most 283.
        assert!((drawn as f64 - expected).abs() < 283.0, "{drawn} of {expected}");
    }

    #[test]
    fn items_of_one_category_share_what_is_known_of_it() {
        let counts = [("k", 9.0, 0.0), ("k", 0.0, 1.0), ("l", 0.0, 9.0)];
        let shares = shares(&pool(Method::Thompson, ArmsOf::Category, &counts));
        assert!(shares[0].abs_diff(shares[1]) <= 1 && shares[2] < 10_000, "{shares:?}");
    }

    #[test]
    fn epsilon_greedy_and_upper_bounds_have_closed_forms() {
        let counts = [("k", 1.0, 9.0), ("k", 9.0, 1.0), ("k", 5.0, 5.0), ("k", 0.0, 0.0)];
        let greedy = pool(Method::EpsilonGreedy { epsilon: 0.2 }, ArmsOf::Item, &counts);
        assert_eq!(shares(&greedy), [50_000, 850_000, 50_000, 50_000]);
        let bound = pool(Method::Ucb { width: 2.0 }, ArmsOf::Item, &counts);
        assert_eq!(shares(&bound), [0, 0, 0, CERTAIN], "the one that was never tried");
    }

    #[test]
    fn what_may_not_be_chosen_has_no_share() {
        let pool = pool(Method::Thompson, ArmsOf::Item, &[("k", 8.0, 2.0), ("k", 2.0, 8.0)]);
        let weights = pool.weights(|index| index == 1);
        assert_eq!(weights.len(), 1);
        assert_eq!(millionths(&[weights[0].1]), [CERTAIN]);
        assert!(pool.weights(|_| false).is_empty());
    }
    /// A pool by Thompson sampling of items with these counts and sources.
    fn pool_from(counts: &[(f32, f32, f32)]) -> Pool {
        let item = |(at, (successes, failures, sources)): (usize, &(f32, f32, f32))| {
            let mut item = candidate(&at.to_string(), "", "k", [1.0, 0.0]);
            for (name, value) in [(SUCCESSES, *successes), (FAILURES, *failures), (SOURCES, *sources)] {
                item.columns.insert(name, value);
            }
            item
        };
        let items: Vec<Candidate> = counts.iter().enumerate().map(item).collect();
        let exploration = Exploration { share: Vec::new(), method: Method::Thompson, arms: ArmsOf::Item };
        Pool::new(&exploration, &Traits::new(&items, 0), &items)
    }

    #[test]
    fn what_is_new_is_owed_half_of_the_choices_however_badly_it_did() {
        // 65 is by taste and little known, 33 by taste and new, 160 editors' choice and new.
        let counts = [(30.0, 5.0, 65.0), (0.0, 900.0, 33.0), (0.0, 400.0, 160.0)];
        let shares = shares(&pool_from(&counts));
        assert!(shares[0].abs_diff(500_000) < 10, "{shares:?}");
        assert!(shares[1..].iter().all(|share| share.abs_diff(250_000) < 10), "{shares:?}");
        let alone = pool_from(&counts).weights(|index| index == 2);
        assert!(alone.len() == 1 && (alone[0].1 - 1.0).abs() < 1e-9, "{alone:?}");
    }

    #[test]
    fn what_is_new_is_in_a_full_pool_wherever_it_stands_in_the_pack() {
        let mut counts = vec![(9.0, 1.0, 64.0); limits::EXPLORATION_ITEMS + 20];
        counts.push((0.0, 9.0, 32.0));
        let pool = pool_from(&counts);
        let members: Vec<usize> = pool.members.iter().map(|one| one.index).collect();
        let first = 0..limits::EXPLORATION_ITEMS - 1;
        assert_eq!(members, first.chain([counts.len() - 1]).collect::<Vec<_>>());
        assert!(pool_from(&vec![(1.0, 1.0, 32.0); 200]).members.len() == limits::EXPLORATION_ITEMS);
    }
}

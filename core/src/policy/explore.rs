//! Places that try what is little known: with which probability each item is chosen for one.
//!
//! Items of the pool carry how often they did well and how often not (`explore_successes`, `explore_failures`); with
//! a uniform prior an arm's success rate is then distributed as Beta(1 + successes, 1 + failures). The choice is
//! never simulated: the probability of each item is worked out, and one whole number decides. So the propensity on
//! the slate is exactly the probability of the choice.

use super::list::{ArmsOf, Exploration, Method};
use super::posterior::Posteriors;
use super::traits::{NOBODY, Traits};
use crate::limits;
use crate::pack::Candidate;

const SUCCESSES: &str = "explore_successes";
const FAILURES: &str = "explore_failures";

/// What one pack lets a policy explore.
pub(crate) struct Pool {
    method: Method,
    /// The items in the pool, in the pack's order, each with its arm.
    members: Vec<(usize, usize)>,
    arms: Vec<Arm>,
    /// Thompson sampling's tables, which only depend on the pack.
    posteriors: Option<Posteriors>,
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
        for (index, candidate) in candidates.iter().enumerate() {
            let count = |name| candidate.columns.get(name).filter(|count| *count >= 0.0);
            let Some((successes, failures)) = count(SUCCESSES).zip(count(FAILURES)) else { continue };
            if pool.members.len() >= limits::EXPLORATION_ITEMS {
                break;
            }
            let category = traits.categories.of[index];
            let known = match exploration.arms {
                ArmsOf::Category if category != NOBODY => arm_of_category.get_mut(category as usize),
                _ => None,
            };
            let arm = match known {
                Some(known) => *known.get_or_insert_with(|| pool.new_arm()),
                None => pool.new_arm(),
            };
            pool.arms[arm].successes += successes;
            pool.arms[arm].failures += failures;
            pool.members.push((index, arm));
        }
        pool.posteriors = matches!(pool.method, Method::Thompson).then(|| Posteriors::new(&pool.arms));
        pool
    }

    /// How likely each of the members that `may` be chosen is to be chosen, in no unit.
    pub(crate) fn weights(&self, may: impl Fn(usize) -> bool) -> Vec<(usize, f64)> {
        let open: Vec<(usize, usize)> =
            self.members.iter().copied().filter(|(index, _)| may(*index)).collect();
        let mut sizes = vec![0_u32; self.arms.len()];
        open.iter().for_each(|(_, arm)| sizes[*arm] += 1);
        let arms: Vec<usize> = (0..self.arms.len()).filter(|arm| sizes[*arm] > 0).collect();
        let mut shares = vec![0.0; self.arms.len()];
        arms.iter().zip(self.arm_weights(&arms)).for_each(|(&arm, weight)| shares[arm] = weight);
        open.into_iter().map(|(index, arm)| (index, shares[arm] / f64::from(sizes[arm]))).collect()
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
}

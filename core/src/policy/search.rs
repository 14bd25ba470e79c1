//! Searches for the list with the largest discounted reward: adaptive beam search (Kuaishou, CIKM 2022, arXiv
//! 2208.09577).
//!
//! The reward of a list is the sum over its places of P(the person gets that far) times the place's value:
//!
//! ```text
//! value = (1 - diversity) worth + diversity (1 - closest cosine above) + calibration (divergence taken away)
//! ```
//!
//! A few lists grow side by side, place by place. Candidates are looked at in order of worth, and a candidate is
//! compared with the places above only where its value could be among the best: similarity only takes away, so the
//! value known so far is a bound. Lists that hold the same items in another order count as one. When the lists have
//! become about equally good, half of them are given up; with one list left the search is greedy.

use super::calibrate::Calibration;
use super::caps::{Above, Standing, Strictness};
use super::list::ListRules;
use super::traits::Traits;
use super::worth::Entrant;
use crate::budget::Budget;
use crate::scramble::scramble;

/// What does not change during a search.
struct Task<'a> {
    traits: &'a Traits,
    rules: &'a ListRules,
    above: &'a [Above],
    entrants: &'a [Entrant],
    largest_share: f32,
}

/// One of the lists that grow side by side.
#[derive(Clone)]
struct Beam {
    /// Positions among the entrants.
    chosen: Vec<u32>,
    is_chosen: Vec<bool>,
    /// The first entrant that is not chosen.
    first: usize,
    /// For each entrant the largest likeness to the first `compared` places.
    closest: Vec<f32>,
    compared: Vec<u32>,
    standing: Standing,
    calibration: Calibration,
    reward: f32,
    /// P(the person gets to the next place).
    reach: f32,
    /// The same for the same items in any order.
    key: u64,
}

/// A list with one more place.
#[derive(Clone, Copy)]
struct Step {
    beam: usize,
    entrant: usize,
    value: f32,
    reward: f32,
}

/// The best list of `count` places below `above`: positions among `entrants`, which are sorted by worth. Shorter when the budget
/// ran out, of which each place takes a unit.
pub(crate) fn search(
    traits: &Traits,
    rules: &ListRules,
    above: &[Above],
    entrants: &[Entrant],
    count: usize,
    budget: &mut Budget<'_>,
) -> Vec<usize> {
    let count = count.min(entrants.len());
    let largest_share = traits.profile.iter().copied().fold(0.0, f32::max);
    let task = Task { traits, rules, above, entrants, largest_share };
    let mut width = rules.search.beams.max(1) as usize;
    let mut beams = vec![task.start(count)];
    for _ in 0..count {
        if !budget.take() {
            break;
        }
        let steps = task.steps(&mut beams, width);
        if steps.is_empty() {
            break;
        }
        width = task.settle(&steps, width);
        beams = task.follow(beams, &steps, width);
    }
    let best = beams.into_iter().next().map(|beam| beam.chosen).unwrap_or_default();
    best.into_iter().map(|entrant| entrant as usize).collect()
}

impl Task<'_> {
    fn start(&self, count: usize) -> Beam {
        let entrants = self.entrants.len();
        Beam {
            chosen: Vec::with_capacity(count),
            is_chosen: vec![false; entrants],
            first: 0,
            closest: vec![0.0; entrants],
            compared: vec![0; entrants],
            standing: Standing::below(self.above, self.traits, self.rules, count),
            calibration: Calibration::empty(if self.is_calibrated() { &self.traits.profile } else { &[] }),
            reward: 0.0,
            reach: 1.0,
            key: 0,
        }
    }

    fn is_calibrated(&self) -> bool {
        self.rules.calibration > 0.0
    }

    /// The best next steps of all lists, at most `width`, best first, none leading to the same items.
    fn steps(&self, beams: &mut [Beam], width: usize) -> Vec<Step> {
        let mut steps = Vec::with_capacity(width * beams.len());
        for (at, beam) in beams.iter_mut().enumerate() {
            Strictness::FALLING.iter().any(|&strictness| {
                let before = steps.len();
                self.best(beam, at, width, strictness, &mut steps);
                steps.len() > before
            });
        }
        steps.sort_by(|one: &Step, other| {
            let order = other.reward.total_cmp(&one.reward);
            order.then(one.beam.cmp(&other.beam)).then(one.entrant.cmp(&other.entrant))
        });
        let mut keys: Vec<u64> = Vec::with_capacity(width);
        steps.retain(|step| {
            let key = beams.get(step.beam).map_or(0, |beam| beam.key ^ mark(step.entrant));
            let is_new = keys.len() < width && !keys.contains(&key);
            keys.extend(is_new.then_some(key));
            is_new
        });
        steps
    }

    /// Adds the best `width` entrants for the next place of one list that `strictness` allows.
    fn best(&self, beam: &mut Beam, at: usize, width: usize, strictness: Strictness, steps: &mut Vec<Step>) {
        let start = steps.len();
        let diversity = self.rules.diversity;
        let place = beam.chosen.len();
        let most = diversity + self.calibration_most(beam);
        for entrant in beam.first..self.entrants.len() {
            let Entrant { index, worth, .. } = self.entrants[entrant];
            let full = steps.len() - start >= width;
            let least = if full { steps[steps.len() - 1].value } else { f32::NEG_INFINITY };
            // Sorted by worth: nothing further down can be among the best.
            if (1.0 - diversity) * worth + most < least {
                break;
            }
            let known = (1.0 - diversity) * worth + self.gain(beam, index);
            if beam.is_chosen[entrant]
                || known + diversity * (1.0 - beam.closest[entrant]) <= least
                || !beam.standing.allows(self.traits, index, place, strictness)
            {
                continue;
            }
            let value = known + diversity * (1.0 - self.closest(beam, entrant));
            if value > least {
                let reward = beam.reward + beam.reach * value;
                steps.truncate(start + width - usize::from(full));
                let after = steps[start..].partition_point(|step| step.value >= value);
                steps.insert(start + after, Step { beam: at, entrant, value, reward });
            }
        }
    }

    fn calibration_most(&self, beam: &Beam) -> f32 {
        match self.is_calibrated() {
            true => self.rules.calibration * beam.calibration.most(self.largest_share),
            false => 0.0,
        }
    }

    fn gain(&self, beam: &mut Beam, index: usize) -> f32 {
        match self.is_calibrated() {
            true => {
                let category = self.traits.categories.of[index];
                self.rules.calibration * beam.calibration.gain(&self.traits.profile, category)
            }
            false => 0.0,
        }
    }

    /// Largest likeness of an entrant to the places above; only places since the last time are compared.
    fn closest(&self, beam: &mut Beam, entrant: usize) -> f32 {
        if self.rules.diversity <= 0.0 {
            return 0.0;
        }
        let index = self.entrants[entrant].index;
        let closest = &mut beam.closest[entrant];
        for &other in &beam.chosen[beam.compared[entrant] as usize..] {
            *closest = closest.max(self.traits.likeness(index, self.entrants[other as usize].index));
        }
        beam.compared[entrant] = beam.chosen.len() as u32;
        *closest
    }

    /// How many lists go on: half when the worst is about as good as the best.
    fn settle(&self, steps: &[Step], width: usize) -> usize {
        let (best, worst) = (steps[0].reward, steps[steps.len() - 1].reward);
        match steps.len() > 1 && worst >= self.rules.search.settled * best {
            true => (width / 2).max(1),
            false => width,
        }
    }

    /// Takes the steps; a list that goes on in several ways is copied.
    fn follow(&self, beams: Vec<Beam>, steps: &[Step], width: usize) -> Vec<Beam> {
        let steps = &steps[..width.min(steps.len())];
        let mut beams: Vec<Option<Beam>> = beams.into_iter().map(Some).collect();
        let mut next = Vec::with_capacity(steps.len());
        for (at, step) in steps.iter().enumerate() {
            let again = steps[at + 1..].iter().any(|other| other.beam == step.beam);
            let parent = if again { beams[step.beam].clone() } else { beams[step.beam].take() };
            next.extend(parent.map(|beam| self.take(beam, step)));
        }
        next
    }

    fn take(&self, mut beam: Beam, step: &Step) -> Beam {
        let Entrant { index, goes_on, .. } = self.entrants[step.entrant];
        beam.standing.put(self.traits, index, beam.chosen.len());
        if self.is_calibrated() {
            beam.calibration.add(&self.traits.profile, self.traits.categories.of[index]);
        }
        beam.chosen.push(step.entrant as u32);
        beam.is_chosen[step.entrant] = true;
        while beam.is_chosen.get(beam.first) == Some(&true) {
            beam.first += 1;
        }
        beam.reward = step.reward;
        beam.reach *= goes_on;
        beam.key ^= mark(step.entrant);
        beam
    }
}

/// A number that stands for an entrant, so that sets are compared by one number.
fn mark(entrant: usize) -> u64 {
    scramble(entrant as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::super::entrants;
    use super::super::fixtures::{Numbers, candidate, candidates};
    use super::super::list::{Caps, Search};
    use super::*;
    use crate::pack::Candidate;

    fn found(candidates: &[Candidate], utilities: &[f32], rules: &ListRules, count: usize) -> Vec<String> {
        of_traits(&Traits::new(candidates, 0), candidates, utilities, rules, count)
    }

    fn of_traits(
        traits: &Traits,
        candidates: &[Candidate],
        utilities: &[f32],
        rules: &ListRules,
        count: usize,
    ) -> Vec<String> {
        let scored: Vec<_> = utilities.iter().copied().enumerate().collect();
        let entrants = entrants(candidates, traits, rules, &scored, &[], 0);
        let list = search(traits, rules, &[], &entrants, count, &mut Budget::unlimited());
        list.iter().map(|&at| candidates[entrants[at].index].item.clone()).collect()
    }

    fn in_order(candidates: &[Candidate], rules: &ListRules, count: usize) -> Vec<String> {
        let utilities: Vec<f32> = (0..candidates.len()).map(|at| -(at as f32)).collect();
        found(candidates, &utilities, rules, count)
    }

    #[test]
    fn one_creator_is_spaced_and_still_fills_the_list_when_alone() {
        let rules = ListRules { creator: Caps { spacing: 1, ..Caps::default() }, ..ListRules::none() };
        let mixed =
            [("a", "x"), ("b", "x"), ("c", "y")].map(|(item, by)| candidate(item, by, "k", [1.0, 0.0]));
        assert_eq!(in_order(&mixed, &rules, 3), ["a", "c", "b"]);
        let alone = ["a", "b", "c"].map(|item| candidate(item, "x", "k", [1.0, 0.0]));
        assert_eq!(in_order(&alone, &rules, 3), ["a", "b", "c"]);
    }

    #[test]
    fn a_category_keeps_to_its_share_and_its_run() {
        let kinds = ["k", "k", "k", "k", "l", "m"];
        let items: Vec<_> = (0..6).map(|at| candidate(&format!("{at}"), "", kinds[at], [1.0, 0.0])).collect();
        let with = |caps: Caps| ListRules { category: caps, ..ListRules::none() };
        assert_eq!(in_order(&items, &with(Caps { in_a_row: 2, ..Caps::default() }), 4), ["0", "1", "4", "2"]);
        assert_eq!(in_order(&items, &with(Caps { share: 0.5, ..Caps::default() }), 4), ["0", "1", "4", "5"]);
    }

    #[test]
    fn diversity_prefers_what_is_unlike_the_places_above_and_ties_go_by_id() {
        let items = [
            candidate("a", "", "k", [1.0, 0.0]),
            candidate("b", "", "k", [1.0, 0.0]),
            candidate("c", "", "k", [0.0, 1.0]),
        ];
        assert_eq!(in_order(&items, &ListRules::none(), 3), ["a", "b", "c"]);
        assert_eq!(in_order(&items, &ListRules { diversity: 0.6, ..ListRules::none() }, 3), ["a", "c", "b"]);
        assert_eq!(found(&items, &[0.5, 0.5, 0.5], &ListRules::none(), 3), ["a", "b", "c"]);
    }

    #[test]
    fn calibration_gives_each_category_about_its_share_of_the_profile() {
        let kind = |at: usize| if at < 12 { "k" } else { "l" };
        let items: Vec<_> =
            (0..20).map(|at| candidate(&format!("{at:02}"), "", kind(at), [1.0, 0.0])).collect();
        let of_l = |rules: &ListRules| {
            in_order(&items, rules, 10).iter().filter(|item| item.parse::<usize>().unwrap() >= 12).count()
        };
        assert_eq!(of_l(&ListRules::none()), 0);
        let calibrated = of_l(&ListRules { calibration: 10.0, ..ListRules::none() });
        assert!((3..=4).contains(&calibrated), "{calibrated} of 10, the profile has 8 of 20");
    }

    #[test]
    fn what_was_taken_up_last_is_the_profile_where_the_pack_tells() {
        let kind = |at: usize| if at < 12 { "k" } else { "l" };
        let items: Vec<_> =
            (0..24).map(|at| candidate(&format!("{at:02}"), "", kind(at), [1.0, 0.0])).collect();
        let utilities: Vec<f32> = (0..24).map(|at| -(at as f32)).collect();
        let rules = ListRules { calibration: 10.0, ..ListRules::none() };
        let of_l = |profile: &[(String, u16)]| {
            let traits = Traits::new(&items, 0).with_profile(profile);
            let list = of_traits(&traits, &items, &utilities, &rules, 10);
            list.iter().filter(|item| item.parse::<usize>().unwrap() >= 12).count()
        };
        let counts = |k: u16, l: u16| [("k".to_owned(), k), ("l".to_owned(), l), ("nowhere".to_owned(), 50)];
        assert!((4..=5).contains(&of_l(&[])));
        assert!(of_l(&counts(0, 50)) >= 8);
        assert!(of_l(&counts(50, 0)) <= 2);
        assert!((4..=6).contains(&of_l(&counts(25, 25))));
    }

    #[test]
    fn the_young_come_up_and_the_popular_go_down() {
        let mut items = ["a", "b"].map(|item| candidate(item, "", "k", [1.0, 0.0]));
        items[0].columns.insert("popularity_rank", 1.0);
        items[1].columns.insert("age_days", 1.9);
        let mut rules = ListRules::none();
        rules.fresh.boost = 1.0;
        rules.popularity.penalty = 0.1;
        assert_eq!(in_order(&items, &rules, 2), ["b", "a"]);
        items[1].columns.insert("age_days", 2.1);
        assert_eq!(in_order(&items, &rules, 2), ["a", "b"]);
    }

    fn rules(numbers: &mut Numbers, beams: u32) -> ListRules {
        ListRules {
            search: Search { beams, settled: 1.0, goes_on: 0.9, continue_head: None },
            diversity: numbers.share() * 0.8,
            calibration: if numbers.below(2) == 0 { 0.0 } else { numbers.share() },
            category: Caps { in_a_row: 2, share: 0.5, spacing: 0 },
            creator: Caps { in_a_row: 0, share: 1.0, spacing: 1 },
            ..ListRules::none()
        }
    }

    /// The reward of a list, from the definition.
    fn reward(traits: &Traits, rules: &ListRules, entrants: &[Entrant], list: &[usize]) -> f32 {
        let task = Task { traits, rules, above: &[], entrants, largest_share: 1.0 };
        let mut beam = task.start(list.len());
        for &entrant in list {
            let Entrant { index, worth, .. } = entrants[entrant];
            let alike = |&at: &u32| traits.likeness(index, entrants[at as usize].index);
            let closest = beam.chosen.iter().map(alike).fold(0.0, f32::max);
            let value = (1.0 - rules.diversity) * worth
                + rules.diversity * (1.0 - closest)
                + task.gain(&mut beam, index);
            let reward = beam.reward + beam.reach * value;
            beam = task.take(beam, &Step { beam: 0, entrant, value, reward });
        }
        beam.reward
    }

    /// The best next entrant by trying all of them.
    fn greedy(traits: &Traits, rules: &ListRules, entrants: &[Entrant], count: usize) -> Vec<usize> {
        let mut list: Vec<usize> = Vec::new();
        let mut standing = Standing::below(&[], traits, rules, count);
        while list.len() < count {
            let place = list.len();
            let value = |at: usize| reward(traits, rules, entrants, &[&list[..], &[at]].concat());
            let open = |strictness| {
                let may = |&at: &usize| {
                    !list.contains(&at) && standing.allows(traits, entrants[at].index, place, strictness)
                };
                (0..entrants.len())
                    .filter(may)
                    .reduce(|best, at| if value(at) > value(best) { at } else { best })
            };
            let best = Strictness::FALLING.into_iter().find_map(open).unwrap();
            standing.put(traits, entrants[best].index, place);
            list.push(best);
        }
        list
    }

    #[test]
    fn the_bounds_leave_nothing_out_and_more_beams_never_find_less_than_one() {
        let mut numbers = Numbers(7);
        let (mut better, mut rounds) = (0, 0);
        for _ in 0..60 {
            let candidates = candidates(&mut numbers, 30);
            let traits = Traits::new(&candidates, 0);
            let scored: Vec<_> = (0..30).map(|at| (at, numbers.share())).collect();
            let one = rules(&mut numbers, 1);
            let entrants = entrants(&candidates, &traits, &one, &scored, &[], 0);
            let list =
                |rules: &ListRules| search(&traits, rules, &[], &entrants, 12, &mut Budget::unlimited());
            let (alone, naive) = (list(&one), greedy(&traits, &one, &entrants, 12));
            let reward = |list: &[usize]| reward(&traits, &one, &entrants, list);
            assert!((reward(&alone) - reward(&naive)).abs() < 1e-4, "{alone:?} {naive:?}");
            let mut wide = one.clone();
            wide.search.beams = 8;
            let beams = list(&wide);
            better += u32::from(reward(&beams) > reward(&alone) + 1e-5);
            rounds += u32::from(reward(&beams) >= reward(&alone) - 1e-3);
        }
        assert!(better >= 20 && rounds >= 55, "better in {better}, not worse in {rounds} of 60");
    }

    #[test]
    fn each_place_takes_a_unit_and_the_list_ends_where_they_do() {
        let items = ["a", "b", "c"].map(|item| candidate(item, "", "k", [1.0, 0.0]));
        let traits = Traits::new(&items, 0);
        let rules = ListRules::none();
        let scored = [(0, 3.0), (1, 2.0), (2, 1.0)];
        let entrants = entrants(&items, &traits, &rules, &scored, &[], 0);
        for units in 0..=3 {
            let mut budget = Budget::of_units(units);
            assert_eq!(search(&traits, &rules, &[], &entrants, 3, &mut budget).len(), units as usize);
            assert_eq!((budget.taken(), budget.is_exhausted()), (units, units < 3));
        }
    }
}

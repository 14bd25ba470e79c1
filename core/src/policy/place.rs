//! Puts the list in its places: pins, places of exploration, chance among the first, and the searched list for the
//! rest. It comes last, and every item goes through the caps here, so nothing before it can break a rule.

use super::caps::{Above, Standing, Strictness};
use super::draw::{self, CERTAIN};
use super::explore::Pool;
use super::list::{ListRules, Pin, Variety};
use super::traits::Traits;
use crate::pack::Candidate;

/// How an item came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By its rank.
    Ranked,
    /// By its rank, but the search had stopped before.
    Late,
    /// By a pin.
    Pinned,
    /// By exploration.
    Explored,
}

/// One place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The candidate's index in the pack.
    pub(crate) index: usize,
    pub(crate) how: How,
    /// P(this item at this place, given the places above), in millionths.
    pub(crate) propensity: u32,
}

/// Everything placement looks at.
pub(crate) struct Placement<'a> {
    pub(crate) candidates: &'a [Candidate],
    pub(crate) traits: &'a Traits,
    pub(crate) rules: &'a ListRules,
    /// What was played right before, the nearest last, where the list is a queue.
    pub(crate) above: &'a [Above],
    /// How many places of the queue were played already.
    pub(crate) played: u64,
    /// All candidates that may be shown, in the order they should come.
    pub(crate) line: &'a [usize],
    /// How many of `line` the search put in order; what comes later is marked.
    pub(crate) searched: usize,
    /// What may be explored, and on which share of the places.
    pub(crate) explored: Option<(&'a Pool, f32)>,
    /// Chance among the first places.
    pub(crate) varied: Option<Variety>,
    /// What each candidate of the pack brings to a list by itself, which chance weighs.
    pub(crate) worth: &'a [f32],
    pub(crate) seed: u64,
    pub(crate) generation: u64,
}

impl Placement<'_> {
    /// The list of `count` places, or of as many as there are candidates.
    pub(crate) fn place(&self, count: usize) -> Vec<Placed> {
        let mut list = List::new(self, count.min(self.line.len()));
        for pin in &self.rules.pins {
            list.pin_item(pin);
        }
        for place in 0..list.places.len() {
            list.fill(place);
        }
        list.places.into_iter().flatten().collect()
    }
}

struct List<'a> {
    given: &'a Placement<'a>,
    places: Vec<Option<Placed>>,
    standing: Standing,
    /// By index in the pack: may be shown, and is not in the list.
    is_open: Vec<bool>,
    /// Where in the line the first open candidate is.
    first: usize,
}

impl<'a> List<'a> {
    fn new(given: &'a Placement<'a>, count: usize) -> Self {
        let mut is_open = vec![false; given.candidates.len()];
        given.line.iter().for_each(|&index| is_open[index] = true);
        let standing = Standing::below(given.above, given.traits, given.rules, count);
        Self { given, places: vec![None; count], standing, is_open, first: 0 }
    }

    fn pin_item(&mut self, pin: &Pin) {
        let place = pin.place as usize;
        let find = |item: &String| self.given.candidates.iter().position(|candidate| candidate.item == *item);
        let index = pin.item.as_ref().and_then(find);
        let Some(index) = index.filter(|&index| self.is_open[index]) else { return };
        if self.places.get(place) == Some(&None) {
            self.put(place, Placed { index, how: How::Pinned, propensity: CERTAIN });
        }
    }

    /// Fills one place by the first means that has an item for it.
    fn fill(&mut self, place: usize) {
        if self.places[place].is_some() {
            return;
        }
        let placed = self.of_source(place).or_else(|| self.explored(place));
        let placed = placed.or_else(|| self.varied(place)).or_else(|| self.ranked(place));
        if let Some(placed) = placed {
            self.put(place, placed);
        }
    }

    fn of_source(&self, place: usize) -> Option<Placed> {
        let pin = self.given.rules.pins.iter().find(|pin| pin.place as usize == place)?;
        let source = pin.source.as_ref()?;
        let is_of_source = |index: &usize| {
            let columns = self.given.candidates.get(*index).map(|candidate| &candidate.columns);
            columns.and_then(|columns| columns.get(source.as_str())).is_some_and(|value| value > 0.0)
        };
        let index = self.open(place, Strictness::Shares).map(|(_, index)| index).find(is_of_source)?;
        Some(Placed { index, how: How::Pinned, propensity: CERTAIN })
    }

    /// Places of exploration are spread evenly: with a share of 0.1, the tenth, the twentieth and so on, what was played
    /// of a queue included.
    fn explored(&self, place: usize) -> Option<Placed> {
        let (pool, share) = self.given.explored?;
        let due = |places: u64| libm::floor(places as f64 * f64::from(share) + 1e-3);
        let before = self.in_queue(place);
        if due(before.saturating_add(1)) <= due(before) {
            return None;
        }
        let may = |index: usize| self.is_open[index] && self.allows(index, place, Strictness::Shares);
        let weights = pool.weights(may);
        let (index, propensity) = self.drawn(&weights, place)?;
        Some(Placed { index, how: How::Explored, propensity })
    }

    /// A softmax over the worth of the next candidates in line, twice as many as places are varied.
    fn varied(&self, place: usize) -> Option<Placed> {
        let variety = self.given.varied?;
        let places = variety.places as usize;
        if variety.temperature <= 0.0 || place >= places {
            return None;
        }
        let value = |index: usize| {
            f64::from(self.given.worth.get(index).copied().unwrap_or(0.0) / variety.temperature)
        };
        let strictness = self.strictness(place)?;
        let next: Vec<usize> = self.open(place, strictness).map(|(_, at)| at).take(2 * places).collect();
        let largest = next.iter().map(|&index| value(index)).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<(usize, f64)> =
            next.into_iter().map(|index| (index, libm::exp(value(index) - largest))).collect();
        let (index, propensity) = self.drawn(&weights, place)?;
        Some(Placed { index, how: How::Ranked, propensity })
    }

    fn ranked(&self, place: usize) -> Option<Placed> {
        let (at, index) = self.open(place, self.strictness(place)?).next()?;
        let how = if at < self.given.searched { How::Ranked } else { How::Late };
        Some(Placed { index, how, propensity: CERTAIN })
    }

    fn drawn(&self, weights: &[(usize, f64)], place: usize) -> Option<(usize, u32)> {
        let only: Vec<f64> = weights.iter().map(|(_, weight)| *weight).collect();
        let lot = draw::lot(self.given.seed, self.given.generation, self.in_queue(place));
        let (drawn, share) = draw::draw(&draw::millionths(&only), lot)?;
        Some((weights.get(drawn)?.0, share))
    }

    /// A place's number in the whole queue: it keeps its lot while the queue gets there.
    fn in_queue(&self, place: usize) -> u64 {
        self.given.played.saturating_add(place as u64)
    }

    /// The strictest caps that leave anything for this place.
    fn strictness(&self, place: usize) -> Option<Strictness> {
        let leaves = |strictness: &Strictness| self.open(place, *strictness).next().is_some();
        Strictness::FALLING.into_iter().find(leaves)
    }

    /// Open candidates with their position in line that may stand here, in order.
    fn open(&self, place: usize, strictness: Strictness) -> impl Iterator<Item = (usize, usize)> + '_ {
        let line = self.given.line.iter().copied().enumerate().skip(self.first);
        line.filter(move |&(_, index)| self.is_open[index] && self.allows(index, place, strictness))
    }

    fn allows(&self, index: usize, place: usize, strictness: Strictness) -> bool {
        self.standing.allows(self.given.traits, index, place, strictness)
    }

    fn put(&mut self, place: usize, placed: Placed) {
        self.standing.put(self.given.traits, placed.index, place);
        self.is_open[placed.index] = false;
        self.places[place] = Some(placed);
        while self.given.line.get(self.first).is_some_and(|&index| !self.is_open[index]) {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Numbers, candidate, candidates};
    use super::super::list::{ArmsOf, Caps, Exploration, Method, ShareStep};
    use super::*;

    fn placement<'a>(
        candidates: &'a [Candidate],
        traits: &'a Traits,
        rules: &'a ListRules,
        line: &'a [usize],
        worth: &'a [f32],
    ) -> Placement<'a> {
        Placement {
            candidates,
            traits,
            rules,
            line,
            above: &[],
            played: 0,
            searched: usize::MAX,
            explored: None,
            varied: None,
            worth,
            seed: 1,
            generation: 1,
        }
    }

    fn pin(place: u32, item: Option<&str>, source: Option<&str>) -> Pin {
        Pin { place, item: item.map(str::to_owned), source: source.map(str::to_owned) }
    }

    #[test]
    fn a_pin_holds_its_place_and_what_stands_around_it_keeps_the_caps() {
        let by = ["x", "y", "x", "y", "z"];
        let mut items: Vec<_> =
            (0..5).map(|at| candidate(&at.to_string(), by[at], "k", [1.0, 0.0])).collect();
        items[4].columns.insert("editorial", 1.0);
        let traits = Traits::new(&items, 0);
        let rules = ListRules {
            creator: Caps { in_a_row: 1, ..Caps::default() },
            pins: vec![pin(1, Some("2"), None), pin(3, None, Some("editorial")), pin(2, Some("none"), None)],
            ..ListRules::none()
        };
        let line = [0, 1, 2, 3, 4];
        let placed = placement(&items, &traits, &rules, &line, &[]).place(5);
        // Item 0 is by the creator of the pinned one, so it cannot stand beside it.
        assert_eq!(placed.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 2, 3, 4, 0]);
        assert_eq!((placed[1].how, placed[3].how, placed[2].how), (How::Pinned, How::Pinned, How::Ranked));
    }

    #[test]
    fn every_draw_is_a_permutation_within_the_caps_and_its_propensity_is_exact() {
        let mut numbers = Numbers(3);
        let items = candidates(&mut numbers, 40);
        let traits = Traits::new(&items, 0);
        let share = ShareStep { below: None, share: 0.25 };
        let method = Method::EpsilonGreedy { epsilon: 0.5 };
        let exploration = Exploration { share: vec![share], method, arms: ArmsOf::Item };
        let pool = Pool::new(&exploration, &traits, &items);
        let caps = Caps { in_a_row: 2, share: 0.4, spacing: 0 };
        let rules = ListRules { category: caps, ..ListRules::none() };
        let line: Vec<usize> = (0..40).collect();
        let worth: Vec<f32> = (0..40).map(|at| 1.0 - at as f32 / 40.0).collect();
        let (mut first, mut expected) = ([0_u32; 40], [0_u32; 40]);
        for seed in 0..4_000 {
            let given = Placement {
                explored: Some((&pool, 0.25)),
                varied: Some(Variety { temperature: 0.1, places: 4 }),
                seed,
                ..placement(&items, &traits, &rules, &line, &worth)
            };
            let placed = given.place(20);
            let mut indices: Vec<usize> = placed.iter().map(|one| one.index).collect();
            first[placed[0].index] += 1;
            expected[placed[0].index] = placed[0].propensity;
            let kind = |at: &usize| items[*at].categories[0].as_str();
            assert!(indices.windows(3).all(|three| three.iter().any(|at| kind(at) != kind(&three[0]))));
            let most = indices.iter().map(|at| indices.iter().filter(|o| kind(o) == kind(at)).count()).max();
            assert!(most <= Some(8));
            assert_eq!(placed.iter().filter(|one| one.how == How::Explored).count(), 5);
            indices.sort_unstable();
            indices.dedup();
            assert_eq!(indices.len(), 20);
        }
        let drawn = (0..40).filter(|&at| first[at] > 0);
        // Four standard deviations of 4,000 draws are at most 127.
        assert!(drawn.clone().all(|at| (first[at] * 250).abs_diff(expected[at]) < 127 * 250), "{first:?}");
        assert!(drawn.count() > 3);
    }
}

//! What one list is worth. Each metric is a sum over steps divided by a weight over steps, so that lists, people and
//! whole replays add up, and people can be drawn again for an interval.

use libm::log2;

use super::bootstrap;
use super::tasks::{Labelled, Task};
use crate::towers::Embeddings;

/// The metrics, in the order of [`Parts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// `(2^worth - 1) / log2(rank + 1)` over the first ten places, as a share of the best order's (Järvelin and
    /// Kekäläinen, 2002; Burges and others, 2005).
    Ndcg10,
    /// Share of lists with something right among the first ten.
    Hr10,
    /// Likewise among the first thirty.
    Hr30,
    /// Share of the first thirty places (or of all, in shorter lists) that did well in the rest of the session.
    Precision30,
    /// Mean of `1 / rank` of the first that is right.
    Mrr,
    /// Mean over lists of the share of pairs, one that did well and one refused, in the right order; ties count half.
    Auc,
    /// The same over the pairs of all lists, each weighted by the seconds that the good one was played.
    AucWatch,
    /// Mean over people of the share of all their pairs in the right order, weighted by the root of the number of pairs,
    /// which goes with the number of labelled items (after Zhou and others, 2018).
    Gauc,
    /// Share of refused items among those of the first five places of which anything is known.
    SkipRate5,
    /// 1 less the mean cosine over pairs of the first ten places.
    Diversity10,
    /// Mean of `-log2 p` over the first ten places; `p` is the item's share of what was taken up before.
    Novelty10,
    /// Mean popularity of the first ten places, as a multiple of that of what was right.
    PopularityLift10,
    /// Mean expected utility of the first ten places by the hidden truth.
    Utility10,
    /// What the gap is measured in, at steps with at least five known events.
    AfterFive,
}

/// Number of metrics.
pub const COUNT: usize = 14;

/// Sum and weight of each metric.
pub type Parts = bootstrap::Parts<COUNT>;

/// Nothing yet.
pub const NOTHING: Parts = [(0.0, 0.0); COUNT];

impl Metric {
    /// All of them with their keys, in the order of [`Parts`].
    pub const ALL: [(Self, &'static str); COUNT] = [
        (Self::Ndcg10, "ndcg10"),
        (Self::Hr10, "hr10"),
        (Self::Hr30, "hr30"),
        (Self::Precision30, "precision30"),
        (Self::Mrr, "mrr"),
        (Self::Auc, "auc"),
        (Self::AucWatch, "auc_watch"),
        (Self::Gauc, "gauc"),
        (Self::SkipRate5, "skip_rate5"),
        (Self::Diversity10, "diversity10"),
        (Self::Novelty10, "novelty10"),
        (Self::PopularityLift10, "popularity_lift10"),
        (Self::Utility10, "utility10"),
        (Self::AfterFive, "after_5"),
    ];

    /// Its place in [`Parts`].
    #[must_use]
    pub fn place(self) -> usize {
        self as usize
    }
}

impl From<Metric> for usize {
    fn from(metric: Metric) -> Self {
        metric.place()
    }
}

/// What a method made of a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranked {
    /// The list, best first; what was played before is not in it.
    pub list: Vec<u32>,
    /// Scores of items, in no particular order.
    pub scores: Vec<(u32, f32)>,
}

impl Ranked {
    fn score(&self, item: u32) -> Option<f32> {
        self.scores.iter().find(|(other, _)| *other == item).map(|(_, score)| *score)
    }
}

/// What metrics need to know about the items.
pub struct Facts<'a> {
    /// How often each item was taken up before.
    pub counts: &'a [f32],
    /// Their sum.
    pub total: f32,
    /// The items' vectors.
    pub vectors: &'a Embeddings,
}

/// The parts of what a method answered, as the mean over its lists: of one list its own. `utility` is the hidden truth's word on an
/// item, where it is known.
#[must_use]
pub fn measure(
    task: &Task,
    lists: &[Ranked],
    facts: &Facts<'_>,
    utility: Option<&dyn Fn(u32) -> Option<f64>>,
) -> Parts {
    let mut mean = NOTHING;
    for ranked in lists {
        for (mean, part) in mean.iter_mut().zip(measure_one(task, ranked, facts, utility)) {
            mean.0 += part.0 / lists.len() as f64;
            mean.1 += part.1 / lists.len() as f64;
        }
    }
    mean
}

/// The parts of one list.
fn measure_one(
    task: &Task,
    ranked: &Ranked,
    facts: &Facts<'_>,
    utility: Option<&dyn Fn(u32) -> Option<f64>>,
) -> Parts {
    let mut parts = NOTHING;
    let mut set = |metric: Metric, part: (f64, f64)| parts[metric.place()] = part;
    let top = &ranked.list[..ranked.list.len().min(10)];
    ranks(task, &ranked.list, &mut set);
    opinions(task, ranked, &mut set);
    manner(task, top, facts, &mut set);
    let expected = |utility: &dyn Fn(u32) -> Option<f64>| {
        let utilities = top.iter().filter_map(|item| utility(*item));
        utilities.fold((0.0, 0.0), |(sum, count), utility| (sum + utility, count + 1.0))
    };
    let truth = utility.map(expected);
    truth.into_iter().for_each(|part| set(Metric::Utility10, part));
    if task.known >= 5 {
        set(Metric::AfterFive, truth.unwrap_or_else(|| (ndcg(task, &ranked.list), 1.0)));
    }
    parts
}

/// Where in the list what is right stands.
fn ranks(task: &Task, list: &[u32], set: &mut impl FnMut(Metric, (f64, f64))) {
    let first = list.iter().position(|item| worth(task, *item) > 0);
    let within = |places: usize| f64::from(u8::from(first.is_some_and(|rank| rank < places)));
    set(Metric::Ndcg10, (ndcg(task, list), 1.0));
    set(Metric::Hr10, (within(10), 1.0));
    set(Metric::Hr30, (within(30), 1.0));
    set(Metric::Precision30, (precision(task, list, 30), 1.0));
    set(Metric::Mrr, (first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64), 1.0));
}

/// Whether what did well stands above what was refused.
fn opinions(task: &Task, ranked: &Ranked, set: &mut impl FnMut(Metric, (f64, f64))) {
    let pairs = Pairs::of(task, ranked);
    if pairs.all > 0.0 {
        set(Metric::Auc, (pairs.right / pairs.all, 1.0));
    }
    set(Metric::Gauc, (pairs.right, pairs.all));
    set(Metric::AucWatch, (pairs.right_seconds, pairs.all_seconds));
    let known = said(task, &ranked.list, 5);
    let refused = known.iter().filter(|one| !one.positive).count();
    set(Metric::SkipRate5, (refused as f64, known.len() as f64));
}

/// What the first places are like, whether they are right or not.
fn manner(task: &Task, top: &[u32], facts: &Facts<'_>, set: &mut impl FnMut(Metric, (f64, f64))) {
    set(Metric::Diversity10, apart(top, facts.vectors));
    let count = |item: u32| f64::from(facts.counts[item as usize]);
    let surprise = |item: &u32| -log2((count(*item) + 1.0) / (f64::from(facts.total) + 1.0));
    set(Metric::Novelty10, (top.iter().map(surprise).sum(), top.len() as f64));
    let right = mean(task.relevant.iter().map(|(item, _)| count(*item)));
    set(Metric::PopularityLift10, (mean(top.iter().map(|item| count(*item))), right));
}

fn worth(task: &Task, item: u32) -> u8 {
    task.relevant.iter().find(|(other, _)| *other == item).map_or(0, |(_, worth)| *worth)
}

fn ndcg(task: &Task, list: &[u32]) -> f64 {
    let gain = |(place, worth): (usize, u8)| (libm::exp2(f64::from(worth)) - 1.0) / log2((place + 2) as f64);
    let gained: f64 = list.iter().take(10).map(|item| worth(task, *item)).enumerate().map(gain).sum();
    let mut best: Vec<u8> = task.relevant.iter().map(|(_, worth)| *worth).collect();
    best.sort_unstable_by(|one, other| other.cmp(one));
    let most: f64 = best.into_iter().take(10).enumerate().map(gain).sum();
    if most > 0.0 { gained / most } else { 0.0 }
}

fn precision(task: &Task, list: &[u32], places: usize) -> f64 {
    let top = &list[..list.len().min(places)];
    let did_well = |item: &&u32| {
        worth(task, **item) > 0 || task.labelled.iter().any(|one| one.item == **item && one.positive)
    };
    top.iter().filter(did_well).count() as f64 / top.len().max(1) as f64
}

fn said<'a>(task: &'a Task, list: &[u32], places: usize) -> Vec<&'a Labelled> {
    let top = list.iter().take(places);
    top.filter_map(|item| task.labelled.iter().find(|one| one.item == *item)).collect()
}

/// Pairs of one that did well and one refused, and those in the right order.
#[derive(Debug, Default)]
struct Pairs {
    right: f64,
    all: f64,
    right_seconds: f64,
    all_seconds: f64,
}

impl Pairs {
    fn of(task: &Task, ranked: &Ranked) -> Self {
        let scored: Vec<(&Labelled, f32)> =
            task.labelled.iter().filter_map(|one| Some((one, ranked.score(one.item)?))).collect();
        let mut pairs = Self::default();
        for (good, high) in scored.iter().filter(|(one, _)| one.positive) {
            for (_, low) in scored.iter().filter(|(one, _)| !one.positive) {
                let right = if high > low { 1.0 } else { 0.5 * f64::from(u8::from(high == low)) };
                let seconds = f64::from(good.seconds);
                pairs.right += right;
                pairs.all += 1.0;
                pairs.right_seconds += right * seconds;
                pairs.all_seconds += seconds;
            }
        }
        pairs
    }
}

/// Sum of `1 - cosine` over pairs, and the number of pairs.
fn apart(items: &[u32], vectors: &Embeddings) -> (f64, f64) {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (at, one) in items.iter().enumerate() {
        for other in &items[at + 1..] {
            let (one, other) = (vectors.item(*one as usize), vectors.item(*other as usize));
            let cosine: f32 = one.iter().zip(other).map(|(left, right)| left * right).sum();
            sum += 1.0 - f64::from(cosine);
            pairs += 1.0;
        }
    }
    (sum, pairs)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(item: u32, positive: bool, seconds: f32) -> Labelled {
        Labelled { item, positive, seconds }
    }

    fn parts(task: &Task, list: &[u32], utility: Option<&dyn Fn(u32) -> Option<f64>>) -> Parts {
        parts_of(task, &[list], utility)
    }

    fn parts_of(task: &Task, lists: &[&[u32]], utility: Option<&dyn Fn(u32) -> Option<f64>>) -> Parts {
        let vectors = Embeddings {
            dimension: 2,
            items: vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
            users: Vec::new(),
            towers: "none".into(),
            reused: 0,
            directions: None,
        };
        let facts = Facts { counts: &[3.0, 1.0, 0.0, 3.0], total: 7.0, vectors: &vectors };
        let ranked = |list: &&[u32]| {
            let scores = list.iter().enumerate().map(|(place, item)| (*item, -(place as f32))).collect();
            Ranked { list: list.to_vec(), scores }
        };
        measure(task, &lists.iter().map(ranked).collect::<Vec<_>>(), &facts, utility)
    }

    fn ratio(parts: &Parts, metric: Metric) -> f64 {
        let (sum, weight) = parts[metric.place()];
        sum / weight
    }

    fn task(known: usize, relevant: &[(u32, u8)], labelled: Vec<Labelled>) -> Task {
        Task { known, candidates: None, relevant: relevant.to_vec(), labelled }
    }

    #[test]
    fn ranks_follow_their_definitions() {
        let parts = parts(&task(0, &[(2, 1)], Vec::new()), &[0, 1, 2, 3], None);
        assert!((ratio(&parts, Metric::Ndcg10) - 0.5).abs() < 1e-12);
        assert!((ratio(&parts, Metric::Mrr) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((ratio(&parts, Metric::Hr10), ratio(&parts, Metric::Precision30)), (1.0, 0.25));
        assert_eq!(parts[Metric::Auc.place()], (0.0, 0.0));
        assert_eq!(parts[Metric::AfterFive.place()], (0.0, 0.0));
    }

    #[test]
    fn what_is_worth_more_belongs_further_up() {
        let both = task(0, &[(0, 1), (1, 3)], Vec::new());
        assert_eq!(ratio(&parts(&both, &[1, 0], None), Metric::Ndcg10), 1.0);
        let swapped = ratio(&parts(&both, &[0, 1], None), Metric::Ndcg10);
        let log3 = log2(3.0);
        assert!((swapped - (1.0 + 7.0 / log3) / (7.0 + 1.0 / log3)).abs() < 1e-12);
        assert_eq!(ratio(&parts(&both, &[2, 3], None), Metric::Ndcg10), 0.0);
    }

    #[test]
    fn pairs_are_right_wrong_or_tied_and_count_by_what_was_played() {
        let said = vec![labelled(0, true, 10.0), labelled(1, false, 0.0), labelled(2, true, 30.0)];
        let parts = parts(&task(0, &[(0, 1)], said), &[0, 1, 2], None);
        assert_eq!(parts[Metric::Auc.place()], (0.5, 1.0));
        assert_eq!(parts[Metric::Gauc.place()], (1.0, 2.0));
        assert_eq!(parts[Metric::AucWatch.place()], (10.0, 40.0));
        assert_eq!(parts[Metric::SkipRate5.place()], (1.0, 3.0));
        let tied = Ranked { list: vec![0, 1], scores: vec![(0, 1.0), (1, 1.0)] };
        let said = vec![labelled(0, true, 0.0), labelled(1, false, 0.0)];
        assert_eq!(Pairs::of(&task(0, &[], said), &tied).right, 0.5);
    }

    #[test]
    fn several_lists_are_worth_their_mean_and_count_as_one_question() {
        let said = vec![labelled(2, true, 10.0), labelled(3, false, 0.0)];
        let task = task(0, &[(2, 1)], said);
        let parts = parts_of(&task, &[&[0, 1, 2, 3], &[2, 3, 0, 1], &[3, 2, 0, 1], &[3, 0, 1, 2]], None);
        let near = |metric: Metric, expected: f64| {
            let (sum, weight) = parts[metric.place()];
            assert!((sum - expected).abs() < 1e-12 && (weight - 1.0).abs() < 1e-12, "{metric:?}: {sum}");
        };
        near(Metric::Mrr, (1.0 / 3.0 + 1.0 + 0.5 + 0.25) / 4.0);
        near(Metric::Ndcg10, (0.5 + 1.0 + 1.0 / log2(3.0) + 1.0 / log2(5.0)) / 4.0);
        near(Metric::Auc, 0.5);
        assert_eq!(parts[Metric::AucWatch.place()], (5.0, 10.0));
    }

    #[test]
    fn equal_vectors_are_not_diverse_and_common_items_not_novel() {
        let alike = parts(&task(0, &[(3, 1)], Vec::new()), &[0, 2], None);
        let apart = parts(&task(0, &[(3, 1)], Vec::new()), &[0, 1], None);
        assert!(ratio(&alike, Metric::Diversity10).abs() < 1e-6);
        assert!((ratio(&apart, Metric::Diversity10) - 1.0).abs() < 1e-6);
        assert!((ratio(&alike, Metric::Novelty10) - (1.0 + 3.0) / 2.0).abs() < 1e-6);
        assert!((ratio(&apart, Metric::PopularityLift10) - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn the_gap_is_measured_by_the_truth_where_it_is_known_and_late_only() {
        let utility = |item: u32| (item < 2).then_some(f64::from(item));
        let late = parts(&task(5, &[(0, 1)], Vec::new()), &[0, 1, 2], Some(&utility));
        assert_eq!(late[Metric::AfterFive.place()], (1.0, 2.0));
        assert_eq!(late[Metric::Utility10.place()], (1.0, 2.0));
        let plain = parts(&task(5, &[(0, 1)], Vec::new()), &[0, 1], None);
        assert_eq!(plain[Metric::AfterFive.place()], (1.0, 1.0));
    }
}

//! How good the ranker's heads are: log-loss and calibration error of probabilities, mean error of seconds, with 95 %
//! intervals by person.

use std::collections::BTreeMap;

use segue_core::features::{Head, HeadKind};

use super::bootstrap::{self, Figures, Interval};

/// The head that says how many seconds of an item are played.
pub const WATCH_SECONDS: &str = "watch_seconds";
/// Equal parts that the probabilities are cut into for the calibration error.
const PARTS: usize = 15;
/// Nearest to 0 and to 1 that a probability counts for.
const EDGE: f64 = 1e-6;

/// What heads answered, and what became of it (0 or 1, or an amount).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heads {
    probabilities: BTreeMap<String, Vec<Answer>>,
    amounts: BTreeMap<String, Vec<Answer>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    person: u64,
    given: f64,
    came: f64,
}

/// Figures of one head that is a probability; intervals are none where there are too few people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// Answers with a known outcome.
    pub answers: usize,
    /// Share of them that came true.
    pub share: f64,
    /// Mean of `-ln p` of what happened.
    pub log_loss: f64,
    /// Its interval.
    pub log_loss_interval: Option<Interval>,
    /// The log-loss of always answering `share`.
    pub log_loss_of_share: f64,
    /// Mean distance between probability and share over 15 equal parts, weighted by their answers (Naeini and others,
    /// 2015).
    pub calibration_error: f64,
    /// Its interval.
    pub calibration_interval: Option<Interval>,
}

/// Figures of a head that is an amount, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// Answers with a known outcome.
    pub answers: usize,
    /// Mean absolute error.
    pub error: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The error of always answering the median of what came, which no other constant is below.
    pub error_of_median: f64,
}

impl Heads {
    /// Notes that the ranker has these heads.
    pub fn expect(&mut self, heads: &[Head]) {
        for Head { name, kind, .. } in heads {
            self.of_kind(*kind).entry(name.clone()).or_default();
        }
    }

    /// Notes what a head answered about something of `person`'s, and what became of it.
    pub fn add(&mut self, head: &Head, person: u64, given: f32, came: f32) {
        let answer = Answer { person, given: given.into(), came: came.into() };
        let heads = self.of_kind(head.kind);
        match heads.get_mut(&head.name) {
            Some(answers) => answers.push(answer),
            None => drop(heads.insert(head.name.clone(), vec![answer])),
        }
    }

    fn of_kind(&mut self, kind: HeadKind) -> &mut BTreeMap<String, Vec<Answer>> {
        match kind {
            HeadKind::Probability => &mut self.probabilities,
            HeadKind::Amount => &mut self.amounts,
        }
    }

    /// Adds another part's answers.
    pub fn append(&mut self, other: Self) {
        for (mine, theirs) in
            [(&mut self.probabilities, other.probabilities), (&mut self.amounts, other.amounts)]
        {
            for (head, mut answers) in theirs {
                mine.entry(head).or_default().append(&mut answers);
            }
        }
    }

    /// The figures of each probability; none where nothing it answered has a known outcome.
    #[must_use]
    pub fn probabilities(&self) -> BTreeMap<&str, Option<Probability>> {
        let heads = self.probabilities.iter();
        heads.map(|(head, answers)| (head.as_str(), Probability::of(answers))).collect()
    }

    /// The figures of the head [`WATCH_SECONDS`], or why there are none.
    ///
    /// # Errors
    /// The reason.
    pub fn watch_seconds(&self) -> Result<Amount, &'static str> {
        if self.probabilities.is_empty() && self.amounts.is_empty() {
            return Err("there is no ranker");
        }
        let answers = self.amounts.get(WATCH_SECONDS).ok_or("the ranker has no head watch_seconds")?;
        Amount::of(answers).ok_or("no event that was judged tells how long it was played")
    }
}

impl Probability {
    fn of(answers: &[Answer]) -> Option<Self> {
        let all = total(answers.iter().map(|one| (one.came, 1.0)));
        let share = (!answers.is_empty()).then(|| all.0 / all.1)?;
        let losses = means(answers, |one| loss(one.given, one.came));
        let people: Vec<Calibration> = by_person(answers).values().map(|one| Calibration::of(one)).collect();
        Some(Self {
            answers: answers.len(),
            share,
            log_loss: losses.value(0, 0_usize)?,
            log_loss_interval: losses.interval(0, 0_usize),
            log_loss_of_share: loss(share, share),
            calibration_error: Calibration::of(answers).error(),
            calibration_interval: bootstrap::interval(people.len(), |times| {
                Calibration::sum(&people, times).error()
            }),
        })
    }
}

impl Amount {
    fn of(answers: &[Answer]) -> Option<Self> {
        let mut came: Vec<f64> = answers.iter().map(|one| one.came).collect();
        came.sort_unstable_by(f64::total_cmp);
        let median = *came.get(came.len() / 2)?;
        let errors = means(answers, |one| (one.given - one.came).abs());
        let (sum, count) = total(came.iter().map(|came| ((came - median).abs(), 1.0)));
        Some(Self {
            answers: answers.len(),
            error: errors.value(0, 0_usize)?,
            interval: errors.interval(0, 0_usize),
            error_of_median: sum / count,
        })
    }
}

/// Sums of what was given and of what came, over equal parts of the probabilities.
#[derive(Debug, Clone, Copy, Default)]
struct Calibration {
    parts: [(f64, f64); PARTS],
    count: f64,
}

impl Calibration {
    fn of(answers: &[Answer]) -> Self {
        let mut all = Self::default();
        for Answer { given, came, .. } in answers {
            let part = &mut all.parts[((given * PARTS as f64) as usize).min(PARTS - 1)];
            *part = (part.0 + given, part.1 + came);
            all.count += 1.0;
        }
        all
    }

    fn sum(people: &[Self], times: &[f64]) -> Self {
        let mut all = Self::default();
        for (person, times) in people.iter().zip(times) {
            for (part, theirs) in all.parts.iter_mut().zip(&person.parts) {
                *part = (part.0 + times * theirs.0, part.1 + times * theirs.1);
            }
            all.count += times * person.count;
        }
        all
    }

    fn error(&self) -> f64 {
        self.parts.iter().map(|(given, came)| (given - came).abs()).sum::<f64>() / self.count
    }
}

/// The mean of something over the answers, with what an interval needs.
fn means(answers: &[Answer], of: impl Fn(&Answer) -> f64) -> Figures<1> {
    let person = |answers: Vec<Answer>| vec![[total(answers.iter().map(|one| (of(one), 1.0)))]];
    Figures::new(&by_person(answers).into_values().map(person).collect::<Vec<_>>(), 1)
}

fn by_person(answers: &[Answer]) -> BTreeMap<u64, Vec<Answer>> {
    let mut people: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
    answers.iter().for_each(|one| people.entry(one.person).or_default().push(*one));
    people
}

fn total(parts: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    parts.fold((0.0, 0.0), |(sum, count), (value, weight)| (sum + value, count + weight))
}

fn loss(probability: f64, came: f64) -> f64 {
    let inside = probability.clamp(EDGE, 1.0 - EDGE);
    -(came * libm::log(inside) + (1.0 - came) * libm::log(1.0 - inside))
}

#[cfg(test)]
mod tests {
    use segue_core::features::Calibration as Correction;

    use super::*;

    fn head(name: &str, kind: HeadKind) -> Head {
        Head { name: name.into(), kind, calibration: Correction::None }
    }

    #[test]
    fn a_head_that_is_right_on_average_is_calibrated_and_one_that_boasts_is_not() {
        let mut heads = Heads::default();
        for at in 0..40 {
            let came = f32::from(u8::from(at % 10 < 3));
            heads.add(&head("modest", HeadKind::Probability), at, 0.3, came);
            heads.add(&head("boastful", HeadKind::Probability), at, 0.9, came);
        }
        let figures = heads.probabilities();
        let (modest, boastful) = (figures["modest"].unwrap(), figures["boastful"].unwrap());
        assert!(modest.calibration_error < 1e-6, "{modest:?}");
        assert!((boastful.calibration_error - 0.6).abs() < 1e-6, "{boastful:?}");
        assert!((modest.log_loss - modest.log_loss_of_share).abs() < 1e-6);
        assert!(boastful.log_loss > modest.log_loss);
        let (low, high) = boastful.calibration_interval.unwrap();
        assert!(low < 0.6 && high > 0.6 && low > 0.3, "{low} {high}");
        let (low, high) = modest.log_loss_interval.unwrap();
        assert!((low..=high).contains(&modest.log_loss));
    }

    #[test]
    fn certainty_that_fails_costs_a_finite_amount() {
        let mut heads = Heads::default();
        heads.add(&head("sure", HeadKind::Probability), 1, 1.0, 0.0);
        assert!(heads.probabilities()["sure"].unwrap().log_loss.is_finite());
    }

    #[test]
    fn seconds_are_compared_with_what_was_played_and_with_the_best_constant() {
        let watch = head(WATCH_SECONDS, HeadKind::Amount);
        let mut heads = Heads::default();
        assert_eq!(heads.watch_seconds(), Err("there is no ranker"));
        heads.expect(&[head("complete", HeadKind::Probability)]);
        assert_eq!(heads.watch_seconds(), Err("the ranker has no head watch_seconds"));
        assert_eq!(heads.probabilities()["complete"], None);
        heads.expect(std::slice::from_ref(&watch));
        assert!(heads.watch_seconds().unwrap_err().contains("how long"));
        let mut other = Heads::default();
        for (person, given, came) in [(1, 10.0, 20.0), (1, 30.0, 30.0), (2, 90.0, 70.0)] {
            other.add(&watch, person, given, came);
        }
        heads.append(other);
        let found = heads.watch_seconds().unwrap();
        assert_eq!((found.answers, found.error, found.error_of_median), (3, 10.0, 50.0 / 3.0));
        assert_eq!(found.interval, Some((5.0, 20.0)));
    }
}

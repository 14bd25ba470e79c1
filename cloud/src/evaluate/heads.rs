//! How good the ranker's probabilities are: log-loss and calibration error of each head.

use std::collections::BTreeMap;

use serde::Serialize;

/// Equal parts that the probabilities are cut into for the calibration error.
const PARTS: usize = 15;
/// Nearest to 0 and to 1 that a probability counts for.
const EDGE: f64 = 1e-6;

/// Probabilities with what became of it (0 or 1), by head.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heads {
    answers: BTreeMap<String, Vec<(f32, f32)>>,
}

/// Figures of one head.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HeadFigures {
    /// Answers with a known outcome.
    pub answers: usize,
    /// Share of them that came true.
    pub share: f64,
    /// Mean of `-ln p` of what happened.
    pub log_loss: f64,
    /// The log-loss of always answering `share`.
    pub log_loss_of_share: f64,
    /// Mean distance between probability and share over 15 equal parts, weighted by their answers (Naeini and others,
    /// 2015).
    pub calibration_error: f64,
}

impl Heads {
    /// Notes an answer of `head` and what became of it.
    pub fn add(&mut self, head: &str, probability: f32, outcome: f32) {
        match self.answers.get_mut(head) {
            Some(answers) => answers.push((probability, outcome)),
            None => drop(self.answers.insert(head.to_owned(), vec![(probability, outcome)])),
        }
    }

    /// Adds another part's answers.
    pub fn append(&mut self, other: Self) {
        for (head, mut answers) in other.answers {
            self.answers.entry(head).or_default().append(&mut answers);
        }
    }

    /// The figures of each head.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<&str, HeadFigures> {
        self.answers.iter().map(|(head, answers)| (head.as_str(), figures(answers))).collect()
    }
}

fn figures(answers: &[(f32, f32)]) -> HeadFigures {
    let count = answers.len().max(1) as f64;
    let share = answers.iter().map(|(_, outcome)| f64::from(*outcome)).sum::<f64>() / count;
    let loss = |probability: f64, outcome: f64| {
        let inside = probability.clamp(EDGE, 1.0 - EDGE);
        -(outcome * libm::log(inside) + (1.0 - outcome) * libm::log(1.0 - inside))
    };
    let mut parts = [(0.0, 0.0); PARTS];
    for (probability, outcome) in answers {
        let part = &mut parts[((probability * PARTS as f32) as usize).min(PARTS - 1)];
        part.0 += f64::from(*probability);
        part.1 += f64::from(*outcome);
    }
    HeadFigures {
        answers: answers.len(),
        share,
        log_loss: answers.iter().map(|(given, came)| loss((*given).into(), (*came).into())).sum::<f64>()
            / count,
        log_loss_of_share: loss(share, share),
        calibration_error: parts.iter().map(|(given, came)| (given - came).abs()).sum::<f64>() / count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_right_on_average_is_calibrated_and_one_that_boasts_is_not() {
        let mut heads = Heads::default();
        for at in 0..10 {
            let outcome = f32::from(u8::from(at < 3));
            heads.add("modest", 0.3, outcome);
            heads.add("boastful", 0.9, outcome);
        }
        let figures = heads.figures();
        let (modest, boastful) = (figures["modest"], figures["boastful"]);
        assert!(modest.calibration_error < 1e-6, "{modest:?}");
        assert!((boastful.calibration_error - 0.6).abs() < 1e-6, "{boastful:?}");
        assert!((modest.log_loss - modest.log_loss_of_share).abs() < 1e-6);
        assert!(boastful.log_loss > modest.log_loss);
    }

    #[test]
    fn certainty_that_fails_costs_a_finite_amount() {
        let mut heads = Heads::default();
        heads.add("sure", 1.0, 0.0);
        assert!(heads.figures()["sure"].log_loss.is_finite());
    }
}

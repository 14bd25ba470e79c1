//! Popularity, over all time and lately, and the order that knows nothing.

use super::{Method, Question, Ranked, Sitting, Stage, TIES};

/// How often an item did well.
pub(super) struct Popular;

impl Method for Popular {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        Ok(question.by_score(|item| question.stage.counts[item as usize]))
    }
}

/// How often an item did well in the seven days before the session, with anybody.
#[derive(Default)]
pub(super) struct Recent {
    counts: Vec<f32>,
}

impl Method for Recent {
    fn begin(&mut self, stage: &Stage<'_>, sitting: &Sitting<'_>) -> anyhow::Result<()> {
        self.counts = stage.recent_counts(sitting.begins_ms);
        Ok(())
    }

    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        Ok(question.by_score(|item| self.counts[item as usize]))
    }
}

/// Orders that are drawn for each question: one alone is lucky or unlucky, and a few hundred questions do not make up for it.
const DRAWS: u32 = 32;

/// Any order; its figures are the mean over several.
pub(super) struct Random;

impl Random {
    fn drawn(question: &Question<'_>, draw: u32) -> Ranked {
        question.by_score(|item| (question.draw(item, TIES + 1 + draw) >> 40) as f32)
    }
}

impl Method for Random {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        Ok(Self::drawn(question, 0))
    }

    fn lists(&mut self, question: &Question<'_>) -> anyhow::Result<Vec<Ranked>> {
        Ok((0..DRAWS).map(|draw| Self::drawn(question, draw)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use segue_core::policies;
    use segue_core::policy::Policy;

    use super::*;
    use crate::evaluate::LabelRules;
    use crate::evaluate::metrics::{Facts, Metric, Parts, measure};
    use crate::evaluate::tasks::{Labelled, Source, Task};
    use crate::refresh::{PackMaker, Ranking};
    use crate::towers::samples;

    const RIGHT: u32 = 3;
    const REFUSED: u32 = 5;

    /// What `tell` makes of a question about all items: one of them is right, one was refused.
    fn asked<T>(tell: impl FnOnce(&Question<'_>) -> T) -> T {
        let (catalogue, rules) = (samples::catalogue(), LabelRules::of("radio").unwrap());
        let ranking = Ranking::new(Policy::from_json(policies::RADIO).unwrap(), None).unwrap();
        let stage = Stage::new(&catalogue, None, ranking, &rules, 350_000).unwrap();
        let mut maker = PackMaker::new(&stage.prepared).unwrap();
        let sessions = catalogue.sessions();
        let sitting = Sitting::new(&stage, &mut maker, &sessions[0], Source::Slate).unwrap();
        let said = |item, positive| Labelled { item, positive, seconds: 0.0 };
        let candidates: Vec<u32> = (0..samples::ITEMS as u32).collect();
        let task = Task {
            known: 0,
            candidates: Some(candidates.clone()),
            relevant: vec![(RIGHT, 1)],
            labelled: vec![said(RIGHT, true), said(REFUSED, false)],
        };
        let pack = sitting.pack_for(&stage, &task, &sitting.vector).unwrap().unwrap();
        let played = BTreeSet::new();
        tell(&Question {
            stage: &stage,
            sitting: &sitting,
            task: &task,
            pack: &pack,
            candidates: &candidates,
            played: &played,
        })
    }

    fn measured(question: &Question<'_>, lists: &[Ranked]) -> Parts {
        let (counts, vectors) = (&question.stage.counts, &question.stage.prepared.short);
        measure(question.task, lists, &Facts { counts, total: counts.iter().sum(), vectors }, None)
    }

    #[test]
    fn any_order_is_worth_what_it_is_worth_on_average() {
        let parts = asked(|question| measured(question, &Random.lists(question).unwrap()));
        let items = samples::ITEMS as f64;
        let gains: f64 = (0..10).map(|place| 1.0 / libm::log2(f64::from(place) + 2.0)).sum();
        let reciprocals: f64 = (1..=samples::ITEMS).map(|rank| 1.0 / rank as f64).sum();
        let expected = [
            (Metric::Ndcg10, gains / items),
            (Metric::Mrr, reciprocals / items),
            (Metric::Hr10, 10.0 / items),
            (Metric::Precision30, 1.0 / items),
            (Metric::Auc, 0.5),
            (Metric::Gauc, 0.5),
        ];
        for (metric, expected) in expected {
            let (sum, weight) = parts[metric.place()];
            // The standard error of the widest of them, a share of one pair, is 0.09.
            assert!((sum - expected).abs() < 0.1, "{metric:?}: {sum} is not near {expected}");
            assert!((weight - 1.0).abs() < 1e-12, "{metric:?} counts as {weight} questions");
        }
    }

    #[test]
    fn equal_scores_stand_in_an_order_of_their_own() {
        asked(|question| {
            let mut ties = question.by_score(|_| 0.0).list;
            let drawn = Random.lists(question).unwrap();
            assert!(drawn.iter().all(|ranked| ranked.list != ties));
            ties.reverse();
            assert!(drawn.iter().all(|ranked| ranked.list != ties), "nor in one turned round");
            assert_eq!(drawn[0], Random.rank(question).unwrap());
            assert!(drawn[1..].iter().all(|ranked| ranked.list != drawn[0].list));
        });
    }
}

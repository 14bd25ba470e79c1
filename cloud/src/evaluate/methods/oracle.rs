//! The best order there is: everything on offer by its expected utility, which only generated data tells.

use super::{Method, PLACES, Question, Ranked};
use crate::catalog::generate::truth::Truth;

/// Orders the whole catalogue by the hidden truth.
pub(super) struct Oracle<'a> {
    truth: Option<&'a Truth>,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(truth: Option<&'a Truth>) -> Self {
        Self { truth }
    }
}

impl Method for Oracle<'_> {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let catalogue = question.stage.catalogue();
        let event = &catalogue.events[question.sitting.session.events[question.task.known] as usize];
        let utility = |item: u32| {
            let id = &catalogue.items[item as usize].item;
            self.truth.and_then(|truth| truth.expected_utility(&event.event_id, id))
        };
        let on_offer = |item: &u32| {
            let index = *item as usize;
            let barred = &question.stage.prepared.barred;
            !question.played.contains(item)
                && !barred.bars(&question.sitting.viewer, index, &catalogue.items[index])
        };
        let mut order: Vec<(u32, f64)> = (0..catalogue.items.len() as u32)
            .filter(on_offer)
            .filter_map(|item| Some((item, utility(item)?)))
            .collect();
        order.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        order.truncate(PLACES);
        let scored = |item: &u32| Some((*item, utility(*item)? as f32));
        Ok(Ranked {
            list: order.into_iter().map(|(item, _)| item).collect(),
            scores: question.candidates.iter().filter_map(scored).collect(),
        })
    }
}

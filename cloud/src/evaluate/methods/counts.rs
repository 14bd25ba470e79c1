//! Popularity, over all time and lately, and the order that knows nothing.

use super::{Method, Question, Ranked, Sitting, Stage};

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

/// Any order.
pub(super) struct Random;

impl Method for Random {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        Ok(question.by_score(|item| (question.draw(item) >> 40) as f32))
    }
}

//! The session as it would be had something not happened: what a reason that names an event is checked with.

use super::seen::SeenIds;
use super::{EventKind, State};

impl State {
    /// The session had `item` never been liked, as far as it is remembered; it ranks, but takes no further events.
    pub(crate) fn without_likes(&self, item: &str) -> Self {
        let mut state = Self {
            window: self.window.clone(),
            seen_ids: SeenIds::default(),
            taste: self.taste.clone(),
            items: self.items.clone(),
            refused: self.refused.clone(),
            plays: self.plays,
            space: self.space.clone(),
            applied: self.applied,
        };
        let likes =
            state.window.iter_mut().filter(|event| event.kind == EventKind::Like && event.item == item);
        likes.for_each(|event| event.taken_back = true);
        state.taste.relearn(&mut state.window);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::policy::fixtures::{Numbers, candidates};
    use crate::session::Event;

    #[test]
    fn taste_is_what_it_would_be_had_the_like_not_come() {
        let mut numbers = Numbers(5);
        let candidates = candidates(&mut numbers, 30);
        let feedback = Policy::from_json(crate::policies::RADIO).unwrap().feedback;
        for round in 0..50 {
            let (mut with, mut without) = (State::default(), State::default());
            let liked = numbers.below(30) as usize;
            for at in 0..40 {
                let about = if at % 9 == round % 9 { liked } else { numbers.below(30) as usize };
                let kind = [EventKind::Like, EventKind::Skip, EventKind::Complete][numbers.below(3) as usize]
                    .clone();
                let event = Event::new(at.to_string(), &candidates[about].item, kind, at as i64);
                with.apply(&event, Some(&candidates[about]), &feedback).unwrap();
                if event.kind != EventKind::Like || about != liked {
                    without.apply(&event, Some(&candidates[about]), &feedback).unwrap();
                }
            }
            let imagined = with.without_likes(&candidates[liked].item);
            let close = |one: &[f32], other: &[f32]| one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close(&imagined.interest(), &without.interest()));
            assert_eq!(imagined.remembered().count(), without.remembered().count());
            for candidate in &candidates {
                let gap = imagined.creator_affinity(&candidate.creator)
                    - without.creator_affinity(&candidate.creator);
                assert!(gap.abs() < 1e-5);
            }
        }
    }
}

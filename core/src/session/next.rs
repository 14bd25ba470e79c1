//! One person's sessions follow each other: what the next one still knows of those before it.

use super::State;
use super::plays::Plays;

impl State {
    /// Begins the person's next session.
    ///
    /// Taste, intent, what was shown and what was played start anew: a new pack knows what they said. What the person
    /// decided stays (likes, refusals, follows), and so do when items were last seen, how often they were played and
    /// the ids of events.
    pub fn next_session(&mut self) {
        self.window.clear();
        self.plays = Plays::default();
        self.taste.rest();
        self.items.retain(|facts| {
            facts.rest();
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::policy::fixtures::{Numbers, candidates};
    use crate::session::{Applied, Event, EventKind};

    #[test]
    fn decisions_and_times_outlive_a_session_and_taste_does_not() {
        let candidates = candidates(&mut Numbers(3), 5);
        let feedback = Policy::from_json(crate::policies::RADIO).unwrap().feedback;
        let mut state = State::default();
        let kinds =
            [EventKind::Like, EventKind::Dislike, EventKind::Skip, EventKind::Follow, EventKind::Impression];
        for (at, (kind, candidate)) in kinds.into_iter().zip(&candidates).enumerate() {
            let event = Event::new(at.to_string(), &candidate.item, kind, 10 + at as i64);
            state.apply(&event, Some(candidate), &feedback).unwrap();
        }
        state.next_session();
        let [liked, disliked, skipped, followed, shown] = [0, 1, 2, 3, 4].map(|at: usize| &candidates[at]);
        assert!(state.is_liked(&liked.item) && state.is_barred(&disliked.item));
        assert!(state.is_followed(&followed.creator));
        assert_eq!(state.last_seen_ms(&skipped.item), Some(12));
        assert_eq!(
            state.item(&skipped.item).map(|facts| (facts.is_played(), facts.plays())),
            Some((false, 1))
        );
        assert!(state.is_empty() && state.remembered().next().is_none() && state.plays() == 0);
        assert_eq!((state.impressions(&shown.item), state.interest().len()), (0, 0));
        assert_eq!(state.creator_affinity(&followed.creator), 0.0);
        assert_eq!((state.focus(), state.drift()), (0.0, 0.0));
        let again = Event::new("0", &liked.item, EventKind::Like, 10);
        assert_eq!(state.apply(&again, Some(liked), &feedback).unwrap(), Applied::Duplicate);
        let taken_back = Event::new("9", &disliked.item, EventKind::Restore, 99);
        state.apply(&taken_back, Some(disliked), &feedback).unwrap();
        assert!(!state.is_barred(&disliked.item));
        assert_eq!(State::restore(&state.save().unwrap()).unwrap(), state);
    }
}

//! The rules of `docs/EVENTS.md`, one test each.

mod bounds;
mod kinds;
mod order;

use super::*;
use crate::pack::Candidate;
use crate::policy::{Feedback, Policy, fixtures};

/// Half past eleven on some day.
const NOON: i64 = 1_760_000_000_000;

/// Applies events to a state, one second apart unless they say when.
struct Player {
    state: State,
    feedback: Feedback,
    next: u32,
}

/// What the session says about taste: equal exactly when no event left a trace in one and not in the other.
type Says = (Vec<f32>, Vec<f32>, Vec<f32>, Vec<String>);

impl Player {
    fn new() -> Self {
        let feedback = Policy::from_json(crate::policies::RADIO).unwrap().feedback;
        Self { state: State::default(), feedback, next: 0 }
    }

    fn event(&mut self, kind: EventKind, item: &str) -> Event {
        self.next += 1;
        Event::new(format!("e{}", self.next), item, kind, NOON + i64::from(self.next) * 1_000)
    }

    fn apply(&mut self, event: &Event) -> Applied {
        self.state.apply(event, candidate(&event.item).as_ref(), &self.feedback).unwrap()
    }

    fn does(&mut self, kind: EventKind, item: &str) -> Applied {
        let event = self.event(kind, item);
        self.apply(&event)
    }

    fn says(&self, kind: EventKind, scope: &str, item: &str) -> Event {
        let mut event = Event::new(scope, item, kind, NOON);
        event.context.insert("scope".into(), scope.into());
        event
    }

    fn taste(&self) -> Says {
        let state = &self.state;
        let creators = ["ada", "bob"].map(|creator| state.creator_affinity(creator));
        let categories = ["jazz", "pop"].map(|category| state.category_affinity(&[category.to_string()]));
        let remembered = state.remembered().map(|event| event.event_id.clone()).collect();
        (state.interest(), state.aversion(), [creators, categories].concat(), remembered)
    }
}

/// Items are two letters: the first says creator and category, the second the direction; others are not in the pack.
fn candidate(item: &str) -> Option<Candidate> {
    let (creator, category) = match item.as_bytes().first()? {
        b'a' => ("ada", "jazz"),
        b'b' => ("bob", "pop"),
        _ => return None,
    };
    let angle = f32::from(item.as_bytes().get(1)? % 16) / 10.0;
    Some(fixtures::candidate(item, creator, category, [libm::cosf(angle), libm::sinf(angle)]))
}

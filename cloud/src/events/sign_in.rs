//! What somebody did before signing in becomes theirs: an event of the kind `sign_in` names the user and the session.

use std::collections::HashMap;

use crate::catalog::{Event, EventKind};

/// The kind that hands a session over.
const KIND: &str = "sign_in";

/// Gives the events of handed-over sessions that are nobody's to the user who signed in; how many they were.
///
/// Whoever signed in first has the session: its id is a secret of the device that it belongs to, and a second claim is
/// somebody else's.
pub fn hand_over(events: &mut [Event]) -> usize {
    let mut users: HashMap<String, String> = HashMap::new();
    for event in events.iter().filter(|event| is_sign_in(event)) {
        users.entry(event.session.clone()).or_insert_with(|| event.user.clone());
    }
    let mut handed = 0;
    for event in events.iter_mut().filter(|event| event.user.is_empty()) {
        if let Some(user) = users.get(&event.session) {
            event.user.clone_from(user);
            handed += 1;
        }
    }
    handed
}

/// Whether the event hands its session to its user.
pub(crate) fn is_sign_in(event: &Event) -> bool {
    let named = !event.session.is_empty() && !event.user.is_empty();
    named && matches!(&event.kind, EventKind::Custom(kind) if kind == KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, user: &str, session: &str, kind: EventKind) -> Event {
        let event = Event::new(id, "t1", kind, 1);
        Event { user: user.into(), session: session.into(), ..event }
    }

    #[test]
    fn events_before_a_sign_in_become_the_users_and_nobody_elses() {
        let sign_in = || EventKind::Custom("sign_in".into());
        let mut events = [
            event("1", "", "a", EventKind::Like),
            event("2", "", "b", EventKind::Like),
            event("3", "u2", "a", EventKind::Like),
            event("4", "u1", "a", sign_in()),
            event("5", "u9", "a", sign_in()),
            event("6", "u9", "", sign_in()),
            event("7", "", "a", EventKind::Skip),
            event("8", "", "", EventKind::Skip),
        ];
        assert_eq!(hand_over(&mut events), 2);
        let users = events.map(|event| event.user);
        assert_eq!(users, ["u1", "", "u2", "u1", "u9", "u9", "u1", ""]);
    }
}

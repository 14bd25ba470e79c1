//! Sessions of events that name none.

use std::collections::{HashMap, HashSet};

use segue_core::limits::ID_BYTES;
use segue_core::session::event::Event;
use segue_core::trust;

/// A pause of more than this begins a new session.
pub const GAP_MS: i64 = 30 * 60_000;

/// Gives a session to each event without one: those of a person that follow
/// each other within [`GAP_MS`] share it; an anonymous event is on its own.
/// Events must be sorted by time.
pub fn derive(events: &mut [Event]) {
    if events.iter().all(|event| !event.session.is_empty()) {
        return;
    }
    let named: HashSet<(String, String)> = events
        .iter()
        .filter(|event| !event.session.is_empty())
        .map(|event| (event.user.clone(), event.session.clone()))
        .collect();
    let mut last: HashMap<String, (i64, u64)> = HashMap::new();
    for event in events.iter_mut().filter(|event| event.session.is_empty()) {
        if event.user.is_empty() {
            event.session.clone_from(&event.event_id);
            continue;
        }
        let begin = (event.time_ms, 0);
        let (time_ms, number) = last.entry(event.user.clone()).or_insert(begin);
        if event.time_ms - *time_ms > GAP_MS {
            *number += 1;
        }
        while named.contains(&(event.user.clone(), name(&event.user, *number))) {
            *number += 1;
        }
        *time_ms = event.time_ms;
        event.session = name(&event.user, *number);
    }
}

fn name(user: &str, number: u64) -> String {
    let name = format!("{user}:{number}");
    if name.len() <= ID_BYTES { name } else { trust::hash(name.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use segue_core::session::event::EventKind;

    use super::*;

    #[test]
    fn a_pause_of_half_an_hour_begins_a_session() {
        let mut events: Vec<Event> = [0, GAP_MS, 2 * GAP_MS + 1, 2 * GAP_MS + 2]
            .map(|time_ms| {
                let mut event = Event::new(time_ms.to_string(), "a", EventKind::Click, time_ms);
                event.user = "u".into();
                event
            })
            .into();
        events[3].user.clear();
        derive(&mut events);
        let sessions: Vec<&str> = events.iter().map(|event| event.session.as_str()).collect();
        assert_eq!(sessions, ["u:0", "u:0", "u:1", &events[3].event_id]);
    }
}

//! A person's own top items, for when their pack cannot be read.

use std::collections::HashMap;

use segue_core::session::EventKind;

use crate::catalog::Event;

/// The items that the person did most good things with, best first, each with its count; what was refused later is
/// left out.
pub(super) fn top(events: &[Event]) -> Vec<(String, f32)> {
    let mut counts: HashMap<&str, f32> = HashMap::new();
    for event in events.iter().filter(|event| !event.item.is_empty()) {
        match event.kind {
            EventKind::Like
            | EventKind::Complete
            | EventKind::Save
            | EventKind::AddToCollection
            | EventKind::Replay
            | EventKind::Purchase => *counts.entry(&event.item).or_default() += 1.0,
            EventKind::Dislike | EventKind::NotInterested => {
                counts.remove(event.item.as_str());
            }
            _ => (),
        }
    }
    let mut top: Vec<(String, f32)> =
        counts.into_iter().map(|(item, count)| (item.to_owned(), count)).collect();
    top.sort_by(|(one, first), (other, second)| second.total_cmp(first).then_with(|| one.cmp(other)));
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_played_most_comes_first_and_what_was_refused_since_not_at_all() {
        let event = |item: &str, kind| Event::new("e", item, kind, 0);
        let events = [
            event("a", EventKind::Complete),
            event("b", EventKind::Complete),
            event("b", EventKind::Like),
            event("c", EventKind::Like),
            event("c", EventKind::Dislike),
            event("d", EventKind::Skip),
        ];
        assert_eq!(top(&events), [("b".to_owned(), 2.0), ("a".to_owned(), 1.0)]);
    }
}

//! A person's own top items, for when their pack cannot be read: nothing that their pack could not hold.

use std::collections::HashMap;

use segue_core::session::EventKind;

use crate::catalog::{Event, Item};
use crate::refresh::Refused;

/// The items that the person did most good things with, best first, each with its count: those that have a `row` and
/// `may` be shown, but for what the person refused. Events come in the order of time.
pub(super) fn top(
    events: &[Event],
    row: impl Fn(&str) -> Option<Item>,
    may: impl Fn(&Item) -> bool,
) -> Vec<(Item, f32)> {
    let mut rows: HashMap<&str, Option<Item>> = HashMap::new();
    let (mut counts, mut refused): (HashMap<&str, f32>, _) = (HashMap::new(), Refused::default());
    for event in events {
        let known = rows.entry(&event.item).or_insert_with(|| row(&event.item));
        refused.note(event, known.as_ref());
        if is_good(&event.kind) {
            *counts.entry(&event.item).or_default() += 1.0;
        }
    }
    let counted = counts.into_iter().filter_map(|(item, count)| Some((rows.remove(item)??, count)));
    let mut top: Vec<(Item, f32)> = counted.filter(|(item, _)| may(item) && !refused.holds(item)).collect();
    top.sort_by(|(one, first), (other, second)| {
        second.total_cmp(first).then_with(|| one.item.cmp(&other.item))
    });
    top
}

fn is_good(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Like
            | EventKind::Complete
            | EventKind::Save
            | EventKind::AddToCollection
            | EventKind::Replay
            | EventKind::Purchase
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str) -> Item {
        let category = if id == "e" { "jazz" } else { "soul" };
        Item {
            item: id.into(),
            creator: format!("by-{id}"),
            categories: vec![category.into()],
            ..Item::default()
        }
    }

    fn ids(events: &[Event], may: impl Fn(&Item) -> bool) -> Vec<String> {
        let row = |id: &str| (id != "gone").then(|| item(id));
        top(events, row, may).into_iter().map(|(item, _)| item.item).collect()
    }

    #[test]
    fn what_was_played_most_comes_first_and_what_was_refused_not_at_all() {
        let event = |item: &str, kind| Event::new("e", item, kind, 0);
        let scoped = |item: &str, scope: &str| {
            let mut event = event(item, EventKind::NotInterested);
            event.context.insert("scope".into(), scope.into());
            event
        };
        let mut events = vec![
            event("a", EventKind::Complete),
            event("b", EventKind::Complete),
            event("b", EventKind::Like),
            event("c", EventKind::Like),
            event("c", EventKind::Dislike),
            event("d", EventKind::Skip),
            event("e", EventKind::Like),
            event("gone", EventKind::Like),
        ];
        assert_eq!(ids(&events, |_| true), ["b", "a", "e"], "an item without a row may be anything");
        assert_eq!(ids(&events, |item| item.item != "b"), ["a", "e"]);
        events.extend([scoped("a", "creator"), scoped("e", "category")]);
        assert_eq!(ids(&events, |_| true), ["b"]);
    }
}

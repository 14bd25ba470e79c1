//! One case per kind of event: it changes the list, or it does not and says why.

use segue_core::EventKind;
use serde_json::{Value, json};

use crate::vectors::{Book, Story, rules};
use crate::world;

/// A policy under which each kind says something.
fn policy() -> Vec<u8> {
    let strength = |(at, kind): (usize, &EventKind)| (kind.name().to_owned(), json!(0.3 + 0.05 * at as f32));
    let strengths: Value = EventKind::KNOWN.iter().enumerate().map(strength).collect();
    rules::changed(&[
        ("/feedback/decay", json!(0.9)),
        ("/feedback/strengths", strengths),
        ("/feedback/skip", json!([{ "below_ms": 5_000, "strength": -1.0 }, { "strength": -0.3 }])),
        (
            "/linear",
            json!({
                "refresh_score": 1.0, "interest_similarity": 0.6, "aversion_similarity": -0.4,
                "creator_affinity": 0.2, "category_affinity": 0.3, "impressions": -0.4
            }),
        ),
    ])
}

pub(super) fn tell(book: &mut Book) {
    for kind in EventKind::KNOWN {
        let name = format!("event-{}", kind.name().replace('_', "-"));
        book.tell(&name, &format!("A {} changes the list that follows.", kind.name()), |story| {
            opening(story);
            happens(story, &kind);
            story.rank("radio", 12);
        });
        book.unlike(vec![], |story| {
            opening(story);
            story.rank("radio", 12);
        });
    }
    book.tell("event-custom", "A kind this version does not know has no effect on the list.", |story| {
        opening(story);
        happens(story, &EventKind::Custom("cheer".into()));
        story.rank("radio", 6);
    });
}

fn opening(story: &mut Story<'_>) {
    story.ready("radio", &policy(), &world::items(12));
    story.event(EventKind::Like, 4);
    story.event(EventKind::Follow, 6);
}

/// The event with every field that its kind calls for.
fn happens(story: &mut Story<'_>, kind: &EventKind) {
    // What is taken back has to have been given before.
    let item = match kind {
        EventKind::Unlike => 4,
        EventKind::Unfollow => 6,
        _ => 3,
    };
    story.event_with(kind.clone(), item, |event| {
        event.position = Some(2);
        event.slate = Some("1-0-1".into());
        event.played_ms = Some(4_000);
        event.total_ms = Some(200_000);
        event.value = Some(if *kind == EventKind::Rating { 5.0 } else { 20.0 });
        event.context = [("surface".to_owned(), "radio".to_owned())].into();
    });
}

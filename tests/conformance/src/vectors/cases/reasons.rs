//! Why an item stands where it stands.

use segue_core::{EventKind, policies};

use crate::vectors::{Book, Story};
use crate::world::{self, Item};

/// Twelve items of which each reason finds one.
fn items() -> Vec<Item> {
    let mut items = world::items(12);
    for (at, item) in items.iter_mut().enumerate() {
        let columns = [
            ("age_days", if at % 3 == 0 { 3.0 } else { 300.0 }),
            ("trending_rank", at as f32 / 11.0),
            ("regional_trending_rank", if at == 4 { 0.995 } else { 0.2 }),
        ];
        item.columns = columns.map(|(name, value)| (name.to_owned(), value)).to_vec();
    }
    items
}

fn ready(story: &mut Story<'_>) {
    story.ready("radio", policies::RADIO, &items());
}

pub(super) fn tell(book: &mut Book) {
    book.tell(
        "reasons-empty-session",
        "Before the first event reasons speak of items and profile.",
        |story| {
            ready(story);
            story.rank("radio", 12);
        },
    );
    book.tell("reasons-liked", "What a like moved up says so and names the item.", |story| {
        ready(story);
        story.event(EventKind::Like, 9);
        story.rank("radio", 12);
    });
    book.tell("reasons-creator", "A creator who did well is named.", |story| {
        let mut items = items();
        items[11].creator = items[2].creator.clone();
        items[2].vector = items[5].vector.iter().map(|value| -value).collect();
        story.ready("radio", policies::RADIO, &items);
        story.event(EventKind::Complete, 2);
        story.event(EventKind::Save, 2);
        story.rank("radio", 12);
    });
    book.tell(
        "reasons-played-before",
        "When everything was played, lists go on with what was played.",
        |story| {
            story.ready("radio", policies::RADIO, &items()[..4]);
            for item in 0..4 {
                story.event(EventKind::Complete, item);
            }
            story.rank("radio", 4);
        },
    );
}

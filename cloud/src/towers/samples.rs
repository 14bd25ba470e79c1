//! A tiny catalogue for the tests of this folder.

use segue_core::features::{Feature, Schema, Transform};
use segue_core::session::event::{Event, EventKind};

use crate::catalog::{
    Attribute, AttributeKind, AttributeValue, Catalogue, Counts, Dataset, Item, Rule, Split, User,
};

/// Number of items; the last one was never played.
pub(crate) const ITEMS: usize = 12;
/// Number of users; the last one never played anything.
pub(crate) const USERS: usize = 5;

/// Even items are rock and fast, odd ones jazz and slow; each user keeps to one genre.
pub(crate) fn catalogue() -> Catalogue {
    let mut events = Vec::new();
    for user in 0..USERS - 1 {
        for step in 0..4 {
            let item = (user % 2 + 2 * ((user + step) % 5)) % (ITEMS - 1);
            let time_ms = (step * 100_000 + user * 1_000) as i64;
            events.push(event(&format!("{user}-{step}"), user, item, time_ms));
        }
    }
    Catalogue::new(
        dataset(),
        (0..ITEMS).map(item).collect(),
        (0..USERS).map(user).collect(),
        events,
        Vec::new(),
        Split::new(Rule::Time { boundary_ms: 350_000 }),
    )
}

/// A completed listen.
pub(crate) fn event(id: &str, user: usize, item: usize, time_ms: i64) -> Event {
    let mut event = Event::new(id, format!("i{item}"), EventKind::Complete, time_ms);
    event.user = format!("u{user}");
    event.session = format!("s{user}-{}", time_ms / 200_000);
    event
}

/// Session `new` of the user who never played anything: these events, each with an item or none, `pause_ms` apart.
pub(crate) fn stranger(events: &[(Option<usize>, EventKind)], begins_ms: i64, pause_ms: i64) -> Vec<Event> {
    let one = |(at, (item, kind)): (usize, &(Option<usize>, EventKind))| {
        let time_ms = begins_ms + at as i64 * pause_ms;
        let mut event = event(&format!("new-{at}"), USERS - 1, item.unwrap_or(0), time_ms);
        event.session = "new".into();
        event.kind = kind.clone();
        if item.is_none() {
            event.item.clear();
        }
        event
    };
    events.iter().enumerate().map(one).collect()
}

fn dataset() -> Dataset {
    let tempo = AttributeKind::Number { minimum: 60.0, maximum: 180.0 };
    let mood = AttributeKind::Category { values: vec!["calm".into(), "wild".into()] };
    Dataset {
        format: 1,
        name: "sample".into(),
        attributes: vec![
            Attribute { name: "tempo".into(), kind: tempo },
            Attribute { name: "mood".into(), kind: mood },
        ],
        categories: vec!["jazz".into(), "rock".into()],
        counts: Counts::default(),
        surface: "radio".into(),
        timed: true,
    }
}

fn item(index: usize) -> Item {
    let fast = index.is_multiple_of(2);
    let tempo = AttributeValue::Number(if fast { 150.0 } else { 70.0 } + index as f64);
    let mood = AttributeValue::Text(if fast { "wild" } else { "calm" }.into());
    Item {
        item: format!("i{index}"),
        creator: format!("c{}", index / 2),
        categories: vec![if fast { "rock" } else { "jazz" }.into()],
        attributes: [("tempo".to_owned(), tempo), ("mood".to_owned(), mood)].into(),
        duration_ms: Some(200_000),
        ..Item::default()
    }
}

fn user(index: usize) -> User {
    User { user: format!("u{index}"), country: Some("DE".into()), ..User::default() }
}

/// A ranker's schema with one column of each kind and no heads.
pub(crate) fn schema() -> Schema {
    let feature = |source: &str| {
        vec![Feature { name: source.into(), source: source.into(), transform: Transform::Identity }]
    };
    Schema {
        format: Schema::FORMAT,
        version: "made".into(),
        dataset: String::new(),
        towers: None,
        dimension: 2,
        slots: 3,
        candidate: feature("refresh_score"),
        live: feature("impressions"),
        event: feature("strength"),
        context: feature("session_events"),
        heads: Vec::new(),
    }
}

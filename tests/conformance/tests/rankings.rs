//! What holds of every ranking, over made-up packs, sessions and policies.

use std::collections::BTreeSet;

use segue_conformance::bad_input::check_slate;
use segue_conformance::draws::Draws;
use segue_conformance::vectors::rules;
use segue_conformance::world::{self, Item, NOW_MS};
use segue_core::{Engine, Event, EventKind, Order, ReasonCode, Request, policies};
use serde_json::json;

const COUNT: usize = 60;

/// Items of which some have ended and some may be shown in one region only.
fn items(draws: &mut Draws) -> Vec<Item> {
    let mut items = world::items(COUNT);
    for item in &mut items {
        item.ends_ms = (draws.below(9) == 0).then_some(NOW_MS - 1);
        if draws.below(7) == 0 {
            item.regions.push("norway".to_owned());
        }
        item.columns.push(("last_seen_days".into(), draws.below(400) as f32));
    }
    items
}

/// What the person did, and then what they do not want: items, creators, categories.
fn session(items: &[Item], draws: &mut Draws) -> Vec<Event> {
    let kinds =
        [EventKind::Like, EventKind::Skip, EventKind::Complete, EventKind::Save, EventKind::Impression];
    let (count, refusals) = (draws.below(12), draws.below(4));
    let event = |at| {
        let item = draws.pick(items);
        let mut event = world::event(at, draws.pick(&kinds).clone(), &item.id);
        event.played_ms = Some(1_000 * draws.below(200) as u64);
        if at >= count {
            event.kind = EventKind::NotInterested;
            let scopes = [("category", &item.categories[0]), ("creator", &item.creator), ("item", &item.id)];
            let (scope, name) = *draws.pick(&scopes);
            event.context = [("scope", scope), (scope, name)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        }
        event
    };
    (0..count + refusals).map(event).collect()
}

/// What may never be shown after these events, by rules written down a second time.
fn barred(items: &[Item], events: &[Event]) -> BTreeSet<String> {
    let refused: Vec<&Event> = events.iter().filter(|event| event.kind == EventKind::NotInterested).collect();
    let says = |event: &&Event, scope: &str, name: &String| event.context.get(scope) == Some(name);
    let is_barred = |item: &&Item| {
        item.ends_ms.is_some()
            || item.regions.iter().any(|region| region == "norway")
            || refused.iter().any(|event| {
                says(event, "item", &item.id)
                    || says(event, "creator", &item.creator)
                    || item.categories.iter().any(|category| says(event, "category", category))
            })
    };
    items.iter().filter(is_barred).map(|item| item.id.clone()).collect()
}

fn everywhere(surface: &str) -> Request {
    let context = [("region".to_owned(), "kenya".to_owned())].into();
    Request { context, ..world::request(surface, COUNT) }
}

fn shown(engine: &mut Engine, request: &Request) -> (Order, BTreeSet<String>) {
    check_slate(engine, request);
    let slate = engine.rank(request).unwrap();
    (slate.order, slate.places.into_iter().map(|place| place.item).collect())
}

#[test]
fn a_list_of_everything_is_a_permutation_of_what_may_be_shown_also_in_the_packs_order() {
    let mut draws = Draws::new(1);
    for round in 0..200 {
        let (surface, policy) = policies::ALL[round % policies::ALL.len()];
        let items = items(&mut draws);
        let mut engine = world::engine_with(&items, surface, policy);
        let events = session(&items, &mut draws);
        for event in &events {
            engine.apply(event).unwrap();
        }
        let barred = barred(&items, &events);
        let (order, ranked) = shown(&mut engine, &everywhere(surface));
        assert_eq!(order, Order::Ranked);
        assert!(ranked.is_disjoint(&barred), "{surface}: {:?} of {events:?}", &ranked & &barred);
        engine.accept_pack(b"damaged", world::SUBJECT, NOW_MS).unwrap_err();
        let (order, fallback) = shown(&mut engine, &everywhere(surface));
        assert_eq!(order, Order::Fallback);
        assert_eq!(ranked, fallback, "{surface}: the same items, in the pack's order");
        assert_eq!(engine.fallback(), Some(ReasonCode::FallbackPackRefused));
    }
}

/// Orders by the session alone; no list rules.
fn by_session() -> Vec<u8> {
    rules::changed(&[
        ("/feedback/decay", json!(0.9)),
        ("/feedback/strengths", json!({ "like": 1.0, "complete": 0.5, "save": 0.8 })),
        ("/feedback/skip", json!([{ "strength": -0.5 }])),
        ("/linear", json!({ "refresh_score": 1.0, "category_affinity": 0.3, "creator_affinity": 0.1 })),
    ])
}

fn mean_of(category: &str, items: &[Item], utilities: &[f32]) -> f64 {
    let of: Vec<f64> = items
        .iter()
        .zip(utilities)
        .filter(|(item, _)| item.categories[0] == category)
        .map(|(_, utility)| f64::from(*utility))
        .collect();
    of.iter().sum::<f64>() / of.len() as f64
}

#[test]
fn one_more_like_never_lowers_its_categorys_mean_score() {
    let mut draws = Draws::new(2);
    let policy = by_session();
    for _ in 0..500 {
        let items = world::items(24);
        let mut engine = world::engine_with(&items, "radio", &policy);
        for at in 0..draws.below(20) {
            let kinds = [EventKind::Like, EventKind::Skip, EventKind::Complete, EventKind::Save];
            let item = draws.pick(&items).id.clone();
            engine.apply(&world::event(at, draws.pick(&kinds).clone(), &item)).unwrap();
        }
        let liked = draws.pick(&items).clone();
        let request = world::request("radio", 1);
        let before = mean_of(&liked.categories[0], &items, &engine.utilities(&request).unwrap());
        engine.apply(&world::event(100, EventKind::Like, &liked.id)).unwrap();
        let after = mean_of(&liked.categories[0], &items, &engine.utilities(&request).unwrap());
        assert!(after >= before, "{}: {before} before, {after} after", liked.id);
    }
}

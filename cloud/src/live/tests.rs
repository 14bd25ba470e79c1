//! Lists on a generation that a refresh made, step by step down the ladder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use segue_core::trust::{Artefact, Manifest, Ranker};

use super::*;
use crate::catalog::{Event, EventKind};
use crate::clock::now_ms;
use crate::config::Config;
use crate::error::Code;
use crate::keys::KeyStore;
use crate::packs::PackStore;
use crate::refresh::run as refresh;
use crate::refresh::tests::{NOW, event, folder, options, root, write};
use crate::state::AppState;

/// A refreshed data folder of people in Germany.
pub(super) fn published() -> tempfile::TempDir {
    let (data, mut catalogue) = folder();
    catalogue.users.iter_mut().for_each(|user| user.country = Some("de".into()));
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    data
}

fn serve(data: &Path) -> Arc<AppState> {
    serve_with(data, |_| ())
}

pub(super) fn serve_with(data: &Path, change: impl FnOnce(&mut Config)) -> Arc<AppState> {
    let mut config = Config::new(data);
    change(&mut config);
    AppState::open(config).unwrap()
}

fn wanted(user: &str) -> Wanted {
    Wanted {
        user: user.into(),
        surface: "radio".into(),
        offset: 0,
        count: 5,
        context: [("region".to_owned(), "de".to_owned())].into(),
        as_of_ms: NOW,
        events: Vec::new(),
        without: Vec::new(),
    }
}

fn items(list: &Recommendations) -> Vec<&str> {
    list.places.iter().map(|place| place.item.as_str()).collect()
}

fn step(state: &AppState, wanted: &Wanted) -> Step {
    let list = recommend(state, wanted).unwrap();
    assert!(!list.places.is_empty());
    list.step
}

/// Makes the manifest of generation `number` name this ranker.
fn appoint(data: &Path, number: u64, ranker: Ranker) {
    let keys = KeyStore::new(data).load().unwrap();
    let generation = PackStore::new(data).open(number).unwrap().unwrap();
    let mut manifest = (*Manifest::verify(generation.manifest(), &root(data)).unwrap()).clone();
    manifest.ranker = Some(ranker);
    fs::write(generation.folder().join("manifest.cose"), manifest.seal(keys.signing()).unwrap()).unwrap();
}

fn nowhere() -> Ranker {
    Ranker { model: Artefact::of(b"no model"), schema: Artefact::of(b"no schema") }
}

/// Damages the pack of `subject` on the disk.
fn damage(data: &Path, subject: &str) {
    let generation = PackStore::new(data).open_current().unwrap().unwrap();
    let pack = generation.get(subject).unwrap().unwrap();
    for entry in fs::read_dir(generation.folder()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(pack.len()).position(|window| window == pack) {
            bytes[at + pack.len() / 2] ^= 1;
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
            return;
        }
    }
    panic!("no file holds the pack of {subject}");
}

#[test]
fn a_list_reflects_what_was_received_and_what_comes_with_the_request() {
    let data = published();
    let state = serve(data.path());
    let before = recommend(&state, &wanted("u0")).unwrap();
    assert_eq!((before.step, before.generation, before.more), (Step::LiveRanker, 1, true));
    let refused = |id: &str, place: usize| {
        let mut event = Event::new(id, items(&before)[place], EventKind::Dislike, NOW - 1_000);
        event.user = "u0".into();
        event
    };
    state.sessions.take_in([refused("a", 0)], NOW);
    let with_request = Wanted { events: vec![refused("b", 1)], ..wanted("u0") };
    let after = recommend(&state, &with_request).unwrap();
    assert!(items(&before)[..2].iter().all(|item| !items(&after).contains(item)));
    let once = recommend(&state, &wanted("u0")).unwrap();
    assert!(items(&once).contains(&items(&before)[1]), "what came with a request is not kept");
}

#[test]
fn pages_of_a_list_are_the_list_also_when_something_happens_in_between() {
    let data = published();
    let state = serve(data.path());
    let whole = recommend(&state, &Wanted { count: 10, ..wanted("u1") }).unwrap();
    let first = recommend(&state, &wanted("u1")).unwrap();
    assert_eq!(items(&first), items(&whole)[..5]);
    let mut later = Event::new("later", items(&whole)[5], EventKind::Skip, NOW + 1);
    later.user = "u1".into();
    state.sessions.take_in([later], NOW + 1);
    let second = recommend(&state, &Wanted { offset: 5, count: 4, ..wanted("u1") }).unwrap();
    assert_eq!(items(&second), items(&whole)[6..10], "all but what was skipped since");
    assert_eq!(second.places[0].position, 6);
}

#[test]
fn what_was_received_counts_whatever_the_senders_clock_says() {
    let data = published();
    let list = |time_ms: i64| {
        let state = serve(data.path());
        let told =
            [event("skip", 0, 7, EventKind::Skip, time_ms), event("like", 0, 8, EventKind::Like, time_ms)];
        state.sessions.take_in(told, NOW);
        let list = recommend(&state, &wanted("u0")).unwrap();
        list.places.iter().map(|place| (place.item.clone(), place.score)).collect::<Vec<_>>()
    };
    let told_now = list(NOW);
    assert_ne!(told_now, {
        let list = recommend(&serve(data.path()), &wanted("u0")).unwrap();
        list.places.iter().map(|place| (place.item.clone(), place.score)).collect::<Vec<_>>()
    });
    assert_eq!(list(NOW + 60_000), told_now, "a clock that is a minute ahead");
}

#[test]
fn what_happened_long_ago_and_is_told_between_two_pages_changes_neither() {
    let data = published();
    let state = serve(data.path());
    let whole = recommend(&state, &Wanted { count: 10, ..wanted("u1") }).unwrap();
    let late = event("late", 1, 7, EventKind::Like, NOW - 3_600_000);
    state.sessions.take_in([late], NOW + 1);
    let second = recommend(&state, &Wanted { offset: 5, count: 5, ..wanted("u1") }).unwrap();
    let rest: Vec<&str> = items(&whole)[5..].iter().copied().filter(|item| *item != "i7").collect();
    assert!(items(&second).starts_with(&rest), "{:?} {rest:?}", items(&second));
}

#[test]
fn a_restart_knows_the_session() {
    let data = published();
    let before = {
        let state = serve(data.path());
        let list = recommend(&state, &wanted("u0")).unwrap();
        let row = serde_json::json!({"event_id": "e", "user": "u0", "item": items(&list)[0], "kind": "dislike", "time_ms": NOW - 1});
        let (batch, _) = crate::events::validate(
            vec![row],
            crate::events::Senders::anybody(&crate::erasure::Erased::default()),
            0,
            NOW,
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(state.events.append(batch)).unwrap();
        items(&list)[0].to_owned()
    };
    let list = recommend(&serve(data.path()), &wanted("u0")).unwrap();
    assert!(!items(&list).contains(&before.as_str()));
}

#[test]
fn somebody_new_gets_the_regions_candidates_in_the_order_of_their_own_session() {
    let data = published();
    let state = serve(data.path());
    let list = recommend(&state, &wanted("nobody yet")).unwrap();
    assert_eq!(list.step, Step::LiveRanker);
    let mut refused = Event::new("a", items(&list)[0], EventKind::Dislike, NOW - 1);
    refused.user = "nobody yet".into();
    let after = recommend(&state, &Wanted { events: vec![refused], ..wanted("nobody yet") }).unwrap();
    assert!(!items(&after).contains(&items(&list)[0]));
}

#[cfg(feature = "ranker")]
#[test]
fn without_its_ranker_a_list_is_ranked_by_the_one_before() {
    let data = published();
    refresh(data.path(), &options()).unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let put = |name: &str| {
        let mut staging = PackStore::new(data.path()).begin().unwrap();
        staging.put_blob(&fs::read(demo.join(name)).unwrap()).unwrap()
    };
    let ranker = Ranker { model: put("ranker.onnx"), schema: put("schema.json") };
    appoint(data.path(), 1, ranker.clone());
    appoint(data.path(), 2, nowhere());
    assert_eq!(step(&serve(data.path()), &wanted("u0")), Step::PreviousRanker);
    appoint(data.path(), 2, ranker);
    assert_eq!(step(&serve(data.path()), &wanted("u0")), Step::LiveRanker);
}

#[test]
fn without_any_ranker_a_list_is_in_the_packs_order() {
    let data = published();
    appoint(data.path(), 1, nowhere());
    let list = recommend(&serve(data.path()), &wanted("u0")).unwrap();
    assert_eq!(list.step, Step::PackOrder);
    assert!(list.slate.unwrap().fallback.is_some());
}

#[test]
fn without_their_pack_people_get_their_own_top_items_then_the_regions_then_everybodys() {
    let data = published();
    damage(data.path(), "user:u0");
    let own = {
        let state = serve(data.path());
        state.sessions.take_in([event("like", 0, 7, EventKind::Like, NOW - 1)], NOW);
        recommend(&state, &wanted("u0")).unwrap()
    };
    assert_eq!((own.step, items(&own)), (Step::OwnTop, vec!["i7"]));
    damage(data.path(), "user:u1");
    assert_eq!(step(&serve(data.path()), &wanted("u1")), Step::RegionalPopular);
    damage(data.path(), "region:de");
    assert_eq!(step(&serve(data.path()), &wanted("u1")), Step::GlobalPopular);
    damage(data.path(), "region:all");
    let error = recommend(&serve(data.path()), &wanted("u1")).unwrap_err();
    assert_eq!(error.code, Code::PackMissing);
}

#[tokio::test]
async fn a_like_of_a_device_whose_clock_is_ahead_is_in_the_list_asked_for_after_its_202() {
    let data = published();
    damage(data.path(), "user:u0");
    let state = item_tests::serve(data.path());
    let mut told = serde_json::to_value(event("like", 0, 7, EventKind::Like, now_ms() + 60_000)).unwrap();
    told.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let (status, _) =
        item_tests::ask(&state, "POST", "/api/v1/events", Some(serde_json::json!({ "events": [told] })))
            .await;
    assert_eq!(status, axum::http::StatusCode::ACCEPTED);
    let path = "/api/v1/recommendations?user=u0&surface=radio";
    let (_, body) = item_tests::ask(&state, "GET", path, None).await;
    let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&list["step"], &list["items"][0]["item"]), (&"own_top".into(), &"i7".into()));
}

#[test]
fn an_unknown_surface_is_named_beside_the_known_ones() {
    let data = published();
    let error =
        recommend(&serve(data.path()), &Wanted { surface: "cinema".into(), ..wanted("u0") }).unwrap_err();
    assert_eq!(error.code, Code::SurfaceUnknown);
    assert!(error.detail.contains("cinema") && error.detail.contains("radio"), "{error:?}");
}

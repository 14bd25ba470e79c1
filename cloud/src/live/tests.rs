//! Lists on a generation that a refresh made.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::catalog::changes::What;
use crate::catalog::{Event, EventKind};
use crate::config::Config;
use crate::editorial::Blocked;
use crate::error::Code;
use crate::refresh::run as refresh;
use crate::refresh::tests::{NOW, event, folder, options, write};
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

#[test]
fn an_unknown_surface_is_named_beside_the_known_ones() {
    let data = published();
    let error =
        recommend(&serve(data.path()), &Wanted { surface: "cinema".into(), ..wanted("u0") }).unwrap_err();
    assert_eq!(error.code, Code::SurfaceUnknown);
    assert!(error.detail.contains("cinema") && error.detail.contains("radio"), "{error:?}");
}

/// Whether the pack of `user` has not to be opened anew.
fn is_opened(state: &AppState, user: &str) -> bool {
    let (published, subject) = (state.published().unwrap(), format!("user:{user}"));
    let hash = published.packs.entry(&subject).unwrap().hash_hex();
    published.opened.get(&subject, &hash, || anyhow::bail!("it is not opened")).is_ok()
}

#[test]
fn a_pack_that_was_opened_hides_no_end_no_block_and_no_next_generation() {
    let data = published();
    let state = serve(data.path());
    let list = || -> (u64, Vec<String>) {
        let list = recommend(&state, &Wanted { count: 30, ..wanted("u0") }).unwrap();
        (list.generation, items(&list).into_iter().map(str::to_owned).collect())
    };
    let holds = |item: &String| list().1.contains(item);
    assert!(!is_opened(&state, "u0"));
    let (_, first) = list();
    assert!(is_opened(&state, "u0"));
    assert_eq!(list().1, first);
    state.items.change(vec![What::Withdrawn(first[0].clone())], 1).unwrap();
    assert!(!holds(&first[0]) && holds(&first[1]));
    assert!(state.items.decide(|editorial| editorial.block(Blocked::Item, &first[1], 1)).unwrap());
    assert!(!holds(&first[0]) && !holds(&first[1]) && holds(&first[2]));
    state.items.decide(|editorial| editorial.unblock(Blocked::Item, &first[1])).unwrap();
    assert!(!holds(&first[0]) && holds(&first[1]));
    refresh(data.path(), &options()).unwrap();
    state.reload();
    assert!(!is_opened(&state, "u0"));
    let (generation, next) = list();
    assert!(generation == 2 && !next.contains(&first[0]), "{next:?}");
}

#[tokio::test]
async fn the_pack_of_somebody_who_is_forgotten_is_let_go_of() {
    let data = published();
    let state = super::item_tests::serve(data.path());
    for user in ["u0", "u1"] {
        recommend(&state, &wanted(user)).unwrap();
    }
    state.forget("u0".to_owned()).await.unwrap();
    assert_eq!([is_opened(&state, "u0"), is_opened(&state, "u1")], [false, true]);
    let refused =
        super::item_tests::ask(&state, "GET", "/api/v1/recommendations?user=u0&surface=radio", None);
    assert_ne!(refused.await.0, axum::http::StatusCode::OK);
}

#[tokio::test]
async fn who_is_forgotten_while_their_list_waits_for_a_turn_gets_none_and_no_pack_stays_open() {
    let data = published();
    let state = super::item_tests::serve(data.path());
    let mut turns = Vec::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
        turns.push(state.engines.turn().await);
    }
    let list = super::item_tests::ask(&state, "GET", "/api/v1/recommendations?user=u0&surface=radio", None);
    let forgotten = async {
        state.forget("u0".to_owned()).await.unwrap();
        drop(turns);
    };
    let ((status, _), ()) = tokio::join!(list, forgotten);
    assert_eq!(status, axum::http::StatusCode::GONE);
    assert!(!is_opened(&state, "u0"));
}

#[test]
fn who_is_forgotten_while_their_list_is_made_gets_none_and_no_pack_stays_open() {
    let data = published();
    let state = serve(data.path());
    let made = state.unless_erased("u0", || {
        let list = recommend(&state, &wanted("u0")).unwrap();
        state.tombstones.ask("u0", NOW, 1).unwrap();
        list
    });
    assert_eq!(made.unwrap_err().code, Code::UserErased);
    assert!(!is_opened(&state, "u0"));
}

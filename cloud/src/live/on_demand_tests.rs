//! Packs on demand and questions about items, over HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::item_tests::{ask, list, pack, serve};
use super::tests::{published, serve_with};
use crate::catalog::{Event, EventKind};
use crate::clock::now_ms;
use crate::consumers::waits_ms;
use crate::error::Code;
use crate::refresh::run as refresh;
use crate::refresh::tests::{NOW, options};
use crate::state::AppState;

/// Waits until packs are made on demand.
pub(super) async fn ready(state: &Arc<AppState>) {
    let begun = Instant::now();
    while state.workshop.ask(|_| ()).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was prepared");
        state.workshop.look(state);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn did(id: &str, item: &str, kind: EventKind) -> Event {
    let mut event = Event::new(id, item, kind, NOW + 1_000);
    event.user = "u0".into();
    event
}

/// The code of a problem.
fn code(problem: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(problem).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

fn items(pack: &segue_core::pack::VerifiedPack) -> Vec<String> {
    pack.candidates().iter().map(|candidate| candidate.item.clone()).collect()
}

#[tokio::test]
async fn a_pack_on_demand_knows_what_happened_since_and_is_handed_out_until_the_next_generation() {
    let data = published();
    let state = serve(data.path());
    let (status, problem) = ask(&state, "POST", "/api/v1/packs/u0", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "nothing is prepared yet");
    assert_eq!(code(&problem), "on_demand_unavailable");
    ready(&state).await;
    let before = items(&pack(&state, "user:u0").await);
    let told =
        [did("refused", &before[0], EventKind::NotInterested), did("liked", &before[5], EventKind::Like)];
    state.sessions.take_in(told, NOW + 1_000);
    assert_eq!(waits_ms(&state, NOW + 5_000), [4_000], "since the first of it");
    let (status, made) = ask(&state, "POST", "/api/v1/packs/u1", None).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&made));
    // Refused while nothing was prepared: that did not count as making one.
    let (status, made) = ask(&state, "POST", "/api/v1/packs/u0", None).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&made));
    assert!(waits_ms(&state, now_ms()).is_empty(), "it is in their pack");
    let (_, handed_out) = ask(&state, "GET", "/api/v1/packs/u0", None).await;
    assert_eq!(handed_out, made);
    let after = pack(&state, "user:u0").await;
    assert!(!items(&after).contains(&before[0]), "what was refused is not in it");
    assert!(!list(&state, "u0").await.contains(&before[0]));
    let (status, problem) = ask(&state, "POST", "/api/v1/packs/u0", None).await;
    assert_eq!((status, code(&problem).as_str()), (StatusCode::TOO_MANY_REQUESTS, "pack_just_made"));
    let (status, _) = ask(&state, "POST", "/api/v1/packs/nobody", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    refresh(data.path(), &options()).unwrap();
    state.reload();
    assert_eq!(pack(&state, "user:u0").await.generation(), 2);
}

#[tokio::test]
async fn a_list_whose_session_used_its_pack_up_has_another_made_without_being_asked_to() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    list(&state, "u0").await;
    let (_, before) = ask(&state, "GET", "/api/v1/packs/u0", None).await;
    let mut refused = items(&pack(&state, "user:u0").await);
    // Fewer than half are left.
    refused.truncate(refused.len() * 2 / 3);
    let refusal = |(id, item): (usize, &String)| json!({"event_id": format!("d{id}"), "user": "u0", "item": item, "kind": "dislike", "time_ms": now_ms() - 1_000});
    let events: Vec<Value> = refused.iter().enumerate().map(refusal).collect();
    let (status, _) = ask(&state, "POST", "/api/v1/events", Some(json!({ "events": events }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(state.made_ms().is_empty(), "a list of a session that its pack will do for sets nothing off");
    list(&state, "u0").await;
    let begun = Instant::now();
    while state.made_ms().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "none was made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, made) = ask(&state, "GET", "/api/v1/packs/u0", None).await;
    assert_ne!(made, before);
    let left = items(&pack(&state, "user:u0").await);
    assert!(!left.is_empty() && !left.iter().any(|item| refused.contains(item)), "{left:?}");
    assert!(!list(&state, "u0").await.is_empty());
}

#[tokio::test]
async fn who_is_forgotten_while_their_pack_is_made_gets_none_and_none_is_kept() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    let (go_on, wait) = std::sync::mpsc::channel();
    // What comes first keeps the workshop busy until the person is forgotten.
    let busy = state.workshop.ask(move |_| wait.recv().unwrap());
    let forgotten = async {
        state.forget("u0".to_owned()).await.unwrap();
        go_on.send(()).unwrap();
    };
    let (busy, made, ()) = tokio::join!(busy, state.make_pack("u0"), forgotten);
    busy.unwrap();
    assert_eq!(made.unwrap_err().code, Code::UserErased);
    assert!(state.made_ms().is_empty());
    let (status, _) = ask(&state, "GET", "/api/v1/packs/u0", None).await;
    assert_eq!(status, StatusCode::GONE);
}

#[tokio::test]
async fn where_it_is_switched_off_nothing_is_prepared_and_the_answer_says_so() {
    let data = published();
    let state = serve_with(data.path(), |config| config.on_demand = false);
    state.workshop.look(&state);
    let (status, body) = ask(&state, "POST", "/api/v1/packs/u0", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(String::from_utf8_lossy(&body).contains("serve.on_demand is false"));
    assert!(!list(&state, "u0").await.is_empty());
}

#[tokio::test]
async fn similar_items_and_trending_ones_may_be_shown_and_leave_when_they_are_withdrawn() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    let get = async |path: &str| -> Value {
        let (status, body) = ask(&state, "GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    };
    let names = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap();
        let scores: Vec<f64> = items.iter().map(|item| item["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|one, other| one >= other) && scores[0] <= 1.0, "{scores:?}");
        items.iter().map(|item| item["item"].as_str().unwrap().to_owned()).collect()
    };
    let trending = names(&get("/api/v1/trending?count=5&region=de").await);
    assert_eq!(trending.iter().collect::<BTreeSet<_>>().len(), 5);
    let path = format!("/api/v1/items/{}/similar?count=6", trending[0]);
    let similar = names(&get(&path).await);
    assert!(similar.len() == 6 && !similar.contains(&trending[0]));
    let changes = json!({"withdraw": [trending[1], similar[0]]});
    assert_eq!(ask(&state, "POST", "/api/v1/items", Some(changes)).await.0, StatusCode::OK);
    assert!(!names(&get("/api/v1/trending?count=5&region=de").await).contains(&trending[1]));
    assert!(!names(&get(&path).await).contains(&similar[0]));
    assert_eq!(ask(&state, "GET", "/api/v1/items/none/similar", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&state, "GET", "/api/v1/trending?county=x", None).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_taken_up_between_two_refreshes_is_trending_before_the_next_one() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    let first = async || -> String {
        let (_, body) = ask(&state, "GET", "/api/v1/trending?count=1", None).await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["items"][0]["item"].as_str().unwrap().to_owned()
    };
    let before = first().await;
    let other = if before == "i7" { "i8" } else { "i7" };
    let save = |id: usize| json!({"event_id": format!("s{id}"), "user": "u1", "item": other, "kind": "save", "time_ms": now_ms()});
    let saves: Vec<Value> = (0..200).map(save).collect();
    let (status, _) = ask(&state, "POST", "/api/v1/events", Some(json!({ "events": saves }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(first().await, before, "nothing was counted yet");
    while !state.counting.catch_up(&state).unwrap() {}
    assert_eq!(first().await, other);
}

#[tokio::test]
async fn a_pack_on_demand_knows_how_well_did_what_others_tried_since_the_refresh() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    let counts = async |item: &str| -> (f32, f32) {
        let pack = pack(&state, "user:u0").await;
        let columns = &pack.find(item).unwrap().columns;
        (columns.get("explore_successes").unwrap(), columns.get("explore_failures").unwrap())
    };
    let before = pack(&state, "user:u0").await;
    let is_tried = |one: &&segue_core::pack::Candidate| one.columns.get("explore_successes").is_some();
    let item = before.candidates().iter().find(is_tried).unwrap().item.clone();
    let (well, not) = counts(&item).await;
    let told = |id: usize| {
        let kind = if id < 12 { "complete" } else { "skip" };
        json!({"event_id": format!("t{id}"), "user": "u1", "item": item, "kind": kind, "time_ms": now_ms() - 1_000 * id as i64})
    };
    let events: Vec<Value> = (0..16).map(told).collect();
    let (status, _) = ask(&state, "POST", "/api/v1/events", Some(json!({ "events": events }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    while !state.counting.catch_up(&state).unwrap() {}
    assert_eq!(counts(&item).await, (well, not), "the pack is the refresh's");
    assert_eq!(ask(&state, "POST", "/api/v1/packs/u0", None).await.0, StatusCode::OK);
    let (well_now, not_now) = counts(&item).await;
    assert!(
        (well_now - well - 12.0).abs() < 0.5 && (not_now - not - 4.0).abs() < 0.5,
        "{well_now} {not_now}"
    );
}

#[tokio::test]
async fn somebody_new_who_answers_a_survey_has_a_pack_of_their_own_at_once_and_after_the_next_refresh() {
    let data = published();
    let state = serve(data.path());
    let answer = async |answers: Value| ask(&state, "POST", "/api/v1/onboarding", Some(answers)).await;
    let jazz = json!({"user": "n1", "categories": ["jazz"], "items": ["i7", "none"], "country": "de"});
    assert_eq!(answer(jazz.clone()).await.0, StatusCode::SERVICE_UNAVAILABLE, "nothing is prepared yet");
    ready(&state).await;
    assert_eq!(ask(&state, "POST", "/api/v1/packs/n1", None).await.0, StatusCode::NOT_FOUND);
    for wrong in [json!({"user": "n1", "categories": ["none"]}), json!({"user": "n1"})] {
        let (status, problem) = answer(wrong).await;
        assert_eq!((status, code(&problem).as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "answers_unknown"));
    }
    for wrong in [
        json!({"user": ""}),
        json!({"user": "n1", "items": vec!["i1"; 11]}),
        json!({"user": "n1", "likes": 1}),
    ] {
        assert_eq!(answer(wrong).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, body) = answer(jazz.clone()).await;
    let profile: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &profile["pack"]), (StatusCode::OK, &json!(true)), "{profile}");
    let of: Vec<&str> =
        profile["starters"].as_array().unwrap().iter().map(|one| one["of"].as_str().unwrap()).collect();
    assert_eq!(of, ["i7", "jazz", "jazz", "jazz"]);
    assert_eq!(answer(json!({"user": "n2", "categories": ["metal"]})).await.0, StatusCode::OK);
    // The tests' genres are by the number of an item: jazz is 1 more than a multiple of four, metal 2.
    let genres = async |user: &str| -> Vec<usize> {
        let items = items(&pack(&state, &format!("user:{user}")).await);
        items[..4].iter().map(|item| item[1..].parse::<usize>().unwrap() % 4).collect()
    };
    let many =
        |genres: Vec<usize>, genre: usize| genres.into_iter().filter(|other| *other == genre).count() >= 2;
    assert!(many(genres("n1").await, 1) && many(genres("n2").await, 2));
    assert!(!list(&state, "n1").await.is_empty());
    assert_eq!(answer(jazz).await.0, StatusCode::OK);
    assert_eq!(state.events.count(), 7, "the same answers are the same events");
    refresh(data.path(), &options()).unwrap();
    state.reload();
    assert_eq!(pack(&state, "user:n1").await.generation(), 2);
    assert!(many(genres("n1").await, 1));
}

#[tokio::test]
async fn who_was_new_before_a_restart_has_a_pack_again_soon_after_they_asked() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    let like =
        json!({"event_id": "n", "user": "newcomer", "item": "i7", "kind": "like", "time_ms": now_ms()});
    let (status, _) = ask(&state, "POST", "/api/v1/events", Some(json!({"events": [like]}))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (path, nobodys) = ("/api/v1/packs/newcomer", "/api/v1/packs/nobody");
    assert_eq!(ask(&state, "POST", path, None).await.0, StatusCode::OK);
    assert_eq!(ask(&state, "GET", path, None).await.0, StatusCode::OK);
    drop(state);
    let state = serve(data.path());
    ready(&state).await;
    for path in [path, nobodys] {
        assert_eq!(ask(&state, "GET", path, None).await.0, StatusCode::NOT_FOUND);
    }
    let begun = Instant::now();
    while ask(&state, "GET", path, None).await.0 != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(60), "none was made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(state.made_ms().into_keys().collect::<Vec<_>>(), ["user:newcomer"]);
}

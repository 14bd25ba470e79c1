//! Somebody asks to be forgotten: what is true at once, soon, and after some generations.

use std::path::Path;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::app::router;
use crate::auth::ServiceKeys;
use crate::catalog::{Catalogue, Collection, Event, EventKind};
use crate::clock::now_ms;
use crate::config::Config;
use crate::refresh::tests::{NOW, folder, options, write};
use crate::refresh::{Back, Options, rollback, run};
use crate::state::AppState;

/// An id that is in no hash and no other word.
const WHO: &str = "zebra";
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A data folder that knows the person, with a generation, and the service on it.
struct World {
    data: tempfile::TempDir,
    state: std::sync::Arc<AppState>,
}

impl World {
    fn new() -> Self {
        let (data, mut catalogue) = folder();
        add(&mut catalogue);
        write(data.path(), &catalogue);
        std::fs::write(data.path().join("rejects.jsonl"), format!("{{\"row\":\"{WHO},t1\"}}\n")).unwrap();
        run(data.path(), &options()).unwrap();
        let mut config = Config::new(data.path());
        config.callers.services = ServiceKeys::read(None, Some(KEY)).unwrap();
        let state = AppState::open(config).unwrap();
        Self { data, state }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        let request = request.header("authorization", format!("Bearer {KEY}"));
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn stage(&self, receipt: &str) -> Value {
        self.call("GET", &format!("erasures/{receipt}"), json!({})).await.1["stage"].clone()
    }
}

fn add(catalogue: &mut Catalogue) {
    let items = vec!["i1".to_owned()];
    let library =
        Collection { collection: "l".into(), user: Some(WHO.into()), items, ..Collection::default() };
    catalogue.collections.push(library);
    let mut event = Event::new("mine", "i1", EventKind::Like, NOW - 5_000);
    event.user = WHO.into();
    event.session = "s9".into();
    // Adds the person to the users as well.
    catalogue.add_events(vec![event]);
}

/// Files below `folder` that hold the text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn received() -> Value {
    let event = |id: &str, user: &str, session: &str, kind: &str| json!({"event_id": id, "user": user, "session": session, "item": "i2", "slate": "l1", "kind": kind, "time_ms": now_ms()});
    json!({"events": [
        event("1", WHO, "s1", "like"), event("2", "u1", "s2", "like"),
        event("3", "", "secret-session", "play"), event("4", WHO, "secret-session", "sign_in"),
    ]})
}

/// Sends an event of theirs that is refused, as often as it takes to become a dead letter.
async fn refuse(world: &World) {
    let bad = json!({"event_id": "bad", "user": WHO, "item": "i1", "kind": "like", "time_ms": "noon"});
    for _ in 0..3 {
        let answer = world.call("POST", "events", json!({"events": [bad]})).await.1;
        assert_eq!(answer["rejected"][0]["code"], "field_invalid");
    }
}

/// Keeps a list of theirs and writes the training log, as a day later.
fn learn(state: &AppState) {
    let features = json!({"format": 1, "schema": "f", "context": [], "events": [], "used": 0, "places": []});
    let list = json!({"user": WHO, "slate": "l1", "surface": "radio", "time_ms": now_ms(), "generation": 1,
        "policy": null, "ranker": null, "context": {}, "places": [], "features": features});
    assert!(state.slates.keep(&serde_json::from_value(list).unwrap(), &state.tombstones).unwrap());
    let written =
        crate::training_log::write(&state.config.data, now_ms() + 26 * 3_600_000, state.config.filter)
            .unwrap();
    assert_eq!(written.rows, 3);
}

#[tokio::test]
async fn who_is_forgotten_is_refused_at_once_and_is_in_no_file_in_the_end() {
    let world = World::new();
    let data = world.data.path();
    assert_eq!(world.call("POST", "events", received()).await.1["accepted"], 4);
    assert_eq!(world.call("GET", &format!("packs/{WHO}"), json!({})).await.0, 200);
    assert_eq!(world.call("GET", &format!("collections/{WHO}"), json!({})).await.0, 200);
    learn(&world.state);
    refuse(&world).await;
    for place in ["/training/", "/slates/", "/weekly/", "/dead_letters/"] {
        assert!(
            holding(data, WHO).iter().any(|path| path.contains(place)),
            "the person is not below {place}"
        );
    }
    let mut exported = 0;
    let count = |_| {
        exported += 1;
        std::ops::ControlFlow::Continue(())
    };
    assert!(crate::export::person(data, WHO, count).unwrap().is_continue());
    let (status, answer) = world.call("DELETE", &format!("users/{WHO}"), json!({})).await;
    assert_eq!(status, 202);
    let receipt = answer["receipt"].as_str().unwrap();

    let own = ["packs/", "users/", "collections/", "recommendations?user="];
    for path in own.map(|path| format!("{path}{WHO}")) {
        let (status, problem) = world.call("GET", &path, json!({})).await;
        assert_eq!((status, problem["code"].as_str()), (410, Some("user_erased")), "{path}");
    }
    let again = world.call("POST", "events", received()).await.1;
    assert_eq!((&again["duplicates"], &again["rejected"][0]["code"]), (&json!(2), &json!("user_erased")));
    assert_eq!(world.stage(receipt).await, "asked");
    assert!(Catalogue::load(data).unwrap().user_index(WHO).is_none());

    // Of the log, of what was made of it, of kept lists, dead letters and playlists, and of the tables.
    let gone = carry_out(&world.state).await.unwrap();
    assert_eq!(gone, 3 + 2 + 1 + 1 + 1 + 1 + 3);
    assert_eq!(world.state.dead_letters.count(), 0);
    // The last line of an export is no row; of the row that an import refused nobody can tell whose it was.
    assert_eq!(exported - 1, gone - 1);
    assert_eq!(world.stage(receipt).await, "erased");
    for text in [WHO, "secret-session"] {
        let found: Vec<String> =
            holding(data, text).into_iter().filter(|path| !path.contains("/served/")).collect();
        assert!(found.is_empty(), "{text} is in {found:?}");
    }
    let mut ids = Vec::new();
    crate::events::read_since(data, 0, |number, event| ids.push((number, event.event_id))).unwrap();
    assert_eq!(ids, [(2, "2".to_owned())]);

    for later in 1..=4 {
        run(data, &Options { now_ms: Some(NOW + later), ..options() }).unwrap();
    }
    world.state.reload();
    assert_eq!(world.stage(receipt).await, "gone");
    assert_eq!(holding(data, WHO), [""; 0]);
    assert_eq!(world.call("GET", "erasures/another", json!({})).await.1["code"], "receipt_unknown");
}

#[tokio::test]
async fn going_back_leaves_out_whoever_was_forgotten_since() {
    let world = World::new();
    let data = world.data.path();
    let refresh = |later| run(data, &Options { now_ms: Some(NOW + later), ..options() }).unwrap();
    refresh(1);
    world.state.reload();
    let receipt = world.state.forget(WHO.to_owned()).await.unwrap();
    carry_out(&world.state).await.unwrap();
    let with = refresh(2).packs;
    let back = Back { to: Some(2), lifetime_ms: 1_000, now_ms: Some(NOW + 3), ..Back::default() };
    let report = rollback(data, &back).unwrap();
    assert_eq!((report.generation, report.packs), (4, with));
    for later in 4..6 {
        refresh(later);
    }
    world.state.reload();
    assert_eq!(world.stage(&receipt).await, "gone");
    assert_eq!(holding(data, WHO), [""; 0]);
}

#[tokio::test]
async fn tables_of_an_earlier_day_bring_nobody_back() {
    let world = World::new();
    let data = world.data.path();
    let backup: Vec<(String, Vec<u8>)> = ["users", "collections", "events"]
        .map(|name| (format!("{name}.jsonl"), std::fs::read(data.join(format!("{name}.jsonl"))).unwrap()))
        .into();
    world.state.forget(WHO.to_owned()).await.unwrap();
    carry_out(&world.state).await.unwrap();
    for (name, bytes) in &backup {
        std::fs::write(data.join(name), bytes).unwrap();
    }
    let catalogue = Catalogue::load(data).unwrap();
    assert!(catalogue.user_index(WHO).is_none() && catalogue.user_index("u1").is_some());
    assert!(catalogue.events.iter().all(|event| event.user != WHO));
    assert!(catalogue.collections.is_empty());
    // Asked again, the rows go too.
    world.state.forget(WHO.to_owned()).await.unwrap();
    assert_eq!(carry_out(&world.state).await.unwrap(), 3);
    assert_eq!(carry_out(&world.state).await.unwrap(), 0);
}

#[tokio::test]
async fn events_go_on_after_an_erasure_and_over_a_restart() {
    let world = World::new();
    world.call("POST", "events", received()).await;
    world.state.forget(WHO.to_owned()).await.unwrap();
    carry_out(&world.state).await.unwrap();
    let next = |id: &str| json!({"events": [{"event_id": id, "user": "u1", "item": "i1", "kind": "like", "time_ms": now_ms()}]});
    assert_eq!(world.call("POST", "events", next("5")).await.1["accepted"], 1);
    let World { data, state } = world;
    drop(state);
    let state = AppState::open(Config::new(data.path())).unwrap();
    let world = World { data, state };
    assert_eq!(world.state.events.count(), 5);
    assert_eq!(world.call("POST", "events", next("5")).await.1["duplicates"], 1);
    assert_eq!(world.call("POST", "events", next("2")).await.1["duplicates"], 1);
    assert!(world.state.tombstones.erased().contains(WHO));
}

//! What editors decide and administrators begin, over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use segue_core::pack::VerifiedPack;
use serde_json::{Value, json};

use super::item_tests::{KEY, ask, list, pack, serve};
use super::tests::{published, serve_with};
use crate::auth::ServiceKeys;
use crate::clock::now_ms;
use crate::jobs::{Kind, Runner};
use crate::refresh::run as refresh;
use crate::refresh::tests::options;
use crate::state::AppState;
use crate::stores::{Processes, Task};

const ADMIN: &str = "/api/v1/admin";

fn administered(data: &std::path::Path) -> Arc<AppState> {
    let keys = ServiceKeys::read(None, Some(&format!("{KEY} admin"))).unwrap();
    serve_with(data, |config| config.callers.services = keys)
}

async fn told(state: &Arc<AppState>, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let (status, body) = ask(state, method, &format!("{ADMIN}{path}"), body).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn what_is_blocked_leaves_lists_and_packs_at_once_and_stays_away_over_restart_and_refresh() {
    let data = published();
    let state = administered(data.path());
    let before = list(&state, "u0").await;
    let candidates = pack(&state, "user:u0").await;
    let creator = candidates.find(&before[1]).unwrap().creator.clone();
    let theirs: Vec<String> = candidates
        .candidates()
        .iter()
        .filter(|one| one.creator == creator)
        .map(|one| one.item.clone())
        .collect();
    assert!(!theirs.contains(&before[0]));
    for path in [format!("/blocklist/items/{}", before[0]), format!("/blocklist/creators/{creator}")] {
        assert_eq!(told(&state, "PUT", &path, None).await.0, StatusCode::NO_CONTENT);
    }
    let is_gone =
        |items: &[String]| !items.contains(&before[0]) && theirs.iter().all(|item| !items.contains(item));
    assert!(is_gone(&list(&state, "u0").await));
    let ended = pack(&state, "user:u0").await;
    let has_ended = |item: &str| ended.find(item).unwrap().ends_ms.is_some_and(|end| end <= now_ms());
    assert!(has_ended(&before[0]) && theirs.iter().all(|item| has_ended(item)));
    let mut others = ended.candidates().iter().filter(|one| one.creator != creator && one.item != before[0]);
    assert!(others.all(|one| one.ends_ms.is_none()));
    drop(state);
    let again = administered(data.path());
    assert!(is_gone(&list(&again, "u0").await), "also after a restart");
    refresh(data.path(), &options()).unwrap();
    again.reload();
    let anew = pack(&again, "user:u0").await;
    assert_eq!(anew.generation(), 2);
    assert!(anew.find(&before[0]).is_none() && theirs.iter().all(|item| anew.find(item).is_none()));
    let (_, blocked) = told(&again, "GET", "/blocklist", None).await;
    assert_eq!(
        (&blocked["items"][0]["id"], &blocked["creators"][0]["id"]),
        (&json!(before[0]), &json!(creator))
    );
    for path in [format!("/blocklist/items/{}", before[0]), format!("/blocklist/creators/{creator}")] {
        assert_eq!(told(&again, "DELETE", &path, None).await.0, StatusCode::NO_CONTENT);
    }
    refresh(data.path(), &options()).unwrap();
    again.reload();
    let back = pack(&again, "user:u0").await;
    assert!(back.find(&before[0]).is_some() && theirs.iter().all(|item| back.find(item).is_some()));
}

#[tokio::test]
async fn pinned_items_are_the_editors_choices_of_the_next_packs() {
    let data = published();
    let state = administered(data.path());
    let is_editorial = |pack: &VerifiedPack, item: &str| {
        pack.find(item).is_some_and(|one| one.columns.get("editorial") == Some(1.0))
    };
    assert!(!is_editorial(&pack(&state, "user:u0").await, "i7"));
    for (item, body) in [("i7", json!({})), ("i8", json!({"position": 0, "until_ms": 1}))] {
        let (status, told) = told(&state, "PUT", &format!("/pins/{item}"), Some(body)).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
    }
    let (_, pins) = told(&state, "GET", "/pins", None).await;
    let order: Vec<&Value> = pins["pins"].as_array().unwrap().iter().map(|pin| &pin["item"]).collect();
    assert_eq!(order, ["i8", "i7"]);
    refresh(data.path(), &options()).unwrap();
    state.reload();
    let made = pack(&state, "user:u0").await;
    assert!(is_editorial(&made, "i7") && !is_editorial(&made, "i8"), "what is over pins nothing");
    assert_eq!(told(&state, "DELETE", "/pins/i7", None).await.0, StatusCode::NO_CONTENT);
    let (status, problem) = told(&state, "PUT", "/pins/none", Some(json!({}))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("item_unknown")));
    assert_eq!(told(&state, "PUT", "/pins/i1", Some(json!({"place": 1}))).await.0, StatusCode::BAD_REQUEST);
    let long = "x".repeat(129);
    assert_eq!(
        told(&state, "PUT", &format!("/blocklist/items/{long}"), None).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_job_that_was_asked_for_can_be_polled_and_a_second_one_has_to_wait() {
    let data = published();
    let state = administered(data.path());
    let (status, begun) = told(&state, "POST", "/refresh", None).await;
    assert_eq!((status, &begun["stage"]), (StatusCode::ACCEPTED, &json!("running")));
    let (status, problem) = told(&state, "POST", "/refresh", None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("job_running")));
    let path = format!("/jobs/{}", begun["job"].as_str().unwrap());
    let (folder, tasks) = (data.path().to_owned(), Processes::default());
    let started = Runner::start(Arc::clone(&state.jobs), folder, tasks, None, |_| Task::new("true"));
    let _runner = started.unwrap();
    let waited = Instant::now();
    let ended = loop {
        let (_, job) = told(&state, "GET", &path, None).await;
        if job["stage"] != "running" {
            break job;
        }
        assert!(waited.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((&ended["stage"], &ended["generation"]), (&json!("succeeded"), &json!(1)));
    let (_, all) = told(&state, "GET", "/jobs", None).await;
    assert_eq!(all["jobs"], json!([ended]));
    assert_eq!(told(&state, "GET", "/jobs/refresh-1", None).await.1["code"], "job_unknown");
}

#[tokio::test]
async fn a_rollback_goes_to_a_generation_that_is_kept_and_waits_for_a_refresh_of_others() {
    let data = published();
    let state = administered(data.path());
    for path in ["/rollback", "/rollback?to=1", "/rollback?to=9"] {
        let (status, problem) = told(&state, "POST", path, None).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::NOT_FOUND, &json!("generation_unknown")),
            "{path}"
        );
    }
    assert_eq!(told(&state, "POST", "/rollback?from=1", None).await.0, StatusCode::BAD_REQUEST);
    refresh(data.path(), &options()).unwrap();
    let lock = crate::lock::FileLock::try_take(&data.path().join("refresh/runs/.lock")).unwrap().unwrap();
    let (status, problem) = told(&state, "POST", "/rollback", None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("job_running")));
    drop(lock);
    let (status, job) = told(&state, "POST", "/rollback", None).await;
    assert_eq!((status, &job["kind"], &job["to"]), (StatusCode::ACCEPTED, &json!("rollback"), &json!(1)));
    assert_eq!(state.jobs.all()[0].kind, Kind::Rollback);
}

#[tokio::test]
async fn a_service_key_without_the_right_administers_nothing() {
    let data = published();
    let state = serve(data.path());
    for (method, path) in [
        ("POST", "/refresh"),
        ("POST", "/rollback"),
        ("GET", "/jobs"),
        ("GET", "/jobs/x"),
        ("GET", "/pins"),
        ("PUT", "/pins/i1"),
        ("DELETE", "/pins/i1"),
        ("GET", "/blocklist"),
        ("PUT", "/blocklist/items/i1"),
        ("DELETE", "/blocklist/items/i1"),
        ("PUT", "/blocklist/creators/c1"),
        ("DELETE", "/blocklist/creators/c1"),
    ] {
        let (status, problem) = told(&state, method, path, Some(json!({}))).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("admin_forbidden")),
            "{method} {path}"
        );
    }
    assert!(state.jobs.all().is_empty() && !state.items.has_ends());
}

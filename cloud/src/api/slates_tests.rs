//! Lists that devices tell of, from the request to the rows of the training log.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::app::router;
use crate::auth::PersonTokens;
use crate::config::Config;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const HOUR_MS: i64 = 3_600_000;

/// A service that keeps every list.
fn serve(data: &Path, change: impl FnOnce(&mut Config)) -> Shared {
    let mut config = Config { kept_lists: 1_000, ..Config::new(data) };
    change(&mut config);
    AppState::open(config).unwrap()
}

async fn send(state: &Shared, path: &str, token: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::builder().method("POST").uri(path).header("content-type", kind);
    let request = match token {
        "" => request,
        token => request.header("authorization", format!("Bearer {token}")),
    };
    let response = router(Arc::clone(state)).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let operation = crate::api::check::operation("POST", path).unwrap();
    crate::api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

async fn tell(state: &Shared, token: &str, batch: Value) -> (u16, Value) {
    send(state, "/api/v1/slates", token, "application/json", batch.to_string().into()).await
}

/// A list of one place made at `time_ms`.
fn list(slate: &str, time_ms: i64) -> Value {
    let seen = json!({"item": "t1", "candidate": [0.5, -1.0], "live": [2.0], "heads": [0.25]});
    let features = json!({"format": 1, "schema": "f".repeat(64), "context": [1.0], "events": [], "used": 0,
        "places": [seen]});
    json!({"slate": slate, "surface": "radio", "time_ms": time_ms, "generation": 7,
        "places": [{"item": "t1", "position": 0, "score": 0.75, "propensity": 900_000}], "features": features})
}

fn rows(data: &Path, user: &str, table: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let read = crate::export::person(data, user, |line| {
        let line: Value = serde_json::from_slice(&line).unwrap();
        if line["table"] == table {
            rows.push(line["row"].clone());
        }
        ControlFlow::Continue(())
    });
    assert!(read.unwrap().is_continue());
    rows
}

#[tokio::test]
async fn what_a_device_saw_is_in_the_rows_of_what_became_of_its_list() {
    let data = tempfile::tempdir().unwrap();
    let state = serve(data.path(), |_| ());
    let now_ms = now_ms();
    let batch = json!({"user": "u1", "sent_ms": now_ms, "slates": [list("l1", now_ms - 60_000)]});
    let packed = rmp_serde::to_vec_named(&batch).unwrap();
    let receipt = json!({"accepted": 1, "kept": 1, "rejected": []});
    assert_eq!(tell(&state, "", batch).await, (202, receipt.clone()));
    let again = send(&state, "/api/v1/slates", "", "application/msgpack", packed).await;
    assert_eq!(again, (202, receipt));
    let event = json!({"event_id": "e1", "user": "u1", "session": "s", "slate": "l1", "item": "t1", "kind": "like",
        "time_ms": now_ms});
    let (_, answer) = send(&state, "/api/v1/events", "", "application/json", event.to_string().into()).await;
    assert_eq!(answer["accepted"], 1);
    let day_later = now_ms + 26 * HOUR_MS;
    let written = crate::training_log::write(data.path(), day_later, state.config.filter).unwrap();
    assert_eq!((written.rows, written.with_features), (1, 1));
    let row = rows(data.path(), "u1", "training").remove(0);
    // 0.5 and -1, little-endian.
    assert_eq!(row["candidate_inputs"], "0000003f000080bf");
    assert_eq!(
        (&row["generation"], &row["propensity"], &row["surface"]),
        (&json!(7), &json!(900_000), &json!("radio"))
    );
}

#[tokio::test]
async fn lists_that_are_not_drawn_are_accepted_and_not_kept_and_bad_ones_hold_up_no_other() {
    let data = tempfile::tempdir().unwrap();
    let state = serve(data.path(), |config| config.kept_lists = 0);
    let now_ms = now_ms();
    let slates = json!([
        list("l1", now_ms),
        list("", now_ms),
        list("l2", now_ms - 25 * HOUR_MS),
        list("l3", now_ms + 25 * HOUR_MS)
    ]);
    let (status, answer) = tell(&state, "", json!({"user": "u1", "slates": slates})).await;
    assert_eq!((status, &answer["accepted"], &answer["kept"]), (202, &json!(1), &json!(0)));
    let rejected: Vec<(u64, &str)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| (reject["index"].as_u64().unwrap(), reject["code"].as_str().unwrap()))
        .collect();
    assert_eq!(rejected, [(1, "id_invalid"), (2, "slate_too_late"), (3, "time_out_of_range")]);
    assert!(rows(data.path(), "u1", "lists").is_empty());
}

#[tokio::test]
async fn batches_that_are_nobodys_too_large_or_no_lists_are_refused_whole() {
    let data = tempfile::tempdir().unwrap();
    let state = serve(data.path(), |_| ());
    let many: Vec<Value> = (0..=MOST).map(|number| list(&number.to_string(), now_ms())).collect();
    for (batch, status, code) in [
        (json!({"slates": []}), 400, "body_invalid"),
        (json!({"user": "u\n", "slates": []}), 400, "body_invalid"),
        (json!({"user": "u1", "events": []}), 400, "body_invalid"),
        (json!({"user": "u1", "slates": many}), 413, "batch_too_large"),
    ] {
        let (answered, problem) = tell(&state, "", batch).await;
        assert_eq!((answered, &problem["code"]), (status, &json!(code)));
    }
    let protobuf = send(&state, "/api/v1/slates", "", "application/x-protobuf", Vec::new()).await;
    assert_eq!(protobuf.0, 415);
    assert!(rows(data.path(), "u1", "lists").is_empty());
}

#[tokio::test]
async fn people_tell_of_their_own_lists_and_whoever_is_forgotten_of_none() {
    let data = tempfile::tempdir().unwrap();
    let state = serve(data.path(), |config| {
        config.callers.people = PersonTokens::read(None, [Some(SECRET), None], None).unwrap();
    });
    let claims = json!({"sub": "u1", "exp": now_ms() / 1000 + 600});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let batch = |user: &str| json!({"user": user, "slates": [list("l1", now_ms())]});
    assert_eq!(tell(&state, "", batch("u1")).await.0, 401);
    assert_eq!(tell(&state, &token, batch("u2")).await.0, 403);
    assert_eq!(tell(&state, &token, batch("")).await.1["kept"], 1, "the token says whose it is");
    let device = format!("device-{}", "0f".repeat(16));
    assert_eq!(tell(&state, "", batch(&device)).await.1["kept"], 1);
    let lists = |user: &str| rows(data.path(), user, "lists").len();
    assert_eq!([lists("u1"), lists("u2"), lists(&device)], [1, 0, 1]);

    state.forget("u1".to_owned()).await.unwrap();
    let (status, problem) = tell(&state, &token, batch("u1")).await;
    assert_eq!((status, &problem["code"]), (410, &json!("user_erased")));
    crate::erasure::carry_out(&state).await.unwrap();
    assert_eq!([lists("u1"), lists(&device)], [0, 1]);
}

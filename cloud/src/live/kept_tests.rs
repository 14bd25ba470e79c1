//! Packs that are kept in memory, over HTTP.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::ServiceExt as _;

use super::on_demand_tests::ready;
use super::tests::{published, serve_with};
use crate::app::router;
use crate::catalog::changes::What;
use crate::refresh::tests::{NOW, options};
use crate::refresh::{Back, Options, rollback, run as refresh};
use crate::state::AppState;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn get(state: &Arc<AppState>, user: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("/api/v1/packs/{user}");
    let request =
        headers.iter().fold(Request::builder().uri(&path), |request, pair| request.header(pair.0, pair.1));
    let response = router(Arc::clone(state)).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let length = body.size_hint().exact();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    assert_eq!(length, Some(body.len() as u64), "it goes out in one piece");
    let operation = crate::api::check::operation("GET", &path).unwrap();
    crate::api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
    Answer { status: head.status, headers: head.headers, body }
}

fn is_kept(state: &AppState, user: &str) -> bool {
    state.published().unwrap().kept(&format!("user:{user}")).is_some()
}

/// Turns a bit of every byte of every pack of generation 1 on the disk.
fn damage(data: &Path) {
    let files = std::fs::read_dir(data.join("served/generations/1")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "blob")) {
        let damaged: Vec<u8> = std::fs::read(&file).unwrap().into_iter().map(|byte| byte ^ 0x40).collect();
        std::fs::write(&file, damaged).unwrap();
    }
}

#[tokio::test]
async fn a_pack_that_is_kept_is_answered_as_when_it_was_read_whatever_became_of_the_file() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    assert!(!is_kept(&state, "u0"));
    let read = get(&state, "u0", &[]).await;
    assert_eq!(read.status, StatusCode::OK);
    assert!(is_kept(&state, "u0") && !is_kept(&state, "u1"));
    damage(data.path());
    let kept = get(&state, "u0", &[]).await;
    assert_eq!((kept.status, &kept.headers), (read.status, &read.headers));
    assert!(kept.body == read.body, "other bytes");
    let tag = read.headers["etag"].to_str().unwrap();
    let known = get(&state, "u0", &[("if-none-match", tag)]).await;
    assert_eq!((known.status, known.headers["etag"].to_str().unwrap()), (StatusCode::NOT_MODIFIED, tag));
    let encoded = get(&state, "u0", &[("accept-encoding", "zstd")]).await;
    assert_eq!(encoded.headers["content-encoding"], "zstd");
    assert!(zstd::bulk::decompress(&encoded.body, 1 << 24).unwrap() == read.body);
    let damaged = get(&state, "u1", &[]).await;
    assert_eq!(damaged.status, StatusCode::INTERNAL_SERVER_ERROR, "what was not read before is refused");
    let problem: serde_json::Value = serde_json::from_slice(&damaged.body).unwrap();
    assert_eq!(problem["code"], "internal");
    let told = problem["detail"].as_str().unwrap();
    assert!(!told.contains(data.path().to_str().unwrap()), "why is for the operator: {told}");
    assert!(!is_kept(&state, "u1"));
}

#[tokio::test]
async fn who_is_forgotten_has_no_pack_at_once_and_none_is_left_in_memory() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    ready(&state).await;
    for user in ["u0", "u1"] {
        assert_eq!(get(&state, user, &[]).await.status, StatusCode::OK);
    }
    let encoded = async || get(&state, "u0", &[("accept-encoding", "zstd")]).await;
    encoded().await;
    state.make_pack("u0").await.unwrap();
    let made = encoded().await;
    state.items.change((0..60).map(|item| What::Withdrawn(format!("i{item}"))).collect(), NOW).unwrap();
    assert_eq!(get(&state, "u1", &[]).await.status, StatusCode::OK);
    let ended = encoded().await;
    assert_ne!(made.headers["etag"], ended.headers["etag"]);
    let holds = |user: &str| {
        let (published, subject) = (state.published().unwrap(), format!("user:{user}"));
        let is_looked_through = published.looked_through.get(&subject, |_| true).is_some();
        [is_kept(&state, user), is_looked_through, state.made_ms().contains_key(&subject)]
    };
    assert_eq!([holds("u0"), holds("u1")], [[true; 3], [true, true, false]]);
    assert!(state.encoded.bytes() > 0);
    state.forget("u0".to_owned()).await.unwrap();
    assert_eq!([holds("u0"), holds("u1")], [[false; 3], [true, true, false]]);
    assert_eq!(state.encoded.bytes(), 0);
    assert_eq!(get(&state, "u0", &[]).await.status, StatusCode::GONE);
    assert_eq!(get(&state, "u1", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_counted_as_found_in_memory_was_not_read_for_the_answer() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    let found = async || -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _counted = metrics::set_default_local_recorder(&recorder);
        assert_eq!(get(&state, "u0", &[]).await.status, StatusCode::OK);
        let rendered = handle.render();
        let counted = rendered.lines().find_map(|line| {
            let line = line.strip_prefix("segue_packs_handed_out_total{from=\"")?;
            line.strip_suffix("\"} 1").map(str::to_owned)
        });
        counted.unwrap()
    };
    assert_eq!([found().await, found().await], ["disk", "memory"]);
    state.items.change(vec![What::Withdrawn("no such item".into())], NOW).unwrap();
    assert_eq!([found().await, found().await], ["disk", "memory"], "it is looked through first");
}

#[tokio::test]
async fn another_generation_has_its_own_packs_also_where_one_goes_back() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    let mut tags = Vec::new();
    for generation in ["1", "2", "3"] {
        let answer = get(&state, "u0", &[]).await;
        assert_eq!(answer.headers["segue-generation"], generation);
        tags.push(answer.headers["etag"].clone());
        match generation {
            "1" => drop(refresh(data.path(), &Options { now_ms: Some(NOW + 1), ..options() }).unwrap()),
            "2" => drop(rollback(data.path(), &Back { lifetime_ms: 1_000_000, ..Back::default() }).unwrap()),
            _ => {}
        }
        state.reload();
        assert_eq!(is_kept(&state, "u0"), generation == "3", "what was read of an earlier one");
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for_and_nothing_where_there_is_none() {
    let data = published();
    let one = get(&serve_with(data.path(), |_| ()), "u0", &[]).await.body.len();
    // The packs of these people differ by less than half.
    for (room, most) in [(0, 0), (one + one / 2, 1), (100 * one, 4)] {
        let state = serve_with(data.path(), |config| config.limits.kept_pack_bytes = room);
        for _ in 0..2 {
            for user in ["u0", "u1", "u2", "u3"] {
                assert_eq!(get(&state, user, &[]).await.status, StatusCode::OK);
                assert_eq!(is_kept(&state, user), most > 0, "{room}");
            }
        }
        let kept = ["u0", "u1", "u2", "u3"].into_iter().filter(|user| is_kept(&state, user)).count();
        assert_eq!(kept, most, "{room}");
        assert!(state.published().unwrap().kept_bytes() <= room);
    }
}

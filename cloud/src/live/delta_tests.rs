//! Packs as what changed, over HTTP.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use segue_core::Engine;
use tower::ServiceExt as _;

use super::tests::{published, serve_with};
use crate::app::router;
use crate::refresh::tests::{NOW, options, root};
use crate::refresh::{Options, run as refresh};
use crate::state::AppState;

const PATH: &str = "/api/v1/packs/u0";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

async fn get(state: &Arc<AppState>, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(Request::builder().uri(PATH), |request, pair| request.header(pair.0, pair.1));
    let response = router(Arc::clone(state)).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let operation = crate::api::check::operation("GET", PATH).unwrap();
    crate::api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
    Answer { status: head.status, headers: head.headers, body }
}

#[tokio::test]
async fn who_has_an_earlier_pack_gets_what_changed_and_makes_the_very_pack_of_it() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    let first = get(&state, &[]).await;
    let second_run = Options { now_ms: Some(NOW + 1), ..options() };
    refresh(data.path(), &second_run).unwrap();
    state.reload();
    let whole = get(&state, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!((whole.status, whole.header("segue-generation")), (StatusCode::OK, "2"));
    let asked = [("a-im", "segue-delta"), ("if-none-match", first.header("etag"))];
    let delta = get(&state, &asked).await;
    assert_eq!((delta.status, delta.header("im")), (StatusCode::IM_USED, "segue-delta"));
    assert_eq!(
        (delta.header("delta-base"), delta.header("etag")),
        (first.header("etag"), whole.header("etag"))
    );
    assert!(delta.body.len() < whole.body.len() / 2, "{} of {}", delta.body.len(), whole.body.len());

    let mut engine = Engine::new(&root(data.path()).to_hex()).unwrap();
    let published = state.published().unwrap();
    engine.accept_rotations(&published.rotations).unwrap();
    engine.accept_manifest(&published.manifest, NOW + 1).unwrap();
    let made = engine.patch_pack(&first.body, &delta.body).unwrap();
    assert!(made == whole.body, "not the pack that was signed");
    assert_eq!(engine.accept_pack(&made, "user:u0", NOW + 1).unwrap().generation(), 2);
}

#[tokio::test]
async fn who_has_no_earlier_pack_or_does_not_ask_gets_the_whole_one_and_who_has_it_nothing() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    let first = get(&state, &[]).await;
    let current = get(&state, &[("a-im", "segue-delta"), ("if-none-match", first.header("etag"))]).await;
    assert_eq!((current.status, current.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let unknown = format!("\"{}\"", "0".repeat(64));
    let whole = get(&state, &[("a-im", "segue-delta"), ("if-none-match", &unknown)]).await;
    assert!(whole.status == StatusCode::OK && whole.body == first.body);
    assert!(whole.headers.get_all("vary").iter().any(|value| value == "a-im"));
    refresh(data.path(), &Options { now_ms: Some(NOW + 1), ..options() }).unwrap();
    std::fs::remove_file(data.path().join("keys/signing.key")).unwrap();
    state.reload();
    let asked = [("a-im", "segue-delta"), ("if-none-match", first.header("etag"))];
    assert_eq!(get(&state, &asked).await.status, StatusCode::OK, "nobody here can sign");
}

#[tokio::test]
async fn a_delta_is_kept_for_the_next_one_who_asks_and_goes_with_who_is_forgotten() {
    let data = published();
    let state = serve_with(data.path(), |_| ());
    let first = get(&state, &[]).await;
    refresh(data.path(), &Options { now_ms: Some(NOW + 1), ..options() }).unwrap();
    state.reload();
    let published = state.published().unwrap();
    let asked = [("a-im", "segue-delta"), ("if-none-match", first.header("etag"))];
    let turns: Vec<_> = std::iter::from_fn(|| published.deltas().turn()).collect();
    assert_eq!(get(&state, &asked).await.status, StatusCode::OK, "as many are being made as there are cores");
    drop(turns);
    assert_eq!(published.deltas().weight(), 0);
    let made = get(&state, &asked).await;
    assert_eq!(made.status, StatusCode::IM_USED);
    let weight = published.deltas().weight();
    assert!(weight > made.body.len());
    let again = get(&state, &asked).await;
    assert!(again.status == StatusCode::IM_USED && again.body == made.body);
    assert_eq!(published.deltas().weight(), weight, "it is the same one");
    state.forget("u0".to_owned()).await.unwrap();
    assert_eq!(published.deltas().weight(), 0);
    assert_eq!(get(&state, &asked).await.status, StatusCode::GONE);
}

//! Answers as clients get them.

use axum::Router;
use axum::http::Request as HttpRequest;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use tower::ServiceExt as _;

use super::*;
use crate::app::router;
use crate::config::Config;
use crate::refresh::run as refresh;
use crate::refresh::tests::{folder, options};
use crate::state::AppState;

/// Pseudo-random bytes, which no coding makes smaller.
fn noise() -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..4_096).map(|_| next()).collect()
}

fn answers(kept: &Arc<Kept>) -> Router {
    let tagged = || async { ([(header::ETAG, "\"tag\"")], "text ".repeat(1_000)) };
    Router::new()
        .route("/api/tagged", get(tagged))
        .route("/api/plain", get(|| async { "word ".repeat(1_000) }))
        .route("/api/small", get(|| async { "small" }))
        .route("/api/noise", get(|| async { ([(header::ETAG, "\"noise\"")], noise()) }))
        .route("/api/wrong", get(|| async { (StatusCode::BAD_REQUEST, "x".repeat(2_000)).into_response() }))
        .route("/page", get(|| async { "page ".repeat(1_000) }))
        .layer(from_fn_with_state(Arc::clone(kept), encode))
}

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

async fn ask(router: Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(HttpRequest::builder().uri(path), |request, (name, value)| request.header(*name, *value));
    let (head, body) = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answer { status: head.status, headers: head.headers, body }
}

fn decoded(answer: &Answer) -> Vec<u8> {
    match answer.header("content-encoding") {
        "zstd" => zstd::bulk::decompress(&answer.body, 1 << 20).unwrap(),
        "br" => {
            let mut plain = Vec::new();
            brotli::BrotliDecompress(&mut answer.body.as_slice(), &mut plain).unwrap();
            plain
        }
        other => panic!("encoded as `{other}`"),
    }
}

#[tokio::test]
async fn large_answers_are_encoded_as_asked_and_what_has_a_tag_is_kept() {
    let kept = Arc::new(Kept::default());
    for coding in ["zstd", "br"] {
        for _ in 0..2 {
            let answer = ask(answers(&kept), "/api/tagged", &[("accept-encoding", coding)]).await;
            assert_eq!(
                (answer.header("content-encoding"), answer.header("vary")),
                (coding, "accept-encoding")
            );
            assert_eq!(answer.header("etag"), "W/\"tag\"");
            assert!(decoded(&answer) == "text ".repeat(1_000).as_bytes() && answer.body.len() < 200);
        }
        let answer = ask(answers(&kept), "/api/plain", &[("accept-encoding", coding)]).await;
        assert_eq!(decoded(&answer), "word ".repeat(1_000).as_bytes());
    }
    let tag = HeaderValue::from_static("\"tag\"");
    let first = kept.get(Coding::Zstd, &tag).unwrap().unwrap();
    let again = ask(answers(&kept), "/api/tagged", &[("accept-encoding", "zstd")]).await;
    assert_eq!(again.body, first);
    assert!(kept.get(Coding::Brotli, &tag).unwrap().is_some());
}

#[tokio::test]
async fn what_gains_nothing_goes_out_as_it_is() {
    let kept = Arc::new(Kept::default());
    for path in ["/api/small", "/api/noise", "/api/wrong", "/page"] {
        let answer = ask(answers(&kept), path, &[("accept-encoding", "br, zstd")]).await;
        assert_eq!(answer.header("content-encoding"), "", "{path}");
    }
    assert_eq!(kept.get(Coding::Zstd, &HeaderValue::from_static("\"noise\"")), Some(None));
    let plain = ask(answers(&kept), "/api/tagged", &[]).await;
    assert_eq!((plain.header("etag"), plain.header("vary")), ("\"tag\"", "accept-encoding"));
}

#[tokio::test]
async fn a_pack_is_the_same_in_every_coding_and_each_form_is_known_again_by_its_tag() {
    let (data, _) = folder();
    refresh(data.path(), &options()).unwrap();
    let state = AppState::open(Config::new(data.path())).unwrap();
    let service = router(state);
    let path = "/api/v1/packs/u0";
    let plain = ask(service.clone(), path, &[]).await;
    let strong = plain.header("etag").to_owned();
    for coding in ["zstd", "br"] {
        let answer = ask(service.clone(), path, &[("accept-encoding", coding)]).await;
        assert_eq!(decoded(&answer), plain.body);
        assert!(answer.body.len() < plain.body.len());
        let weak = answer.header("etag").to_owned();
        assert_eq!(weak, format!("W/{strong}"));
        for tag in [&weak, &strong] {
            let again =
                ask(service.clone(), path, &[("accept-encoding", coding), ("if-none-match", tag)]).await;
            assert_eq!(
                (again.status, again.header("etag"), again.body.len()),
                (StatusCode::NOT_MODIFIED, tag.as_str(), 0)
            );
            assert!(again.headers.get_all("vary").iter().any(|value| value == "accept-encoding"));
        }
    }
}

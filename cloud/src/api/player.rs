//! The player's built files at `/`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::Shared;
use crate::error::{ApiError, Code};

const WITHOUT_PLAYER: &str = "<!doctype html><meta charset=utf-8><title>Segue</title>\
    <p>The API is at <code>/api/v1</code>. Start with <code>--player DIR</code> to serve a player here.";

/// A file of the player; a page address without a file gets the player's index.
pub(crate) async fn player(State(state): State<Shared>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return super::not_allowed(request).await.into_response();
    }
    let Some(folder) = &state.config.player else {
        return without_player(&request);
    };
    let is_page = is_page(&request);
    let hashed = request.uri().path().starts_with("/assets/");
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
    let mut response = files
        .clone()
        .oneshot(request)
        .await
        .map_or_else(|never| match never {}, |found| found.map(Body::new));
    if response.status() == StatusCode::NOT_FOUND {
        if !is_page {
            return missing();
        }
        let index = Request::builder().uri(Uri::from_static("/")).body(Body::empty()).unwrap_or_default();
        response =
            files.oneshot(index).await.map_or_else(|never| match never {}, |found| found.map(Body::new));
        if response.status() == StatusCode::NOT_FOUND {
            return missing();
        }
    }
    add_headers(&mut response, hashed && !is_page);
    response
}

fn without_player(request: &Request) -> Response {
    if request.uri().path() == "/" { Html(WITHOUT_PLAYER).into_response() } else { missing() }
}

fn missing() -> Response {
    ApiError::new(Code::RouteUnknown, "there is no such file; the API is under /api/v1").into_response()
}

/// Whether a browser wants a page here, not a script or a picture.
fn is_page(request: &Request) -> bool {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let accept =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !last.contains('.') && accept.contains("text/html")
}

fn add_headers(response: &mut Response, for_ever: bool) {
    let for_ever = for_ever && response.status().is_success();
    let cache = if for_ever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, cache),
        // Alone in its process, a page gets the browser's precise clock for the chart of re-rank times;
        // "credentialless" still lets it show pictures of other sites.
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-embedder-policy"), "credentialless"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

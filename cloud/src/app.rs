//! The router, built by a function so that tests call it without a socket.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use metrics::Label;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use tracing::field::Empty;

use crate::admission::{Admission, admit};
use crate::api::{self, Shared};
use crate::deadline::deadline;
use crate::encoding::encode;
use crate::monitor::{Counted, follow};

/// The whole service.
pub fn router(state: Shared) -> Router {
    let limits = state.config.limits;
    let router = api::routes()
        .fallback(api::player)
        .method_not_allowed_fallback(api::not_allowed)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn_with_state(Arc::clone(&state.encoded), encode))
        .layer(from_fn_with_state(limits.request, deadline))
        .layer(from_fn_with_state(Arc::new(Admission::new(&state.config)), admit));
    let router = match cors(&state.config.cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn(observe)).with_state(state)
}

/// Browsers on other origins may call the API only where the operator named them.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let exposed = [
        header::ETAG,
        header::RETRY_AFTER,
        HeaderName::from_static("segue-generation"),
        HeaderName::from_static("im"),
        HeaderName::from_static("delta-base"),
    ];
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_NONE_MATCH,
                HeaderName::from_static("a-im"),
                HeaderName::from_static("idempotency-key"),
            ])
            .expose_headers(exposed),
    )
}

/// Counts, times and traces. User ids are part of paths, so paths are neither logged nor counted.
async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let resource = resource_of(request.uri().path());
    let method = method_of(request.method());
    let span = tracing::info_span!(
        "request",
        method,
        resource,
        status = Empty,
        otel.kind = "server",
        otel.status_code = Empty
    );
    follow(&span, request.headers());
    let _in_flight = Counted::new("segue_http_requests_in_flight");
    let response = next.run(request).instrument(span.clone()).await;
    let seconds = begun.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    span.record("status", i64::from(status));
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
    tracing::debug!(parent: &span, status, seconds, "answered");
    let labels = vec![
        Label::new("resource", resource),
        Label::new("method", method),
        Label::new("status", status.to_string()),
    ];
    metrics::counter!("segue_http_requests_total", labels).increment(1);
    metrics::histogram!("segue_http_request_seconds", "resource" => resource).record(seconds);
    response
}

/// The resource a path belongs to: a small fixed set, as each makes its own time series.
fn resource_of(path: &str) -> &'static str {
    const RESOURCES: [&str; 17] = [
        "manifest",
        "rotations",
        "packs",
        "models",
        "items",
        "events",
        "slates",
        "recommendations",
        "onboarding",
        "collections",
        "trending",
        "users",
        "erasures",
        "admin",
        "keys",
        "openapi.json",
        "docs",
    ];
    if let Some(rest) = path.strip_prefix("/api/v1/") {
        let first = rest.split('/').next().unwrap_or_default();
        return RESOURCES.into_iter().find(|name| *name == first).unwrap_or("unknown");
    }
    match path {
        "/healthz" | "/readyz" => "health",
        "/metrics" => "metrics",
        _ if path.starts_with("/api") => "unknown",
        _ => "player",
    }
}

fn method_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;

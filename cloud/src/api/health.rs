//! `/healthz`, `/readyz` and `/metrics`: what machines ask about the service itself.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde_json::{Value, json};

use super::Shared;
use crate::error::ApiError;

/// The process answers.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// A generation is served.
pub(crate) async fn readyz(State(state): State<Shared>) -> Result<Json<Value>, ApiError> {
    let published = state.published()?;
    Ok(Json(
        json!({"status": "ready", "generation": published.packs.number(), "packs": published.packs.packs()}),
    ))
}

/// Everything measured, in Prometheus' text format.
pub(crate) async fn metrics(State(state): State<Shared>) -> ([(HeaderName, &'static str); 1], String) {
    state.refresh_gauges();
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, state.metrics.render())
}

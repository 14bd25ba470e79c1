//! `/healthz`, `/readyz` and `/metrics`: what machines ask about the service itself.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use crate::error::{ApiError, Code};

/// The process answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// `ok`.
    status: &'static str,
}

/// A generation is served.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// `ready`.
    status: &'static str,
    /// Its number.
    generation: u64,
    /// Its packs.
    packs: u64,
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "service",
    responses((status = 200, description = "it does", body = Alive))
)]
pub(super) async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok" })
}

/// A generation is served.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "service",
    responses((status = 200, description = "one is", body = Ready)),
    extensions(("x-problems" = json!([Code::GenerationMissing])))
)]
pub(super) async fn readyz(State(state): State<Shared>) -> Result<Json<Ready>, ApiError> {
    let packs = &state.published()?.packs;
    Ok(Json(Ready { status: "ready", generation: packs.number(), packs: packs.packs() as u64 }))
}

/// Everything measured, in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "service",
    responses((status = 200, description = "text format 0.0.4", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(state): State<Shared>) -> ([(HeaderName, &'static str); 1], String) {
    state.refresh_gauges();
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, state.metrics.render())
}

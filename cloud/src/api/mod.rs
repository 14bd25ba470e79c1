//! The HTTP resources, one file each; `docs/API.md` describes them for callers.

mod body;
mod conditional;
mod erasures;
mod events;
mod health;
mod items;
mod keys;
mod manifest;
mod models;
mod packs;
mod person;
mod player;
mod query;
mod recommendations;
mod related;
mod rotations;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};

use crate::error::{ApiError, Code};
use crate::state::AppState;

pub(crate) use health::{healthz, metrics, readyz};
pub(crate) use player::player;

/// What handlers are given.
pub(crate) type Shared = Arc<AppState>;

/// Everything under `/api`.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/manifest", get(manifest::get))
        .route("/v1/rotations", get(rotations::get))
        .route("/v1/packs/{subject}", get(packs::get).post(packs::post))
        .route("/v1/models/{hash}", get(models::get))
        .route("/v1/items", get(items::get).post(items::post))
        .route("/v1/items/{item}/similar", get(related::similar))
        .route("/v1/trending", get(related::trending))
        .route("/v1/events", post(events::post))
        .route("/v1/recommendations", get(recommendations::get).post(recommendations::post))
        .route("/v1/users", get(users::get))
        .route("/v1/users/{user}", get(person::get).delete(erasures::delete))
        .route("/v1/erasures/{receipt}", get(erasures::get))
        .route("/v1/keys/root", get(keys::get))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
}

async fn unknown(request: Request) -> ApiError {
    let shown: String = request.uri().path().chars().take(200).collect();
    ApiError::new(Code::RouteUnknown, format!("`/api{shown}` is no path of this API; docs/API.md lists them"))
}

/// The answer to a known path with a wrong method.
pub(crate) async fn not_allowed(request: Request) -> ApiError {
    let detail = format!("{} is not answered here; the `allow` header names what is", request.method());
    ApiError::new(Code::MethodNotAllowed, detail)
}

/// Runs what waits for the disk beside the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(ApiError::internal(what, &format!("{error:#}"))),
        Err(error) => Err(ApiError::internal(what, &error)),
    }
}

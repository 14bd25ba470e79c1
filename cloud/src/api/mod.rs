//! The HTTP resources, one file each; `docs/API.md` describes them for callers.

mod admin;
mod body;
mod collections;
mod conditional;
mod deltas;
mod erasures;
mod events;
mod health;
mod items;
mod keys;
mod manifest;
mod models;
mod onboarding;
mod openapi;
mod packs;
mod person;
mod player;
mod protobuf;
mod query;
mod recommendations;
mod related;
mod rotations;
mod slates;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, Code};
use crate::state::AppState;

#[cfg(test)]
pub(crate) use openapi::check;
pub(crate) use person::AT_ONCE as EXPORTS_AT_ONCE;
pub(crate) use player::player;

/// What handlers are given.
pub(crate) type Shared = Arc<AppState>;

/// Every route, each made from its description.
pub(crate) fn routes() -> Router<Shared> {
    let api = Router::from(api()).fallback(unknown).method_not_allowed_fallback(not_allowed);
    Router::from(health()).nest("/api", api)
}

/// What all of them take, answer and refuse.
fn descriptions() -> OpenApi {
    health().into_openapi().nest("/api", api().into_openapi())
}

/// Everything under `/api`.
fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::default()
        .routes(routes!(manifest::get))
        .routes(routes!(rotations::get))
        .routes(routes!(packs::get, packs::post))
        .routes(routes!(models::get))
        .routes(routes!(items::get, items::post))
        .routes(routes!(related::similar))
        .routes(routes!(related::trending))
        .routes(routes!(events::post))
        .routes(routes!(slates::post))
        .routes(routes!(recommendations::get, recommendations::post))
        .routes(routes!(onboarding::post))
        .routes(routes!(collections::get))
        .routes(routes!(users::get))
        .routes(routes!(person::get, erasures::delete))
        .routes(routes!(erasures::get))
        .routes(routes!(keys::get))
        .routes(routes!(admin::jobs::refresh))
        .routes(routes!(admin::jobs::rollback))
        .routes(routes!(admin::jobs::list))
        .routes(routes!(admin::jobs::get))
        .routes(routes!(admin::pins::list))
        .routes(routes!(admin::pins::put, admin::pins::delete))
        .routes(routes!(admin::blocklist::list))
        .routes(routes!(admin::blocklist::put_item, admin::blocklist::delete_item))
        .routes(routes!(admin::blocklist::put_creator, admin::blocklist::delete_creator))
        .routes(routes!(openapi::get))
        .routes(routes!(openapi::docs))
}

/// What machines ask about the service itself.
fn health() -> OpenApiRouter<Shared> {
    OpenApiRouter::default()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
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

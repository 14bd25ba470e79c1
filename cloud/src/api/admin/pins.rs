//! `/api/v1/admin/pins`: items that editors want shown.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{Shared, blocking, body};
use super::{full, id_of};
use crate::clock::now_ms;
use crate::editorial::{Editorial, PINS, Pin};
use crate::error::{ApiError, Code};

/// Pinned items.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Pins {
    /// The first one first.
    pins: Vec<Pin>,
}

/// How an item is pinned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PinWanted)]
pub(in crate::api) struct Wanted {
    /// Its place among the pinned, from 0; where absent it stays where it is, or comes last.
    #[serde(default)]
    #[schema(minimum = 0)]
    position: Option<usize>,
    /// When that is over, in milliseconds since 1970; never where absent.
    #[serde(default)]
    until_ms: Option<i64>,
}

/// Pinned items.
#[utoipa::path(
    get, path = "/v1/admin/pins", operation_id = "pins", tag = "admin",
    responses((status = 200, description = "the first one first", body = Pins)),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn list(
    State(state): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Pins>, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    Ok(Json(Pins { pins: state.items.decided(|editorial| editorial.pins().to_vec()) }))
}

/// Pins an item: packs made from then on have it among the editors' choices.
#[utoipa::path(
    put, path = "/v1/admin/pins/{item}", operation_id = "pin", tag = "admin",
    params(("item" = String, Path, description = "the item's id")),
    request_body = Wanted,
    responses((status = 204, description = "it is pinned, on the disk too")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::BodyInvalid, Code::BodyTooLarge, Code::ContentTypeUnsupported, Code::ItemUnknown,
        Code::ListFull, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing,
        Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn put(
    State(state): State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    body::check_content_type(&headers)?;
    let item = id_of(path)?;
    let shape = "{\"position\":0,\"until_ms\":...}, either may be left out";
    let wanted: Wanted = body::read(bytes, state.config.limits.body_bytes, shape)?;
    let pinned = blocking("the item could not be pinned", move || {
        if state.item(&item)?.is_none() {
            let shown: String = item.chars().take(64).collect();
            let detail = format!("`{shown}` is no item of this catalogue; put it in first");
            return Ok(Err(ApiError::new(Code::ItemUnknown, detail)));
        }
        let pin = Pin { item, since_ms: now_ms(), until_ms: wanted.until_ms };
        let is_in = state.items.decide(|editorial: &mut Editorial| editorial.pin(pin, wanted.position))?;
        Ok(if is_in { Ok(StatusCode::NO_CONTENT) } else { Err(full(PINS, "items are pinned")) })
    });
    pinned.await?
}

/// Lets go of a pinned item.
#[utoipa::path(
    delete, path = "/v1/admin/pins/{item}", operation_id = "unpin", tag = "admin",
    params(("item" = String, Path, description = "the item's id")),
    responses((status = 204, description = "it is not pinned")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing,
        Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn delete(
    State(state): State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    let item = id_of(path)?;
    let gone = move || state.items.decide(|editorial| editorial.unpin(&item));
    blocking("the item could not be let go", gone).await?;
    Ok(StatusCode::NO_CONTENT)
}

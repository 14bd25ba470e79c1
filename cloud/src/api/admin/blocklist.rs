//! `/api/v1/admin/blocklist`: items and creators that may not be shown to anybody.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{Shared, blocking};
use super::{full, id_of};
use crate::clock::now_ms;
use crate::editorial::{BLOCKS, Blocked};
use crate::error::{ApiError, Code};

/// What is blocked.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Blocklist {
    /// Items by id.
    items: Vec<Entry>,
    /// Creators by id, with everything of theirs.
    creators: Vec<Entry>,
}

/// An item or a creator.
#[derive(Serialize, ToSchema)]
#[schema(as = BlocklistEntry)]
struct Entry {
    id: String,
    /// Since when, in milliseconds since 1970.
    since_ms: i64,
}

/// Items and creators that are blocked.
#[utoipa::path(
    get, path = "/v1/admin/blocklist", operation_id = "blocklist", tag = "admin",
    responses((status = 200, description = "by id", body = Blocklist)),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn list(
    State(state): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Blocklist>, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    let entries = |blocked: &BTreeMap<String, i64>| {
        blocked.iter().map(|(id, since_ms)| Entry { id: id.clone(), since_ms: *since_ms }).collect()
    };
    Ok(Json(state.items.decided(|editorial| Blocklist {
        items: entries(editorial.blocked(Blocked::Item)),
        creators: entries(editorial.blocked(Blocked::Creator)),
    })))
}

/// Blocks an item: it leaves every list and pack at once, and stays away.
#[utoipa::path(
    put, path = "/v1/admin/blocklist/items/{id}", operation_id = "block_item", tag = "admin",
    params(("id" = String, Path, description = "the item's id; it need not be in the catalogue yet")),
    responses((status = 204, description = "it is blocked, on the disk too")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::ListFull, Code::CredentialsMissing, Code::CredentialsInvalid,
        Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn put_item(
    state: State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    block(state, &headers, Blocked::Item, path).await
}

/// Gives an item back.
#[utoipa::path(
    delete, path = "/v1/admin/blocklist/items/{id}", operation_id = "unblock_item", tag = "admin",
    params(("id" = String, Path, description = "the item's id")),
    responses((status = 204, description = "it is not blocked")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing,
        Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn delete_item(
    state: State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    unblock(state, &headers, Blocked::Item, path).await
}

/// Blocks a creator, with everything of theirs that there is and that will come.
#[utoipa::path(
    put, path = "/v1/admin/blocklist/creators/{id}", operation_id = "block_creator", tag = "admin",
    params(("id" = String, Path, description = "the creator's id, as items name it")),
    responses((status = 204, description = "they are blocked, on the disk too")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::ListFull, Code::CredentialsMissing, Code::CredentialsInvalid,
        Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn put_creator(
    state: State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    block(state, &headers, Blocked::Creator, path).await
}

/// Gives a creator back.
#[utoipa::path(
    delete, path = "/v1/admin/blocklist/creators/{id}", operation_id = "unblock_creator", tag = "admin",
    params(("id" = String, Path, description = "the creator's id")),
    responses((status = 204, description = "they are not blocked")),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing,
        Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn delete_creator(
    state: State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    unblock(state, &headers, Blocked::Creator, path).await
}

async fn block(
    State(state): State<Shared>,
    headers: &HeaderMap,
    kind: Blocked,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    state.config.callers.services.check_admin(headers)?;
    let id = id_of(path)?;
    let blocked = move || state.items.decide(|editorial| editorial.block(kind, &id, now_ms()));
    match blocking("this could not be blocked", blocked).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(full(BLOCKS, "items and creators are blocked")),
    }
}

async fn unblock(
    State(state): State<Shared>,
    headers: &HeaderMap,
    kind: Blocked,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    state.config.callers.services.check_admin(headers)?;
    let id = id_of(path)?;
    let given_back = move || state.items.decide(|editorial| editorial.unblock(kind, &id));
    blocking("this could not be given back", given_back).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `GET /api/v1/rotations`: the way from the root key to the key in use, each step signed.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Shared;
use super::conditional::{is_current, respond};
use super::openapi::IfNoneMatch;
use crate::error::{ApiError, Code};

/// The key rotations that lead from the root key to the one in use, each signed.
#[utoipa::path(
    get, path = "/v1/rotations", operation_id = "rotations", tag = "packs",
    params(IfNoneMatch),
    responses((status = 200, description = "a MessagePack list of COSE_Sign1", content(("application/msgpack")))),
    extensions(("x-problems" = json!([Code::GenerationMissing])))
)]
pub(super) async fn get(State(state): State<Shared>, headers: HeaderMap) -> Result<Response, ApiError> {
    let published = state.published()?;
    let hash = &published.rotations_hash;
    let bytes = (!is_current(&headers, hash)).then(|| published.rotations.clone());
    Ok(respond(bytes, "application/msgpack", "no-cache", hash, Some(published.packs.number())))
}

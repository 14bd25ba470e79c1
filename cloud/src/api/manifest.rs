//! `GET /api/v1/manifest`: what the current generation consists of, signed.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Shared;
use super::conditional::{COSE, is_current, respond};
use super::openapi::IfNoneMatch;
use crate::error::{ApiError, Code};

/// The signed manifest of the generation in force.
///
/// It names the ranker and the policies by their hashes.
#[utoipa::path(
    get, path = "/v1/manifest", operation_id = "manifest", tag = "packs",
    params(IfNoneMatch),
    responses((status = 200, description = "COSE_Sign1", content(("application/cose")))),
    extensions(("x-problems" = json!([Code::GenerationMissing])))
)]
pub(super) async fn get(State(state): State<Shared>, headers: HeaderMap) -> Result<Response, ApiError> {
    let published = state.published()?;
    let hash = &published.manifest_hash;
    let bytes = (!is_current(&headers, hash)).then(|| published.manifest.clone());
    Ok(respond(bytes, COSE, "no-cache", hash, Some(published.packs.number())))
}

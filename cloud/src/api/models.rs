//! `GET /api/v1/models/{hash}`: anything the manifest names by its hash; never changes.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::conditional::{is_current, respond};
use super::openapi::IfNoneMatch;
use super::{Shared, blocking};
use crate::error::{ApiError, Code};
use crate::hash::is_sha256;

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A model, schema or policy that the manifest names; never changes.
#[utoipa::path(
    get, path = "/v1/models/{hash}", operation_id = "model", tag = "packs",
    params(
        ("hash" = String, Path, description = "its SHA-256, 64 lower-case hexadecimal digits"),
        IfNoneMatch
    ),
    responses((status = 200, description = "its bytes", content(("application/octet-stream")))),
    extensions(("x-problems" = json!([Code::HashInvalid, Code::ArtefactMissing])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let hash = path.map(|Path(hash)| hash).unwrap_or_default();
    if !is_sha256(&hash) {
        let shown: String = hash.chars().take(80).collect();
        let detail = format!("`{shown}` is not 64 lower-case hexadecimal digits; take it from the manifest");
        return Err(ApiError::new(Code::HashInvalid, detail));
    }
    let wanted = hash.clone();
    let found = blocking("the artefact could not be read", move || state.artefact(&wanted)).await?;
    let Some(bytes) = found else {
        let detail = format!("no artefact {hash}; fetch the manifest again and take its hashes");
        return Err(ApiError::new(Code::ArtefactMissing, detail));
    };
    let bytes = (!is_current(&headers, &hash)).then_some(bytes);
    Ok(respond(bytes, "application/octet-stream", FOR_EVER, &hash, None))
}

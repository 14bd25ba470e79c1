//! `GET /api/v1/rotations`: the way from the root key to the key in use, each step signed.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Shared;
use super::conditional::{is_current, respond};
use crate::error::ApiError;

pub(super) async fn get(State(state): State<Shared>, headers: HeaderMap) -> Result<Response, ApiError> {
    let published = state.published()?;
    let hash = &published.rotations_hash;
    let bytes = (!is_current(&headers, hash)).then(|| published.rotations.clone());
    Ok(respond(bytes, "application/msgpack", "no-cache", hash, Some(published.packs.number())))
}

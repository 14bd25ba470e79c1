//! `GET /api/v1/keys/root`: the root public key, for the demonstration player only.
//!
//! A product builds the key into its client: a key fetched from the service it is to check proves nothing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shared, blocking};
use crate::error::{ApiError, Code};
use crate::keys::KeyStore;

/// The root public key.
#[derive(Serialize, ToSchema)]
pub(super) struct Root {
    /// Ed25519, 64 hexadecimal digits.
    root: String,
}

/// The root public key, for demonstrations.
///
/// A product builds it into its clients: a key fetched from the service it is to check proves nothing.
#[utoipa::path(
    get, path = "/v1/keys/root", operation_id = "root_key", tag = "packs",
    responses((status = 200, description = "the key", body = Root)),
    extensions(("x-problems" = json!([Code::RootKeyMissing])))
)]
pub(super) async fn get(State(state): State<Shared>) -> Result<Json<Root>, ApiError> {
    let root = blocking("the root key could not be read", move || KeyStore::new(&state.config.data).root());
    match root.await? {
        Some(root) => Ok(Json(Root { root: root.to_hex() })),
        None => {
            Err(ApiError::new(Code::RootKeyMissing, "this data folder has no key; run `segue keys init`"))
        }
    }
}

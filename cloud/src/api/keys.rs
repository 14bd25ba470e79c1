//! `GET /api/v1/keys/root`: the root public key, for the demonstration player only.
//!
//! A product builds the key into its client: a key fetched from the service it is to check proves nothing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::{Shared, blocking};
use crate::error::{ApiError, Code};
use crate::keys::KeyStore;

#[derive(Serialize)]
pub(super) struct Root {
    root: String,
}

pub(super) async fn get(State(state): State<Shared>) -> Result<Json<Root>, ApiError> {
    let root = blocking("the root key could not be read", move || KeyStore::new(&state.config.data).root());
    match root.await? {
        Some(root) => Ok(Json(Root { root: root.to_hex() })),
        None => {
            Err(ApiError::new(Code::RootKeyMissing, "this data folder has no key; run `segue keys init`"))
        }
    }
}

//! `DELETE /api/v1/users/{user}`: forgets somebody; `GET /api/v1/erasures/{receipt}`: how far that has come.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Shared, blocking};
use crate::erasure::Receipt;
use crate::error::{ApiError, Code};

/// What is left of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Nothing of them is shown or taken in; tables and logs still hold rows.
    Asked,
    /// Only packs of kept generations, which nobody is given any more.
    Erased,
    /// Nothing.
    Gone,
}

#[derive(Serialize)]
pub(super) struct Progress {
    stage: Stage,
    #[serde(flatten)]
    receipt: Receipt,
}

pub(super) async fn delete(
    State(state): State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let user = super::person::user_of(path)?;
    state.config.callers.check_own(&headers, &user)?;
    let receipt = state.forget(user).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "receipt": receipt }))))
}

pub(super) async fn get(
    State(state): State<Shared>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Progress>, ApiError> {
    state.config.callers.services.check(&headers)?;
    let Some(receipt) = state.tombstones.receipt(&name) else {
        return Err(ApiError::new(
            Code::ReceiptUnknown,
            "no erasure has this receipt; ask for one with DELETE",
        ));
    };
    let oldest = blocking("the generations could not be listed", move || state.oldest_kept()).await?;
    let stage = match receipt.erased_ms {
        None => Stage::Asked,
        Some(_) if oldest.is_some_and(|oldest| oldest <= receipt.generation) => Stage::Erased,
        Some(_) => Stage::Gone,
    };
    Ok(Json(Progress { stage, receipt }))
}

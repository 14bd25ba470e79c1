//! `DELETE /api/v1/users/{user}`: forgets somebody; `GET /api/v1/erasures/{receipt}`: how far that has come.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Shared, blocking};
use crate::auth::SentBy;
use crate::erasure::Receipt;
use crate::error::{ApiError, Code};

/// What is left of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Nothing of them is shown or taken in; tables and logs still hold rows.
    Asked,
    /// Only packs of kept generations, which nobody is given any more.
    Erased,
    /// Nothing.
    Gone,
}

/// The name of an erasure's receipt.
#[derive(Serialize, ToSchema)]
pub(super) struct Asked {
    /// To be asked for at `/erasures/{receipt}`.
    receipt: String,
}

/// How far an erasure has come.
#[derive(Serialize, ToSchema)]
pub(super) struct Progress {
    stage: Stage,
    #[serde(flatten)]
    receipt: Receipt,
}

/// Forgets somebody.
///
/// 202 means that it is noted durably: from then on nothing of the person is shown or taken in.
#[utoipa::path(
    delete, path = "/v1/users/{user}", operation_id = "forget", tag = "people",
    params(("user" = String, Path, description = "the person's id")),
    responses((status = 202, description = "noted", body = Asked)),
    security(("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden,
        Code::ServiceKeysMissing
    ])))
)]
pub(super) async fn delete(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<(StatusCode, Json<Asked>), ApiError> {
    let user = super::person::user_of(path)?;
    state.config.callers.check_own(sender, &headers, &user)?;
    let receipt = state.forget(user).await?;
    Ok((StatusCode::ACCEPTED, Json(Asked { receipt })))
}

/// How far an erasure has come.
#[utoipa::path(
    get, path = "/v1/erasures/{receipt}", operation_id = "erasure", tag = "people",
    params(("receipt" = String, Path, description = "what the erasure was answered with")),
    responses((status = 200, description = "what is left", body = Progress)),
    security((), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::ReceiptUnknown, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Progress>, ApiError> {
    // Where people forget themselves, the receipt is enough: nobody can guess it, and they may have no token any more.
    if state.config.callers.people.is_none() {
        state.config.callers.services.check(&headers)?;
    }
    let Some(receipt) = path.ok().and_then(|Path(name)| state.tombstones.receipt(&name)) else {
        return Err(ApiError::new(
            Code::ReceiptUnknown,
            "no erasure has this receipt; ask for one with DELETE",
        ));
    };
    let oldest = blocking("the generations could not be listed", move || state.oldest_present()).await?;
    let stage = match receipt.erased_ms {
        None => Stage::Asked,
        Some(_) if oldest.is_some_and(|oldest| oldest <= receipt.generation) => Stage::Erased,
        Some(_) => Stage::Gone,
    };
    Ok(Json(Progress { stage, receipt }))
}

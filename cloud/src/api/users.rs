//! `GET /api/v1/users?limit=`: some users that have packs and the data's surface, for the demonstration player.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use crate::auth::{Caller, SentBy};
use crate::error::{ApiError, Code};

/// How many are named without a `limit`.
const DEFAULT: usize = 20;

/// Some users.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    /// Their ids.
    users: Vec<String>,
    /// The surface that the data's events come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    surface: Option<String>,
}

/// Some users that have packs, for demonstrations.
#[utoipa::path(
    get, path = "/v1/users", operation_id = "users", tag = "people",
    params(("limit" = Option<u32>, Query, description = "how many, 20 where absent", minimum = 1, maximum = 1000)),
    responses((status = 200, description = "users and surface", body = Users)),
    security((), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::GenerationMissing,
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, ApiError> {
    let limit = limit_of(query.as_deref().unwrap_or_default(), state.config.limits.users)?;
    if sender.0? != Caller::Everybody {
        state.config.callers.services.check(&headers)?;
    }
    let published = state.published()?;
    let users = published.packs.subjects().filter_map(|subject| subject.strip_prefix("user:"));
    let users = users.take(limit).map(str::to_owned).collect();
    Ok(Json(Users { users, surface: published.surface.clone() }))
}

fn limit_of(query: &str, most: usize) -> Result<usize, ApiError> {
    let Some(text) = query.split('&').find_map(|pair| pair.strip_prefix("limit=")) else {
        return Ok(DEFAULT.min(most));
    };
    text.parse().ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        ApiError::new(Code::QueryInvalid, format!("`limit` is `{shown}`; give a number from 1 to {most}"))
    })
}

//! `GET /api/v1/users?limit=`: some users that have packs and the data's surface, for the demonstration player.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde::Serialize;

use super::Shared;
use crate::auth::Caller;
use crate::error::{ApiError, Code};

/// How many are named without a `limit`.
const DEFAULT: usize = 20;

#[derive(Serialize)]
pub(super) struct Users {
    users: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    surface: Option<String>,
}

pub(super) async fn get(
    State(state): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<Users>, ApiError> {
    let limit = limit_of(query.as_deref().unwrap_or_default(), state.config.limits.users)?;
    if state.config.callers.caller(&headers)? != Caller::Everybody {
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

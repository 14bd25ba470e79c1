//! `GET /api/v1/collections/{user}`: a person's weekly playlists.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{pairs, wrong};
use super::{Shared, person};
use crate::auth::SentBy;
use crate::catalog::Collection;
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::state::AppState;
use crate::weekly::{Week, weekly};

/// A person's playlists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Collections {
    /// Whose they are.
    user: String,
    /// This week's and those of the weeks before, the newest first.
    collections: Vec<Playlist>,
}

/// A playlist of one week.
#[derive(Debug, Serialize, ToSchema)]
struct Playlist {
    /// Its id.
    collection: String,
    /// `weekly`.
    kind: String,
    /// The week as ISO 8601 names it, UTC.
    #[schema(example = "2026-W47")]
    week: String,
    /// What people read.
    title: Option<String>,
    /// When it was made, in milliseconds since 1970.
    made_ms: Option<i64>,
    /// What is on it, but for what was withdrawn or blocked since.
    items: Vec<Track>,
}

/// An item of a playlist.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlaylistItem)]
struct Track {
    item: String,
    /// Its place when the playlist was made, from 0.
    position: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
}

type Answer = ([(HeaderName, &'static str); 1], Json<Collections>);

/// A person's weekly playlists.
///
/// This week's is made from their pack when it is first asked for, and stays as it is until the week is over.
#[utoipa::path(
    get, path = "/v1/collections/{user}", operation_id = "collections", tag = "lists",
    params(
        ("user" = String, Path, description = "the person's id"),
        ("region" = Option<String>, Query, description = "where the person is, for items of named regions", example = "DE")
    ),
    responses((status = 200, description = "the newest first", body = Collections)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::SurfaceUnknown, Code::PackMissing, Code::GenerationMissing, Code::RootKeyMissing,
        Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    sender: SentBy,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Answer, ApiError> {
    let user = person::user_of(path)?;
    sender.0?.check(&user)?;
    state.refuse_erased(&user)?;
    let region = region_of(query.as_deref().unwrap_or_default())?;
    let turn = state.engines.turn().await;
    let made = tokio::task::spawn_blocking(move || -> Result<Collections, ApiError> {
        let _turn = turn;
        let made = state.unless_erased(&user, || weekly(&state, &user, region.as_deref(), now_ms()));
        let found = made.flatten()?;
        let collections = found.into_iter().map(|(week, row)| playlist(&state, week, row));
        Ok(Collections { collections: collections.collect::<Result<_, _>>()?, user })
    });
    let made = made.await.map_err(|error| ApiError::internal("the playlist could not be made", &error))?;
    Ok(([(header::CACHE_CONTROL, "private, no-cache")], Json(made?)))
}

fn region_of(query: &str) -> Result<Option<String>, ApiError> {
    let mut region = None;
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "region" => region = Some(value),
            _ => return Err(wrong(&name, &value, "`region`")),
        }
    }
    Ok(region)
}

fn playlist(state: &AppState, week: Week, row: Collection) -> Result<Playlist, ApiError> {
    let (mut items, now_ms) = (Vec::with_capacity(row.items.len()), now_ms());
    for (item, position) in row.items.into_iter().zip(0..) {
        let known = state.item(&item);
        let known =
            known.map_err(|error| ApiError::internal("an item could not be read", &format!("{error:#}")))?;
        let end = known.as_ref().and_then(|known| known.available_until_ms);
        if end.is_none_or(|end| end > now_ms) {
            let some = |text: &String| !text.is_empty();
            let (title, creator) =
                known.map(|known| (known.title, known.creator_name.unwrap_or(known.creator))).unzip();
            items.push(Track { item, position, title: title.filter(some), creator: creator.filter(some) });
        }
    }
    let Collection { collection, kind, title, time_ms, .. } = row;
    Ok(Playlist { collection, kind, week: week.to_string(), title, made_ms: time_ms, items })
}

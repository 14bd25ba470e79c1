//! `POST /api/v1/admin/refresh` and `/rollback`: begin one; `GET /api/v1/admin/jobs`: what became of them.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::query::{pairs, wrong};
use super::super::{Shared, blocking};
use super::id_of;
use crate::error::{ApiError, Code};
use crate::jobs::{Job, Kind};
use crate::refresh::is_running;

/// A job that has begun, and where to ask about it.
type Begun = (StatusCode, [(HeaderName, String); 1], Json<Job>);

/// Refreshes and rollbacks.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Jobs {
    /// The newest first; at most 50.
    jobs: Vec<Job>,
}

/// Refreshes now.
///
/// As `segue refresh` does, in a process of its own. One refresh or rollback is under way at a time.
#[utoipa::path(
    post, path = "/v1/admin/refresh", operation_id = "refresh", tag = "admin",
    responses((
        status = 202, description = "it has begun; ask where `location` says", body = Job,
        headers(("location" = String))
    )),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::JobRunning, Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing,
        Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn refresh(
    State(state): State<Shared>,
    headers: HeaderMap,
) -> Result<Begun, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    begin(state, Kind::Refresh, None).await
}

/// Goes back to an earlier generation.
///
/// As `segue rollback` does: its packs are signed anew under the next number, so that clients accept them.
#[utoipa::path(
    post, path = "/v1/admin/rollback", operation_id = "rollback", tag = "admin",
    params((
        "to" = Option<u64>, Query, description = "the generation; where absent the one before the one in force that nobody went back from"
    )),
    responses((
        status = 202, description = "it has begun; ask where `location` says", body = Job,
        headers(("location" = String))
    )),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::GenerationUnknown, Code::JobRunning, Code::CredentialsMissing,
        Code::CredentialsInvalid, Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn rollback(
    State(state): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Begun, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    let wanted = wanted(query.as_deref().unwrap_or_default())?;
    let of = state.clone();
    let to = blocking("the generations could not be listed", move || Ok(of.going_back(wanted))).await?;
    let to = to.map_err(|error| ApiError::new(Code::GenerationUnknown, error.to_string()))?;
    begin(state, Kind::Rollback, Some(to)).await
}

/// Refreshes and rollbacks that the service started, and what became of them.
#[utoipa::path(
    get, path = "/v1/admin/jobs", operation_id = "jobs", tag = "admin",
    responses((status = 200, description = "the newest first", body = Jobs)),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn list(
    State(state): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Jobs>, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    Ok(Json(Jobs { jobs: state.jobs.all() }))
}

/// One of them.
#[utoipa::path(
    get, path = "/v1/admin/jobs/{job}", operation_id = "job", tag = "admin",
    params(("job" = String, Path, description = "its name")),
    responses((status = 200, description = "how far it has come", body = Job)),
    security(("admin" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::JobUnknown, Code::CredentialsMissing, Code::CredentialsInvalid,
        Code::ServiceKeysMissing, Code::AdminForbidden
    ])))
)]
pub(in crate::api) async fn get(
    State(state): State<Shared>,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Job>, ApiError> {
    state.config.callers.services.check_admin(&headers)?;
    let unknown = || ApiError::new(Code::JobUnknown, "no job has this name; `/api/v1/admin/jobs` lists them");
    state.jobs.find(&id_of(path)?).map(Json).ok_or_else(unknown)
}

fn wanted(query: &str) -> Result<Option<u64>, ApiError> {
    let mut wanted = None;
    for (name, value) in pairs(query)? {
        let number = value.parse().ok().filter(|_| name == "to");
        wanted = Some(number.ok_or_else(|| wrong(&name, &value, "`to` and the number of a generation"))?);
    }
    Ok(wanted)
}

async fn begin(state: Shared, kind: Kind, to: Option<u64>) -> Result<Begun, ApiError> {
    let asked = blocking("the job could not be noted", move || match is_running(&state.config.data)? {
        true => Ok(Err("a refresh is under way; wait for it".to_owned())),
        false => Ok(state.jobs.ask(kind, to)?.map_err(|job| {
            format!("`{}` is under way; ask about it at /api/v1/admin/jobs/{}", job.job, job.job)
        })),
    });
    let job = asked.await?.map_err(|detail| ApiError::new(Code::JobRunning, detail))?;
    let place = format!("/api/v1/admin/jobs/{}", job.job);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(job)))
}

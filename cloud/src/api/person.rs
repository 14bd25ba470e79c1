//! `GET /api/v1/users/{user}`: everything kept about somebody, for services with a key.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::{Channel, Sender};
use tokio::runtime::Handle;

use super::Shared;
use crate::auth::SentBy;
use crate::error::{ApiError, Code};
use crate::export;

/// Bytes gathered before they are handed to the connection, and how often that may wait for a slow reader.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS: usize = 4;

/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Exports made at once: each reads the whole log.
pub(crate) const AT_ONCE: usize = 2;

/// Everything kept about somebody.
///
/// Lines `{"table":NAME,"row":{...}}`, the last `{"rows":N}`; without that one the export is not whole.
#[utoipa::path(
    get, path = "/v1/users/{user}", operation_id = "export", tag = "people",
    params(("user" = String, Path, description = "the person's id")),
    responses((status = 200, description = "one JSON object a line", content(("application/x-ndjson")))),
    security(("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid,
        Code::UserForbidden, Code::ServiceKeysMissing
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let user = user_of(path)?;
    state.config.callers.check_own(sender, &headers, &user)?;
    state.refuse_erased(&user)?;
    let turn = Arc::clone(&state.exports).try_acquire_owned().map_err(|_| {
        let detail = format!("{AT_ONCE} exports are being made already; ask again in a while");
        ApiError::new(Code::ServiceBusy, detail)
    })?;
    let (sender, body) = Channel::<Bytes, axum::Error>::new(CHUNKS);
    let (data, handle) = (state.config.data.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        send(&handle, sender, &data, &user);
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(body)).into_response())
}

/// The id of the path.
pub(super) fn user_of(path: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let wrong = |_| ApiError::new(Code::QueryInvalid, "the user's id is not UTF-8 after percent-decoding");
    path.map(|Path(user)| user).map_err(wrong)
}

/// Sends line after line; a failure cuts the connection, so that nobody takes a part for the whole.
fn send(handle: &Handle, mut sender: Sender<Bytes, axum::Error>, data: &std::path::Path, user: &str) {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut hand_over = |chunk: &mut Vec<u8>| {
        let data = std::mem::take(chunk).into();
        let sent = async { tokio::time::timeout(PATIENCE, sender.send_data(data)).await };
        match handle.block_on(sent) {
            Ok(Ok(())) => ControlFlow::Continue(()),
            // The other end went away, or takes nothing.
            _ => ControlFlow::Break(()),
        }
    };
    let sent = export::person(data, user, |line| {
        chunk.extend(line);
        chunk.push(b'\n');
        if chunk.len() < CHUNK_BYTES { ControlFlow::Continue(()) } else { hand_over(&mut chunk) }
    });
    match sent {
        Ok(ControlFlow::Continue(())) => drop(hand_over(&mut chunk)),
        Ok(ControlFlow::Break(())) => sender.abort(axum::Error::new("nobody took the export")),
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "an export broke off");
            sender.abort(axum::Error::new("the export broke off"));
        }
    }
}

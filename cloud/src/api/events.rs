//! `POST /api/v1/events`: takes events in; 202 once they are on the disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::Instrument as _;
use utoipa::ToSchema;

use super::openapi::event_rows;
use super::{Shared, body};
use crate::auth::SentBy;
use crate::catalog::Event;
use crate::clock::now_ms;
use crate::erasure::Erased;
use crate::error::{ApiError, Code};
use crate::events::{Batch, Reject, Senders, clock_error_ms, validate};
use crate::monitor::count_fallbacks;

const SHAPE: &str = "{\"events\":[...]}";

/// Several events.
#[derive(Deserialize, ToSchema)]
#[schema(as = EventBatch)]
pub(super) struct Body {
    /// The client's clock when it sent this.
    #[serde(default)]
    sent_ms: Option<i64>,
    /// Rows; a bad one is named under `rejected` and does not hold up the others.
    #[schema(schema_with = event_rows)]
    events: Vec<Value>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventsReceipt)]
pub(super) struct Receipt {
    /// Stored now.
    accepted: u64,
    /// Stored before.
    duplicates: u64,
    /// Left out.
    rejected: Vec<Reject>,
}

/// Takes events in.
///
/// 202 means that every accepted event is on the disk. One whose `event_id` was stored before has no second effect, so a
/// batch without an answer may be sent again as often as needed.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "events", tag = "events",
    params((
        "idempotency-key" = Option<String>, Header,
        description = "gives rows without an `event_id` one that follows from it, the sender, their place and their content"
    )),
    request_body(
        description = "a batch, or one event by itself",
        content(
            (ref("#/components/schemas/Events") = "application/json"),
            (ref("#/components/schemas/Events") = "application/vnd.msgpack"),
            (ref("#/components/schemas/Events") = "application/x-protobuf")
        )
    ),
    responses((status = 202, description = "what became of them", body = Receipt)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::BodyInvalid, Code::BodyTooLarge, Code::BatchTooLarge, Code::ContentTypeUnsupported,
        Code::CredentialsInvalid, Code::EventsBusy, Code::EventsUnavailable
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Receipt>), ApiError> {
    let limits = &state.config.limits;
    let (format, sent) = (body::format(&headers)?, bytes.as_ref().ok().cloned());
    let body: Value = body::read_as(format, bytes, limits.body_bytes, SHAPE)?;
    let Body { sent_ms, events: rows } = rows_of(body)?;
    if rows.len() > limits.batch_events {
        let detail =
            format!("{} events in one batch, at most {}; send several", rows.len(), limits.batch_events);
        return Err(ApiError::new(Code::BatchTooLarge, detail));
    }
    let now_ms = now_ms();
    let erased = state.tombstones.erased();
    let caller = sender.0?;
    let senders = Senders { caller: &caller, erased: &erased, key: key(&headers) };
    let (batch, mut rejected) = validate(rows, senders, clock_error_ms(sent_ms, now_ms), now_ms);
    for reject in &rejected {
        metrics::counter!("segue_events_rejected_total", "code" => reject.code).increment(1);
    }
    if let Some(sent) = sent.filter(|_| !rejected.is_empty()) {
        // Only then are they read once more: what is taken is not kept twice for what may be refused.
        let Body { events: rows, .. } = rows_of(body::read_as(format, Ok(sent), limits.body_bytes, SHAPE)?)?;
        rejected = note_refused(&state, rows, rejected).await?;
    }
    let (mut accepted, mut duplicates) = (0, 0);
    if !batch.is_empty() {
        (accepted, duplicates) = store(&state, batch, erased).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(Receipt { accepted, duplicates, rejected })))
}

/// Stores a batch that was checked when those of `erased` were to be forgotten; how many were new, and how many not.
///
/// Whoever asked may have gone, or was told that it takes too long: what follows from a commit is done all the same.
pub(super) async fn store(state: &Shared, batch: Batch, erased: Erased) -> Result<(u64, u64), ApiError> {
    let stored = tokio::spawn(store_and_follow(Arc::clone(state), batch, erased).in_current_span());
    stored.await.map_err(|error| ApiError::internal("events could not be stored", &error))?
}

async fn store_and_follow(state: Shared, mut batch: Batch, erased: Erased) -> Result<(u64, u64), ApiError> {
    let events = batch.take_events();
    let outcome = state.events.append(batch).instrument(tracing::info_span!("store")).await?;
    metrics::counter!("segue_events_accepted_total").increment(outcome.accepted);
    metrics::counter!("segue_events_duplicate_total").increment(outcome.duplicates);
    forgotten_meanwhile(&state, &erased, &events).await?;
    let fresh = only(events, &outcome.fresh);
    count_fallbacks(&fresh);
    state.sessions.take_in(fresh, outcome.received_ms);
    Ok((outcome.accepted, outcome.duplicates))
}

/// The events at these places, which ascend.
fn only(events: Vec<Event>, places: &[usize]) -> Vec<Event> {
    let mut places = places.iter().copied().peekable();
    let placed = events.into_iter().enumerate();
    placed.filter_map(|(place, event)| places.next_if_eq(&place).map(|_| event)).collect()
}

/// Counts refusals, and keeps what is refused too often: written and synced, so not by a thread that answers requests.
async fn note_refused(
    state: &Shared,
    rows: Vec<Value>,
    rejected: Vec<Reject>,
) -> Result<Vec<Reject>, ApiError> {
    let state = Arc::clone(state);
    super::blocking("refused events could not be noted", move || {
        state.dead_letters.refused(&rows, &rejected);
        Ok(rejected)
    })
    .await
}

/// A batch, or one event by itself.
fn rows_of(body: Value) -> Result<Body, ApiError> {
    let is_one = body.is_object() && body.get("events").is_none();
    if is_one && ["event", "kind"].iter().any(|name| body.get(name).is_some()) {
        return Ok(Body { sent_ms: None, events: vec![body] });
    }
    serde_json::from_value(body)
        .map_err(|error| ApiError::new(Code::BodyInvalid, format!("the body is not {SHAPE}: {error}")))
}

/// What makes rows without an id the same when they are sent again.
fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").and_then(|value| value.to_str().ok()).filter(|key| !key.is_empty())
}

/// Somebody of the batch may have been forgotten between its check and its commit: then they are once more.
async fn forgotten_meanwhile(state: &Shared, before: &Erased, events: &[Event]) -> Result<(), ApiError> {
    let now = state.tombstones.erased();
    if now.is_same(before) {
        return Ok(());
    }
    let users: BTreeSet<String> =
        events.iter().filter(|event| now.contains(&event.user)).map(|event| event.user.clone()).collect();
    for user in users {
        state.forget(user).await?;
    }
    Ok(())
}

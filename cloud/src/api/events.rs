//! `POST /api/v1/events`: takes events in; 202 once they are on the disk.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shared;
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::events::{Reject, clock_error_ms, validate};

#[derive(Deserialize)]
struct Body {
    /// The client's clock when it sent this.
    #[serde(default)]
    sent_ms: Option<i64>,
    events: Vec<Value>,
}

/// What became of a batch.
#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Reject>,
}

pub(super) async fn post(
    State(state): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Receipt>), ApiError> {
    check_content_type(&headers)?;
    let limits = &state.config.limits;
    let Body { sent_ms, events: rows } = read(body, limits.body_bytes)?;
    if rows.len() > limits.batch_events {
        let detail =
            format!("{} events in one batch, at most {}; send several", rows.len(), limits.batch_events);
        return Err(ApiError::new(Code::BatchTooLarge, detail));
    }
    let now_ms = now_ms();
    let (batch, rejected) = validate(rows, clock_error_ms(sent_ms, now_ms), now_ms);
    for reject in &rejected {
        metrics::counter!("segue_events_rejected_total", "code" => reject.code).increment(1);
    }
    let (mut accepted, mut duplicates) = (0, 0);
    if !batch.is_empty() {
        let outcome = state.events.append(batch).await?;
        (accepted, duplicates) = (outcome.accepted, outcome.duplicates);
    }
    metrics::counter!("segue_events_accepted_total").increment(accepted);
    metrics::counter!("segue_events_duplicate_total").increment(duplicates);
    Ok((StatusCode::ACCEPTED, Json(Receipt { accepted, duplicates, rejected })))
}

/// Browsers let any page post without asking, as long as it does not call the body JSON: so it has to.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let shown: String = kind.chars().take(80).collect();
    let detail = match shown.as_str() {
        "" => "`content-type` is missing; send application/json".to_owned(),
        other => format!("`content-type` is `{other}`; send application/json"),
    };
    Err(ApiError::new(Code::ContentTypeUnsupported, detail))
}

fn read(body: Result<Bytes, BytesRejection>, limit: usize) -> Result<Body, ApiError> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            Code::BodyTooLarge,
            format!("the body has more than {limit} bytes; send smaller batches"),
        ),
        _ => ApiError::new(Code::BodyInvalid, "the body ended before it was complete"),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::new(Code::BodyInvalid, format!("the body is not {{\"events\":[...]}}: {error}"))
    })
}

//! Bodies that are JSON.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Code};

/// Browsers let any page post without asking, as long as it does not call the body JSON: so it has to.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
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

/// The body as a `T`, whose shape a refusal describes.
pub(super) fn read<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
    limit: usize,
    shape: &str,
) -> Result<T, ApiError> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            Code::BodyTooLarge,
            format!("the body has more than {limit} bytes; send less at once"),
        ),
        _ => ApiError::new(Code::BodyInvalid, "the body ended before it was complete"),
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::new(Code::BodyInvalid, format!("the body is not {shape}: {error}")))
}

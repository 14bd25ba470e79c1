//! Bodies: JSON, and MessagePack or Protobuf where much is sent.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::protobuf;
use crate::error::{ApiError, Code};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    MessagePack,
    /// Batches of events only.
    Protobuf,
}

/// Names of MessagePack, the registered one first.
const MESSAGE_PACK: [&str; 3] = ["application/vnd.msgpack", "application/msgpack", "application/x-msgpack"];
/// Names of Protobuf, the one of most clients first.
const PROTOBUF: [&str; 3] =
    ["application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"];
/// As deep as JSON may be.
const DEPTH: usize = 128;

/// Refuses what is not JSON.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    match format(headers)? {
        Format::Json => Ok(()),
        Format::MessagePack => Err(unsupported("application/msgpack", "application/json")),
        Format::Protobuf => Err(unsupported("application/x-protobuf", "application/json")),
    }
}

/// Refuses what is neither JSON nor MessagePack.
pub(super) fn json_or_message_pack(headers: &HeaderMap) -> Result<Format, ApiError> {
    match format(headers)? {
        Format::Protobuf => Err(unsupported("application/x-protobuf", "application/json")),
        format => Ok(format),
    }
}

/// Browsers let any page post without asking, as long as it does not name one of these: so one has to be named.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(Format::Json);
    }
    let is_of = |names: &[&str]| names.iter().any(|name| kind.eq_ignore_ascii_case(name));
    match (is_of(&MESSAGE_PACK), is_of(&PROTOBUF)) {
        (true, _) => Ok(Format::MessagePack),
        (_, true) => Ok(Format::Protobuf),
        _ => Err(unsupported(kind, "application/json")),
    }
}

fn unsupported(kind: &str, wanted: &str) -> ApiError {
    let shown: String = kind.chars().take(80).collect();
    let detail = match shown.as_str() {
        "" => format!("`content-type` is missing; send {wanted}"),
        other => format!("`content-type` is `{other}`; send {wanted}"),
    };
    ApiError::new(Code::ContentTypeUnsupported, detail)
}

/// The JSON body as a `T`, whose shape a refusal describes.
pub(super) fn read<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
    limit: usize,
    shape: &str,
) -> Result<T, ApiError> {
    read_as(Format::Json, body, limit, shape)
}

/// The body as a `T`, whose shape a refusal describes.
pub(super) fn read_as<T: DeserializeOwned>(
    format: Format,
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
    let refused = |error: &dyn std::fmt::Display| {
        ApiError::new(Code::BodyInvalid, format!("the body is not {shape}: {error}"))
    };
    match format {
        Format::Json => serde_json::from_slice(&bytes).map_err(|error| refused(&error)),
        Format::MessagePack => {
            let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes[..]);
            reader.set_max_depth(DEPTH);
            T::deserialize(&mut reader).map_err(|error| refused(&error))
        }
        Format::Protobuf => {
            let batch = protobuf::batch(&bytes).map_err(|error| refused(&error))?;
            serde_json::from_value(batch).map_err(|error| refused(&error))
        }
    }
}

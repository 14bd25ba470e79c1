//! `/api/v1/admin/...`: what only a service key with the right to administer may ask.

pub(super) mod blocklist;
pub(super) mod jobs;
pub(super) mod pins;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use segue_core::limits::ID_BYTES;

use crate::error::{ApiError, Code};

/// An id of a path: 1 to 128 bytes without control characters.
fn id_of(path: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let wrong = |detail: String| ApiError::new(Code::QueryInvalid, detail);
    let Path(id) = path.map_err(|_| wrong("the id is not UTF-8 after percent-decoding".to_owned()))?;
    match (1..=ID_BYTES).contains(&id.len()) && !id.contains(char::is_control) {
        true => Ok(id),
        false => Err(wrong(format!(
            "the id has {} bytes; give 1 to {ID_BYTES}, without control characters",
            id.len()
        ))),
    }
}

/// The refusal of one more where no more fit.
fn full(most: usize, what: &str) -> ApiError {
    ApiError::new(Code::ListFull, format!("{most} {what} already, as many as fit; take some out first"))
}

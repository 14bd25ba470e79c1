//! Queries of `name=value` pairs.

use percent_encoding::percent_decode_str;

use crate::error::{ApiError, Code};

/// The pairs of a query, decoded.
///
/// # Errors
/// `query_invalid` where one is not UTF-8 after percent-decoding.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// A name or value, decoded.
///
/// # Errors
/// `query_invalid` where it is not UTF-8 after percent-decoding.
pub(super) fn decoded(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned());
    decoded.map_err(|_| ApiError::new(Code::QueryInvalid, "the query is not UTF-8 after percent-decoding"))
}

/// `query_invalid` for a value that is not what was `expected`.
pub(super) fn wrong(name: &str, value: &str, expected: &str) -> ApiError {
    let (name, value): (String, String) = (name.chars().take(64).collect(), value.chars().take(64).collect());
    ApiError::new(Code::QueryInvalid, format!("`{name}` is `{value}`; give {expected}"))
}

/// A number of places from 1 to `most`.
///
/// # Errors
/// `query_invalid`.
pub(super) fn count(value: &str, most: usize) -> Result<usize, ApiError> {
    let count = value.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| wrong("count", value, &format!("a number from 1 to {most}")))
}

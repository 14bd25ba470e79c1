//! Strong validators: an ETag made of the content's hash, and 304 for whoever has it.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::hash::is_sha256;

/// The generation an answer belongs to.
pub(crate) const GENERATION: HeaderName = HeaderName::from_static("segue-generation");

/// What signed records are sent as.
pub(crate) const COSE: &str = "application/cose";

/// Whether the client's `If-None-Match` names this content.
pub(crate) fn is_current(headers: &HeaderMap, hash: &str) -> bool {
    let mut values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.any(|list| list.split(',').any(|tag| matches(tag.trim(), hash)))
}

/// The hashes that the client's `If-None-Match` names.
pub(crate) fn hashes(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|list| list.split(',')).map(str::trim);
    let opaque = tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"'));
    opaque.filter(|hash| is_sha256(hash)).map(str::to_owned).collect()
}

fn matches(tag: &str, hash: &str) -> bool {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    tag == "*" || opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(hash)
}

/// 200 with `bytes`, or 304 without when there are none.
pub(crate) fn respond(
    bytes: Option<Bytes>,
    content_type: &'static str,
    cache_control: &'static str,
    hash: &str,
    generation: Option<u64>,
) -> Response {
    let status = if bytes.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED };
    let has_body = bytes.is_some();
    let mut response = Response::new(bytes.map_or_else(Body::empty, Body::from));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    // A hash is hexadecimal, so it is always a valid header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{hash}\"")) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(generation) = generation {
        headers.insert(GENERATION, HeaderValue::from(generation));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong_and_not_by_its_beginning() {
        let current = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            is_current(&headers, "abc")
        };
        for yes in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            assert!(current(yes), "{yes}");
        }
        for no in ["\"ab\"", "abc", "\"abcd\"", "", "\""] {
            assert!(!current(no), "{no}");
        }
    }
}

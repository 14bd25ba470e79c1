//! Answers in fewer bytes: zstd or brotli, for whoever accepts one of them (RFC 9110, 12.5.3).
//!
//! What has a tag (packs, the manifest, models) is encoded once, and kept as long as there is room; other large answers are
//! encoded as they go out. An encoded answer is another representation of the same content, so its tag is the weak form
//! of the plain one's, and `Vary` tells caches what decided.

mod choose;
mod kept;

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use choose::{Coding, chosen};
pub(crate) use kept::Kept;

/// Smaller answers fit into a packet or two as they are.
const LEAST_BYTES: u64 = 1_024;
/// Larger answers go out as they are.
const MOST_BYTES: u64 = 64 << 20;

/// Encodes the API's answers for whoever accepts it.
pub(crate) async fn encode(State(kept): State<Arc<Kept>>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let coding = chosen(request.headers());
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let mut response = next.run(request).await;
    match response.status() {
        StatusCode::OK | StatusCode::IM_USED => {
            vary(response.headers_mut());
            match coding.filter(|_| is_worth_it(&response)) {
                Some(coding) => encoded(&kept, coding, response).await,
                None => response,
            }
        }
        StatusCode::NOT_MODIFIED => {
            vary(response.headers_mut());
            answer_weak(&known, response.headers_mut());
            response
        }
        _ => response,
    }
}

fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
}

fn is_worth_it(response: &Response) -> bool {
    let bytes = response.body().size_hint().exact();
    bytes.is_some_and(|bytes| (LEAST_BYTES..=MOST_BYTES).contains(&bytes))
        && !response.headers().contains_key(header::CONTENT_ENCODING)
}

/// Whoever has the encoded form is told so of that form, as caches compare tags strongly when they take over headers.
fn answer_weak(known: &[HeaderValue], headers: &mut HeaderMap) {
    let Some(weak) = headers.get(header::ETAG).and_then(weakened) else { return };
    let has = |list: &HeaderValue| {
        list.to_str().is_ok_and(|list| list.split(',').any(|tag| tag.trim().as_bytes() == weak.as_bytes()))
    };
    if known.iter().any(has) {
        headers.insert(header::ETAG, weak);
    }
}

/// The weak form of a strong tag.
fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok().filter(|tag| tag.starts_with('"'))?;
    HeaderValue::from_str(&format!("W/{tag}")).ok()
}

/// The answer in a coding, or as it is where that is no smaller.
async fn encoded(kept: &Arc<Kept>, coding: Coding, response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    // That of a delta is the tag of what it makes.
    let tag = head.headers.get(header::ETAG).cloned().filter(|_| head.status == StatusCode::OK);
    let Ok(plain) = to_bytes(body, usize::MAX).await else {
        // A body of a known size is in memory; were it not, the answer would have broken off as well.
        return Response::from_parts(head, Body::empty());
    };
    let found = match &tag {
        Some(tag) => kept.get(coding, tag),
        None => None,
    };
    let smaller = match found {
        Some(found) => found,
        None => {
            let content = plain.clone();
            let made =
                tokio::task::spawn_blocking(move || smaller(coding, &content)).await.unwrap_or_default();
            if let Some(tag) = &tag {
                kept.keep(coding, tag, made.clone());
            }
            made
        }
    };
    let Some(smaller) = smaller else { return Response::from_parts(head, Body::from(plain)) };
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    head.headers.remove(header::CONTENT_LENGTH);
    if let Some(weak) = tag.as_ref().and_then(weakened) {
        head.headers.insert(header::ETAG, weak);
    }
    Response::from_parts(head, Body::from(smaller))
}

/// The content in a coding; none where that is not smaller.
fn smaller(coding: Coding, plain: &[u8]) -> Option<Bytes> {
    match coding.encode(plain) {
        Ok(encoded) => Some(Bytes::from(encoded)).filter(|encoded| encoded.len() < plain.len()),
        Err(error) => {
            tracing::error!(%error, coding = coding.name(), "an answer could not be encoded");
            None
        }
    }
}

#[cfg(test)]
mod tests;

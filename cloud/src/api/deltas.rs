//! Packs as what changed since the one that the client has (RFC 3229, "Delta encoding in HTTP").

use anyhow::Context as _;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use segue_core::pack::write_delta;

use super::conditional::{self, COSE};
use crate::served::Served;
use crate::state::Published;

/// How this kind of delta is called: `pack::patch` of the core follows it.
const NAME: &str = "segue-delta";
const ASKED: HeaderName = HeaderName::from_static("a-im");
const ANSWERED: HeaderName = HeaderName::from_static("im");
const BASE: HeaderName = HeaderName::from_static("delta-base");
/// What decides, beside the path.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("a-im");

/// A delta and the hash of the pack that it is about.
pub(super) struct Delta {
    base: String,
    bytes: Bytes,
}

/// The hashes of packs that the client has and would take a delta for.
pub(super) fn asked(headers: &HeaderMap) -> Vec<String> {
    let mut lists = headers.get_all(ASKED).iter().filter_map(|value| value.to_str().ok());
    let names = |list: &str| list.split(',').any(|name| name.trim().eq_ignore_ascii_case(NAME));
    if lists.any(names) { conditional::hashes(headers) } else { Vec::new() }
}

/// The delta from a pack that the client has, one of the generation in force or of one that is kept, to the `whole`
/// pack; none where the client has none of them, the key is not here, the delta has no fewer bytes, or too many are being
/// made.
pub(super) fn between(
    published: &Published,
    subject: &str,
    asked: &[String],
    whole: &Served,
) -> Option<Delta> {
    if asked.is_empty() {
        return None;
    }
    let signer = published.verified.as_ref()?.signer.as_ref()?;
    let (base, generation) = published.bases(subject).find(|(base, _)| asked.contains(base))?;
    // A pack that cannot be read, or is too large, leaves the whole one.
    let make = || -> anyhow::Result<Option<Bytes>> {
        let earlier = generation.get(subject)?.context("it is gone")?;
        let made = write_delta(&earlier, &whole.bytes, signer).ok();
        Ok(made.filter(|made| made.len() < whole.bytes.len()).map(Bytes::from))
    };
    let bytes = published.deltas().between(subject, &base, &whole.hash, make)?;
    Some(Delta { base, bytes })
}

/// 226 with the delta; `hash` is that of the pack it makes.
pub(super) fn respond(delta: Delta, hash: &str, generation: u64) -> Response {
    let mut response =
        conditional::respond(Some(delta.bytes), COSE, "private, no-store", hash, Some(generation));
    *response.status_mut() = StatusCode::IM_USED;
    let headers = response.headers_mut();
    headers.insert(ANSWERED, HeaderValue::from_static(NAME));
    headers.append(header::VARY, HeaderValue::from_static("if-none-match"));
    // A hash is hexadecimal, so it is always a valid header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", delta.base)) {
        headers.insert(BASE, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_is_asked_for_by_name_from_packs_named_by_their_hashes() {
        let hash = "0a".repeat(32);
        let of = |name: &str, tags: &str| {
            let pairs = [(ASKED, name), (header::IF_NONE_MATCH, tags)];
            let pairs = pairs.map(|(header, value)| (header, HeaderValue::from_str(value).unwrap()));
            asked(&pairs.into_iter().collect())
        };
        for tags in [format!("\"{hash}\""), format!("\"x\", W/\"{hash}\"")] {
            assert_eq!(of("vcdiff, Segue-Delta", &tags), std::slice::from_ref(&hash));
            assert!(of("vcdiff", &tags).is_empty());
        }
        assert!(of(NAME, "*").is_empty() && of(NAME, "\"../x\"").is_empty());
    }
}

//! `GET /api/v1/packs/{subject}`: the signed pack of a user or of a region.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::conditional::{COSE, is_current, respond};
use super::{Shared, blocking};
use crate::error::{ApiError, Code};

pub(super) async fn get(
    State(state): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let published = state.published()?;
    let generation = published.packs.number();
    let name = path.map(|Path(name)| name).map_err(|_| missing("(not UTF-8)", generation))?;
    let subject = subject_of(&name);
    state.refuse_erased(subject.strip_prefix("user:").unwrap_or_default())?;
    let entry = published.packs.entry(&subject).ok_or_else(|| missing(&name, generation))?;
    let hash = entry.hash_hex();
    // A pack is one person's: no shared cache may keep it.
    let cache_control = if subject.starts_with("user:") { "private, no-cache" } else { "no-cache" };
    if is_current(&headers, &hash) {
        return Ok(respond(None, COSE, cache_control, &hash, Some(generation)));
    }
    let pack = blocking("the pack could not be read", move || published.packs.get(&subject)).await?;
    let bytes = pack.map(Bytes::from).ok_or_else(|| missing(&name, generation))?;
    Ok(respond(Some(bytes), COSE, cache_control, &hash, Some(generation)))
}

/// `region:all` and `user:u1` are subjects as they are; anything else is the id of a user.
fn subject_of(name: &str) -> String {
    if name.starts_with("region:") || name.starts_with("user:") {
        name.to_owned()
    } else {
        format!("user:{name}")
    }
}

fn missing(name: &str, generation: u64) -> ApiError {
    let shown: String = name.chars().take(64).collect();
    let detail =
        format!("generation {generation} holds no pack for `{shown}`; take `packs/region:all` instead");
    ApiError::new(Code::PackMissing, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_a_user_and_a_subject_stays_one() {
        assert_eq!(subject_of("u1"), "user:u1");
        assert_eq!(subject_of("user:u1"), "user:u1");
        assert_eq!(subject_of("region:all"), "region:all");
        assert_eq!(subject_of("user:region:all"), "user:region:all");
    }
}

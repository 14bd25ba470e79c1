//! `GET /api/v1/packs/{subject}`: the signed pack of a user or of a region; `POST` makes a user's anew.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use segue_core::limits::SUBJECT_BYTES;

use super::conditional::{COSE, is_current, respond};
use super::deltas::{self, Delta};
use super::openapi::IfNoneMatch;
use super::recommendations::remake;
use super::{Shared, blocking};
use crate::auth::SentBy;
use crate::error::{ApiError, Code};
use crate::served::Served;
use crate::state::Published;

const UNREADABLE: &str = "the pack could not be read";
/// Where a pack was found that is handed out.
const MEMORY: &str = "memory";
const DISK: &str = "disk";

/// The signed pack of a person or of a region.
///
/// With `a-im: segue-delta` what changed since the pack that `if-none-match` names, where that is less.
#[utoipa::path(
    get, path = "/v1/packs/{subject}", operation_id = "pack", tag = "packs",
    params(
        ("subject" = String, Path, description = "a user's id, `user:ID`, or `region:all`", example = "region:all"),
        ("a-im" = Option<String>, Header, description = "`segue-delta`: what changed will do"),
        IfNoneMatch
    ),
    responses(
        (status = 200, description = "COSE_Sign1, see docs/PACK.md", content(("application/cose"))),
        (
            status = 226, description = "a signed delta from the pack `delta-base` to the pack `etag`",
            content(("application/cose")),
            headers(("im" = String), ("delta-base" = String), ("etag" = String), ("segue-generation" = u64))
        )
    ),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::GenerationMissing, Code::PackMissing, Code::UserErased,
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    sender: SentBy,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let published = state.published()?;
    let generation = published.packs.number();
    let (name, subject) = subject_in(path, generation)?;
    let user = person_of(&subject);
    sender.0?.check(user)?;
    state.refuse_erased(user)?;
    let (other, from) = other(&state, &published, &subject).await?;
    let known = other.or_else(|| published.kept(&subject));
    let from = if known.is_some() { from } else { DISK };
    let hash = match &known {
        Some(known) => known.hash.clone(),
        None => {
            let entry = published.packs.entry(&subject).ok_or_else(|| missing(&name, generation));
            entry.inspect_err(|_| make_for_next_time(&state, user))?.hash_hex()
        }
    };
    // A pack is one person's: no shared cache may keep it.
    let cache_control = if subject.starts_with("user:") { "private, no-cache" } else { "no-cache" };
    let mut response = match is_current(&headers, &hash) {
        true => respond(None, COSE, cache_control, &hash, Some(generation)),
        false => {
            let asked = deltas::asked(&headers);
            let (whole, delta) = content(&state, &published, &subject, known, asked).await?;
            metrics::counter!("segue_packs_handed_out_total", "from" => from).increment(1);
            match delta {
                Some(delta) => deltas::respond(delta, &hash, generation),
                None => respond(Some(whole), COSE, cache_control, &hash, Some(generation)),
            }
        }
    };
    response.headers_mut().append(header::VARY, deltas::VARY);
    Ok(response)
}

/// Packs that were made on demand are in memory alone: after a start they are gone, and what people did is known again. Begins
/// to make the pack of somebody who has none and did something.
fn make_for_next_time(state: &Shared, user: &str) {
    if state.sessions.has(user) {
        tokio::spawn(remake(Arc::clone(state), user.to_owned()));
    }
}

/// The pack, and what changed since one that the client has, where that is less. What is in memory is answered without another
/// thread.
async fn content(
    state: &Shared,
    published: &Arc<Published>,
    subject: &str,
    known: Option<Served>,
    asked: Vec<String>,
) -> Result<(Bytes, Option<Delta>), ApiError> {
    match known {
        Some(whole) if asked.is_empty() => Ok((whole.bytes, None)),
        known => {
            let (published, name) = (Arc::clone(published), subject.to_owned());
            let found = move || {
                let whole = known.map_or_else(|| published.read(&name), Ok)?;
                let delta = deltas::between(&published, &name, &asked, &whole);
                Ok((whole.bytes, delta))
            };
            looked_up(state, subject, found).await
        }
    }
}

/// What `work` finds of a subject's pack beside the threads that answer, unless its person is forgotten: also where nobody waits
/// for the answer any more.
async fn looked_up<T: Send + 'static>(
    state: &Shared,
    subject: &str,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let (state, user) = (Arc::clone(state), person_of(subject).to_owned());
    let work = move || match state.unless_erased(&user, work) {
        Ok(found) => found.map(Ok),
        Err(erased) => Ok(Err(erased)),
    };
    blocking(UNREADABLE, work).await?
}

/// Makes a person's pack anew with what they did until now.
///
/// Once a minute for each person; `GET` hands it out from then on.
#[utoipa::path(
    post, path = "/v1/packs/{subject}", operation_id = "make_pack", tag = "packs",
    params(("subject" = String, Path, description = "a user's id, or `user:ID`")),
    responses((
        status = 200, description = "the new pack, COSE_Sign1", content(("application/cose")),
        headers(("etag" = String), ("segue-generation" = u64))
    )),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::GenerationMissing, Code::PackMissing, Code::PackJustMade, Code::OnDemandUnavailable, Code::UserErased,
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    sender: SentBy,
) -> Result<Response, ApiError> {
    let published = state.published()?;
    let generation = published.packs.number();
    let (name, subject) = subject_in(path, generation)?;
    let user = subject.strip_prefix("user:").ok_or_else(|| missing(&name, generation))?;
    sender.0?.check(user)?;
    state.refuse_erased(user)?;
    let made = state.make_pack(user).await?;
    // Made from items as they were when the service got ready.
    let pack = other(&state, &published, &subject).await?.0.unwrap_or(made);
    Ok(respond(Some(pack.bytes), COSE, "private, no-cache", &pack.hash, Some(generation)))
}

/// The pack where it is another than the generation's, and where the answer was found: one that had to be looked through for what
/// ended was not in memory.
async fn other(
    state: &Shared,
    published: &Arc<Published>,
    subject: &str,
) -> Result<(Option<Served>, &'static str), ApiError> {
    if let Some(known) = state.known_other_pack(published, subject) {
        return Ok((known, MEMORY));
    }
    let (shared, published, name) = (Arc::clone(state), Arc::clone(published), subject.to_owned());
    let found = looked_up(state, subject, move || shared.other_pack(&published, &name)).await?;
    Ok((found, DISK))
}

/// The name that is asked for, and the subject it stands for; none is longer than a pack can name.
fn subject_in(
    path: Result<Path<String>, PathRejection>,
    generation: u64,
) -> Result<(String, String), ApiError> {
    let Path(name) = path.map_err(|_| missing("(not UTF-8)", generation))?;
    let subject = subject_of(&name);
    match subject.len() <= SUBJECT_BYTES {
        true => Ok((name, subject)),
        false => Err(missing(&name, generation)),
    }
}

/// `region:all` and `user:u1` are subjects as they are; anything else is the id of a user.
fn subject_of(name: &str) -> String {
    if name.starts_with("region:") || name.starts_with("user:") {
        name.to_owned()
    } else {
        format!("user:{name}")
    }
}

/// The person whose subject it is; nobody where it is a region's.
fn person_of(subject: &str) -> &str {
    subject.strip_prefix("user:").unwrap_or_default()
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

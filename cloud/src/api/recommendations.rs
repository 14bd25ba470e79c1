//! `GET` and `POST /api/v1/recommendations`: a ranked list, for clients that cannot run the core.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, header};
use segue_core::engine::Listed;
use segue_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::openapi::{event_rows, places};
use super::query::{pairs, wrong};
use super::{Shared, body};
use crate::auth::{Caller, SentBy};
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::events::{Reject, Senders, clock_error_ms, validate};
use crate::live::{Recommendations, Wanted, recommend};

/// Places of a list where the request does not say.
const COUNT: usize = 20;
/// Places of one answer at most.
const MOST: usize = 100;
/// How long a cursor goes on with its list.
const CURSOR_MS: i64 = 60 * 60_000;

/// What a request says, by query or by body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecommendationsAsked)]
struct Asked {
    /// Whose pack and events; nobody's where empty.
    #[serde(default)]
    user: String,
    /// The policy that ranks; the surface the data's events come from where absent.
    surface: Option<String>,
    /// Places of the answer, 20 where absent.
    #[schema(minimum = 1, maximum = 100)]
    count: Option<usize>,
    /// The one of the answer before, to go on with its list.
    cursor: Option<String>,
    /// Circumstances, see docs/FEATURES.md.
    #[serde(default)]
    context: BTreeMap<String, String>,
    /// The client's clock when it sent this.
    #[serde(default)]
    sent_ms: Option<i64>,
    /// The person's last events; they count for this list and are not stored.
    #[serde(default)]
    #[schema(schema_with = event_rows)]
    events: Vec<Value>,
}

/// A ranked list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recommendations)]
pub(super) struct Answer {
    /// Whose it is; empty where it is nobody's.
    user: String,
    /// The surface whose policy ranked.
    surface: String,
    /// How far down the ladder of `docs/API.md` the list stands.
    step: &'static str,
    /// The generation of the pack.
    generation: u64,
    /// Names the list in impressions and events.
    slate: Option<String>,
    /// Hash of the ranker that ranked, where one did.
    ranker: Option<String>,
    /// Why the list is in the pack's order, where it is.
    fallback: Option<&'static str>,
    /// The pack is older than clients accept.
    stale: bool,
    /// The places, in order.
    #[schema(schema_with = places)]
    items: Vec<Listed>,
    /// What to send for the places after these; none at the end.
    cursor: Option<String>,
    /// Events of the request that were left out.
    rejected: Vec<Reject>,
}

type Answered = ([(HeaderName, &'static str); 1], Json<Answer>);

/// A ranked list for clients that cannot run the core.
///
/// The same engine, policy and ranker as on devices; an event counts after its 202.
#[utoipa::path(
    get, path = "/v1/recommendations", operation_id = "recommendations", tag = "lists",
    params(
        ("user" = Option<String>, Query, description = "whose pack and events; nobody's where absent"),
        ("surface" = Option<String>, Query, description = "the policy that ranks; the data's own where absent"),
        ("count" = Option<u32>, Query, description = "places of the answer, 20 where absent", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "the one of the answer before, to go on with its list"),
        ("context.region" = Option<String>, Query, description = "where the person is"),
        ("context.device" = Option<String>, Query, description = "on which device; others of docs/FEATURES.md likewise")
    ),
    responses((status = 200, description = "the list", body = Answer)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::SurfaceUnknown, Code::PackMissing, Code::GenerationMissing, Code::RootKeyMissing,
        Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn get(
    State(state): State<Shared>,
    sender: SentBy,
    RawQuery(query): RawQuery,
) -> Result<Answered, ApiError> {
    let asked = asked(query.as_deref().unwrap_or_default())?;
    sender.0?.check(&asked.user)?;
    answer(state, asked).await
}

/// The same with the person's last events.
///
/// They count for this list and are not stored; those that are refused are named under `rejected`.
#[utoipa::path(
    post, path = "/v1/recommendations", operation_id = "recommendations_with_events", tag = "lists",
    request_body = Asked,
    responses((status = 200, description = "the list", body = Answer)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::BodyInvalid, Code::BodyTooLarge, Code::BatchTooLarge, Code::ContentTypeUnsupported,
        Code::QueryInvalid, Code::SurfaceUnknown, Code::PackMissing, Code::GenerationMissing, Code::RootKeyMissing,
        Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Answered, ApiError> {
    body::check_content_type(&headers)?;
    let limits = state.config.limits;
    let asked: Asked = body::read(bytes, limits.body_bytes, "{\"user\":ID,\"surface\":NAME,...}")?;
    sender.0?.check(&asked.user)?;
    if asked.events.len() > limits.batch_events {
        let detail =
            format!("{} events, at most {}; send the last ones", asked.events.len(), limits.batch_events);
        return Err(ApiError::new(Code::BatchTooLarge, detail));
    }
    answer(state, asked).await
}

async fn answer(state: Shared, asked: Asked) -> Result<Answered, ApiError> {
    let now_ms = now_ms();
    state.refuse_erased(&asked.user)?;
    let (erased, moved_ms) = (state.tombstones.erased(), clock_error_ms(asked.sent_ms, now_ms));
    // They count for this list alone, whoever they name.
    let senders = Senders { caller: &Caller::Everybody, erased: &erased, key: None };
    let (mut batch, rejected) = validate(asked.events.clone(), senders, moved_ms, now_ms);
    let wanted = wanted(&state, asked, batch.take_events(), now_ms)?;
    let asked = wanted.clone();
    let (list, turn) = (Arc::clone(&state), state.engines.turn().await);
    let span = tracing::info_span!("recommend");
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        span.in_scope(|| list.unless_erased(&asked.user, || recommend(&list, &asked)))
    });
    let made = made.await.map_err(|error| ApiError::internal("the list could not be made", &error))?;
    let made = made.flatten()?;
    if made.wants_pack && !wanted.user.is_empty() {
        tokio::spawn(remake(state, wanted.user.clone()));
    }
    metrics::counter!("segue_recommendations_total", "step" => made.step.name()).increment(1);
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(answer_of(made, wanted, rejected))))
}

/// Makes the pack of somebody whose session left it behind; the next list is made from it.
pub(super) async fn remake(state: Shared, user: String) {
    match state.make_pack(&user).await {
        Ok(_) => {}
        // Asked for a moment ago, or by somebody new: the pack there is has to do.
        Err(error) => tracing::debug!(code = error.code.name(), "a pack was not made anew"),
    }
}

fn answer_of(made: Recommendations, wanted: Wanted, rejected: Vec<Reject>) -> Answer {
    let next = made.places.last().map_or(wanted.offset, |last| last.position + 1);
    let cursor = (made.more && next < limits::PLACES).then(|| format!("{next}-{}", wanted.as_of_ms));
    Answer {
        step: made.step.name(),
        generation: made.generation,
        ranker: made.ranker,
        fallback: made.slate.as_ref().and_then(|slate| slate.fallback).map(|reason| reason.name()),
        stale: made.slate.as_ref().is_some_and(|slate| slate.stale),
        slate: made.slate.map(|slate| slate.slate),
        items: made.places,
        cursor,
        rejected,
        user: wanted.user,
        surface: wanted.surface,
    }
}

/// The query's parameters; `context.NAME` is an entry of the context.
fn asked(query: &str) -> Result<Asked, ApiError> {
    let mut asked = Asked::default();
    for (name, value) in pairs(query)? {
        match name.as_str() {
            "user" => asked.user = value,
            "surface" => asked.surface = Some(value),
            "count" => {
                asked.count = Some(value.parse().map_err(|_| wrong("count", &value, "a whole number"))?)
            }
            "cursor" => asked.cursor = Some(value),
            _ => match name.strip_prefix("context.") {
                Some(name) => drop(asked.context.insert(name.to_owned(), value)),
                None => {
                    return Err(wrong(
                        &name,
                        &value,
                        "`user`, `surface`, `count`, `cursor` or `context.NAME`",
                    ));
                }
            },
        }
    }
    Ok(asked)
}

fn wanted(
    state: &Shared,
    asked: Asked,
    events: Vec<crate::catalog::Event>,
    now_ms: i64,
) -> Result<Wanted, ApiError> {
    let count = asked.count.unwrap_or(COUNT);
    if !(1..=MOST).contains(&count) {
        return Err(wrong("count", &count.to_string(), &format!("a number from 1 to {MOST}")));
    }
    if asked.user.len() > limits::ID_BYTES {
        return Err(wrong("user", &asked.user, &format!("an id of at most {} bytes", limits::ID_BYTES)));
    }
    let (offset, as_of_ms) = match &asked.cursor {
        Some(cursor) => position(cursor, now_ms).ok_or_else(|| {
            wrong("cursor", cursor, "the one of an answer of the last hour, or none to begin anew")
        })?,
        None => (0, now_ms),
    };
    let surface = match asked.surface {
        Some(surface) => surface,
        None => state.published()?.surface.clone().unwrap_or_default(),
    };
    let without = Vec::new();
    Ok(Wanted { user: asked.user, surface, offset, count, context: asked.context, as_of_ms, events, without })
}

/// The next place of a list and the list's time.
fn position(cursor: &str, now_ms: i64) -> Option<(usize, i64)> {
    let (next, as_of_ms) = cursor.split_once('-')?;
    let (next, as_of_ms): (usize, i64) = (next.parse().ok()?, as_of_ms.parse().ok()?);
    let is_fresh = (now_ms - CURSOR_MS..=now_ms).contains(&as_of_ms);
    (is_fresh && next < limits::PLACES).then_some((next, as_of_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_its_parameters_and_entries_of_the_context() {
        let asked = asked("user=u+1&count=5&context.region=de%2Dby&context.device=phone").unwrap();
        assert_eq!((asked.user.as_str(), asked.count), ("u 1", Some(5)));
        assert_eq!(asked.context["region"], "de-by");
        for (query, named) in [("cuont=5", "cuont"), ("count=x", "count"), ("user=%ff", "UTF-8")] {
            let error = super::asked(query).unwrap_err();
            assert!(error.code == Code::QueryInvalid && error.detail.contains(named), "{error:?}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_an_hour() {
        assert_eq!(position("20-5000", 6_000), Some((20, 5_000)));
        for bad in ["20", "-5000", "x-5000", "20-5000000", "500-5000", "20-9223372036854775807"] {
            assert_eq!(position(bad, 6_000), None, "{bad}");
        }
        assert_eq!(position("20-5000", 5_000 + CURSOR_MS + 1), None);
    }
}

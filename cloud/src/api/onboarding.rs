//! `POST /api/v1/onboarding`: what somebody new answered to a survey becomes their starting profile.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::events::store;
use super::{Shared, body};
use crate::auth::SentBy;
use crate::clock::now_ms;
use crate::consumers::Segment;
use crate::error::{ApiError, Code};
use crate::events::{Senders, validate};
use crate::hash::hex;
use crate::refresh::{Answers, Starter};
use crate::towers::history::ONBOARDING;

/// Answers of one kind at most: more would be no taste.
const MOST: usize = 10;

/// What somebody answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OnboardingAnswers)]
pub(super) struct Body {
    /// Who.
    #[schema(min_length = 1, max_length = 128)]
    user: String,
    /// Categories they like.
    #[serde(default)]
    #[schema(max_items = 10)]
    categories: Vec<String>,
    /// Creators they like, by their ids.
    #[serde(default)]
    #[schema(max_items = 10)]
    creators: Vec<String>,
    /// Items they like, by their ids.
    #[serde(default)]
    #[schema(max_items = 10)]
    items: Vec<String>,
    /// Where they are, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Such as `18-24`.
    age_group: Option<String>,
    /// What they read, BCP 47.
    language: Option<String>,
}

/// What the answers became.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnboardingProfile)]
pub(super) struct Profile {
    /// Who.
    user: String,
    /// The items that stand for the answers; stored as events of the kind `onboarding`.
    starters: Vec<Listed>,
    /// Whether a pack was made of them, to be had at `/packs/{user}` now; else with the next refresh.
    pack: bool,
}

/// An item that stands for an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnboardingStarter)]
struct Listed {
    /// The item.
    item: String,
    /// The item, category or creator that was answered.
    of: String,
}

/// Answers of a survey become a starting profile.
///
/// 200 means that it is on the disk. Sent again it has no second effect; other answers are added.
#[utoipa::path(
    post, path = "/v1/onboarding", operation_id = "onboarding", tag = "people",
    request_body = Body,
    responses((status = 200, description = "what they became", body = Profile)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::BodyInvalid, Code::BodyTooLarge, Code::ContentTypeUnsupported, Code::AnswersUnknown,
        Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden,
        Code::OnDemandUnavailable, Code::EventsBusy, Code::EventsUnavailable
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Profile>, ApiError> {
    body::check_content_type(&headers)?;
    let shape = "{\"user\":ID,\"categories\":[...],\"creators\":[...],\"items\":[...]}";
    let body: Body = body::read(bytes, state.config.limits.body_bytes, shape)?;
    check(&body)?;
    let caller = sender.0?;
    caller.check(&body.user)?;
    state.refuse_erased(&body.user)?;
    let asked = answers(&body);
    let starters = state.workshop.ask(move |on_demand| on_demand.starters(&asked)).await?;
    if starters.is_empty() {
        let detail =
            "none of the answers is a category, creator or item of the catalogue; offer those that are";
        return Err(ApiError::new(Code::AnswersUnknown, detail));
    }
    let erased = state.tombstones.erased();
    let rows = starters.iter().map(|starter| row(&body, starter)).collect();
    let senders = Senders { caller: &caller, erased: &erased, key: None };
    let (batch, rejected) = validate(rows, senders, 0, now_ms());
    if let Some(reject) = rejected.into_iter().next() {
        return Err(ApiError::new(Code::BodyInvalid, reject.detail));
    }
    store(&state, batch, erased).await?;
    metrics::counter!("segue_onboardings_total").increment(1);
    let made = state.make_pack(&body.user).await;
    let listed = |starter: Starter| Listed { item: starter.item, of: starter.of };
    let starters = starters.into_iter().map(listed).collect();
    Ok(Json(Profile { user: body.user, starters, pack: made.is_ok() }))
}

fn check(body: &Body) -> Result<(), ApiError> {
    let wrong = |detail: String| Err(ApiError::new(Code::BodyInvalid, detail));
    if body.user.is_empty() {
        return wrong("`user` is empty; say who answered".to_owned());
    }
    let lists = [("categories", &body.categories), ("creators", &body.creators), ("items", &body.items)];
    match lists.into_iter().find(|(_, list)| list.len() > MOST) {
        Some((name, list)) => wrong(format!("`{name}` has {} entries; send at most {MOST}", list.len())),
        None => Ok(()),
    }
}

fn answers(body: &Body) -> Answers {
    let Body { categories, creators, items, country, age_group, .. } = body;
    let segment = Segment { country: country.clone(), age_group: age_group.clone() };
    Answers { categories: categories.clone(), creators: creators.clone(), items: items.clone(), segment }
}

/// The event that an answer is stored as; the same answer is the same event.
fn row(body: &Body, starter: &Starter) -> Value {
    use sha2::Digest as _;
    let name = format!("{}\n{}\n{}", body.user, starter.item, starter.of);
    let id = hex(&sha2::Sha256::digest(name.as_bytes()));
    let mut context = json!({"of": starter.of});
    for (name, said) in
        [("country", &body.country), ("age_group", &body.age_group), ("language", &body.language)]
    {
        if let Some(said) = said {
            context[name] = said.as_str().into();
        }
    }
    json!({
        "event_id": format!("{ONBOARDING}-{}", &id[..32]), "user": body.user, "session": ONBOARDING,
        "item": starter.item, "kind": ONBOARDING, "time_ms": now_ms(), "context": context,
    })
}

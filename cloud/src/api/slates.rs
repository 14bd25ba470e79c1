//! `POST /api/v1/slates`: lists that devices made, with what the model saw, for the training log.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use segue_core::session::check_id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Shared, blocking, body};
use crate::auth::{Caller, SentBy};
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::events::{Reject, clock_error_ms};
use crate::state::AppState;
use crate::training_log::{Kept, Teller, Told};

const SHAPE: &str = "{\"user\":ID,\"slates\":[...]}";
/// Lists of one batch.
const MOST: usize = 50;

/// Lists of one person that a device made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SlateBatch)]
pub(super) struct Body {
    /// Whose they are; where absent, the person's whose token is sent.
    #[serde(default)]
    user: String,
    /// The client's clock when it sent this.
    #[serde(default)]
    sent_ms: Option<i64>,
    /// At most 50; a bad one is named under `rejected` and does not hold up the others.
    #[schema(value_type = Vec<Told>)]
    slates: Vec<Value>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlatesReceipt)]
pub(super) struct Receipt {
    /// Lists that are as they should be.
    accepted: u64,
    /// Those of them that are kept: the service draws as many of a thousand as it is set to, as far as there is room.
    kept: u64,
    /// Left out.
    rejected: Vec<Reject>,
}

/// Lists that a device made, with what the model saw.
///
/// 202 means that those drawn are kept until the training log has them, where events name them. A list told of again counts
/// once, so a batch without an answer may be sent again.
#[utoipa::path(
    post, path = "/v1/slates", operation_id = "slates", tag = "events",
    request_body(
        description = "a batch",
        content((Body = "application/json"), (Body = "application/vnd.msgpack"))
    ),
    responses((status = 202, description = "what became of them", body = Receipt)),
    security((), ("person" = []), ("service" = [])),
    extensions(("x-problems" = json!([
        Code::BodyInvalid, Code::BodyTooLarge, Code::BatchTooLarge, Code::ContentTypeUnsupported,
        Code::UserErased, Code::CredentialsMissing, Code::CredentialsInvalid, Code::UserForbidden
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    sender: SentBy,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Receipt>), ApiError> {
    let format = body::json_or_message_pack(&headers)?;
    let Body { user, sent_ms, slates } = body::read_as(format, bytes, state.config.limits.body_bytes, SHAPE)?;
    let user = whose(&sender.0?, user)?;
    if slates.len() > MOST {
        let detail = format!("{} lists in one batch, at most {MOST}; send several", slates.len());
        return Err(ApiError::new(Code::BatchTooLarge, detail));
    }
    state.refuse_erased(&user)?;
    let taken = blocking("lists could not be kept", move || take_in(&state, user, sent_ms, slates));
    Ok((StatusCode::ACCEPTED, Json(taken.await??)))
}

/// The person whom a batch is of.
fn whose(caller: &Caller, named: String) -> Result<String, ApiError> {
    caller.check(&named)?;
    let user = match caller {
        Caller::Person(person) if named.is_empty() => person.clone(),
        _ => named,
    };
    if user.is_empty() {
        return Err(ApiError::new(Code::BodyInvalid, "`user` is missing; say whose lists these are"));
    }
    check_id("user", &user).map_err(|detail| ApiError::new(Code::BodyInvalid, detail))?;
    Ok(user)
}

fn take_in(
    state: &AppState,
    user: String,
    sent_ms: Option<i64>,
    rows: Vec<Value>,
) -> anyhow::Result<Result<Receipt, ApiError>> {
    // Where nothing is kept, nothing is read.
    let published = state.published().ok().filter(|_| state.config.kept_lists > 0);
    let bytes = |hash: &str| state.artefact(hash).ok().flatten();
    let schemas = published.as_ref().map_or(&[][..], |published| published.schemas(bytes));
    let now_ms = now_ms();
    let teller = Teller { user, moved_ms: clock_error_ms(sent_ms, now_ms), now_ms, schemas };
    let (lists, rejected) = teller.validate(rows);
    let drawn: Vec<&Kept> = lists.iter().filter(|list| state.slates.wants(&list.user, &list.slate)).collect();
    let kept = match state.unless_erased(&teller.user, || keep(state, &drawn)) {
        Ok(kept) => kept?,
        Err(refused) => return Ok(Err(refused)),
    };
    let accepted = lists.len() as u64;
    count("kept", kept);
    count("passed_over", accepted - kept);
    count("rejected", rejected.len() as u64);
    Ok(Ok(Receipt { accepted, kept, rejected }))
}

/// Keeps them; how many, as nobody's are who is forgotten meanwhile, and no more than there is room for.
fn keep(state: &AppState, lists: &[&Kept]) -> anyhow::Result<u64> {
    let mut kept = 0;
    for (before, list) in lists.iter().enumerate() {
        let is_kept = state.slates.keep(list, &state.tombstones).inspect_err(|_| {
            count("kept", kept);
            count("failed", (lists.len() - before) as u64);
        });
        kept += u64::from(is_kept?);
    }
    Ok(kept)
}

fn count(result: &'static str, lists: u64) {
    metrics::counter!("segue_slates_total", "from" => "device", "result" => result).increment(lists);
}

#[cfg(test)]
#[path = "slates_tests.rs"]
mod tests;

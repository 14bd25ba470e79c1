//! `GET /api/v1/items?ids=a,b`: what people look at. `POST /api/v1/items`: puts items in and withdraws them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::query::decoded;
use super::{Shared, blocking, body};
use crate::catalog::Item;
use crate::catalog::changes::What;
use crate::catalog::import::builder::check_item;
use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Rows of items.
#[derive(Serialize, ToSchema)]
pub(super) struct Items {
    /// In the order asked for, without their vectors.
    items: Vec<Item>,
    /// Ids that are no items.
    missing: Vec<String>,
}

type Answer = ([(HeaderName, &'static str); 1], Json<Items>);

/// What people look at: rows of items.
#[utoipa::path(
    get, path = "/v1/items", operation_id = "items", tag = "items",
    params((
        "ids" = Vec<String>, Query, style = Form, explode = false, min_items = 1, max_items = 1000,
        description = "which, separated by commas; a comma within an id is `%2C`"
    )),
    responses((status = 200, description = "their rows", body = Items)),
    extensions(("x-problems" = json!([Code::QueryInvalid])))
)]
pub(super) async fn get(State(state): State<Shared>, RawQuery(query): RawQuery) -> Result<Answer, ApiError> {
    let ids = ids_of(query.as_deref().unwrap_or_default())?;
    let limit = state.config.limits.item_ids;
    if ids.is_empty() || ids.len() > limit {
        let detail = format!("`ids` names {} items; give 1 to {limit}, separated by commas", ids.len());
        return Err(ApiError::new(Code::QueryInvalid, detail));
    }
    let items = blocking("items could not be read", move || {
        let (mut items, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match state.item(&id)? {
                Some(item) => items.push(item),
                None => missing.push(id),
            }
        }
        Ok(Items { items, missing })
    });
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(items.await?)))
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ItemChanges)]
pub(super) struct Changes {
    /// Rows that take the place of those of the same ids.
    #[serde(default)]
    #[schema(value_type = Vec<Item>)]
    upsert: Vec<Value>,
    /// Ids of items to leave every list at once.
    #[serde(default)]
    withdraw: Vec<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemsReceipt)]
pub(super) struct Receipt {
    /// Rows taken.
    upserted: usize,
    /// Items withdrawn.
    withdrawn: usize,
    /// Entries left out.
    rejected: Vec<Rejected>,
}

/// Why one entry was not taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemRejected)]
struct Rejected {
    /// `upsert` or `withdraw`.
    list: &'static str,
    /// Its place there, from 0.
    index: usize,
    /// Why, for programs; those of an import in docs/EVENTS.md.
    code: &'static str,
    /// Why, for people.
    detail: String,
}

/// Puts items in and withdraws them.
///
/// 200 means that the changes are on the disk. A bad entry is named under `rejected` and does not hold up the others.
#[utoipa::path(
    post, path = "/v1/items", operation_id = "change_items", tag = "items",
    request_body = Changes,
    responses((status = 200, description = "what became of them", body = Receipt)),
    security(("service" = [])),
    extensions(("x-problems" = json!([
        Code::BodyInvalid, Code::BodyTooLarge, Code::BatchTooLarge, Code::ContentTypeUnsupported,
        Code::CredentialsMissing, Code::CredentialsInvalid, Code::ServiceKeysMissing
    ])))
)]
pub(super) async fn post(
    State(state): State<Shared>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<Receipt>, ApiError> {
    state.config.callers.services.check(&headers)?;
    body::check_content_type(&headers)?;
    let limits = state.config.limits;
    let changes: Changes =
        body::read(bytes, limits.body_bytes, "{\"upsert\":[row,...],\"withdraw\":[id,...]}")?;
    let count = changes.upsert.len() + changes.withdraw.len();
    if count > limits.item_ids {
        let detail = format!("{count} items in one request, at most {}; send several", limits.item_ids);
        return Err(ApiError::new(Code::BatchTooLarge, detail));
    }
    let changed = blocking("the items could not be changed", move || change(&state, changes));
    changed.await.map(Json)
}

fn change(state: &AppState, changes: Changes) -> anyhow::Result<Receipt> {
    let now_ms = now_ms();
    let (mut whats, mut rejected) = (Vec::new(), Vec::new());
    let lengths = state.display().and_then(|display| display.vector_length());
    for (index, row) in changes.upsert.into_iter().enumerate() {
        match checked(row, lengths) {
            Ok(item) => whats.push(What::Item(Box::new(released(state, item, now_ms)?))),
            Err((code, detail)) => rejected.push(Rejected { list: "upsert", index, code, detail }),
        }
    }
    let upserted = whats.len();
    for (index, item) in changes.withdraw.into_iter().enumerate() {
        let is_new = whats.iter().any(|what| matches!(what, What::Item(row) if row.item == item));
        if is_new || state.item(&item)?.is_some() {
            whats.push(What::Withdrawn(item));
        } else {
            let shown: String = item.chars().take(64).collect();
            let detail = format!("`{shown}` is no item of this catalogue");
            rejected.push(Rejected { list: "withdraw", index, code: "item_unknown", detail });
        }
    }
    let withdrawn = whats.len() - upserted;
    if !whats.is_empty() {
        state.items.change(whats, now_ms)?;
    }
    metrics::counter!("segue_item_changes_total").increment((upserted + withdrawn) as u64);
    Ok(Receipt { upserted, withdrawn, rejected })
}

/// The row with when it came out where it does not say: as an earlier change says, or now where nobody knew the item.
fn released(state: &AppState, item: Item, now_ms: i64) -> anyhow::Result<Item> {
    if item.released_ms.is_some() {
        return Ok(item);
    }
    let released_ms = match (state.items.row(&item.item), state.item(&item.item)?) {
        (Some(changed), _) => changed.released_ms,
        (None, Some(_)) => None,
        (None, None) => Some(now_ms),
    };
    Ok(Item { released_ms, ..item })
}

/// The row, which must be one that an import would take too.
fn checked(row: Value, vector_length: Option<usize>) -> Result<Item, (&'static str, String)> {
    let item: Item = serde_json::from_value(row).map_err(|error| ("value_invalid", error.to_string()))?;
    check_item(&item).map_err(|reject| (reject.reason.code(), reject.detail))?;
    match item.vector.as_ref().map(Vec::len) {
        Some(length) if Some(length) != vector_length => {
            let wanted = vector_length.map_or_else(|| "none".to_owned(), |length| length.to_string());
            Err((
                "vector_length",
                format!("`vector` has {length} values, this catalogue's rows have {wanted}"),
            ))
        }
        _ => Ok(item),
    }
}

/// Splits before decoding, so that `%2C` is a comma within an id.
fn ids_of(query: &str) -> Result<Vec<String>, ApiError> {
    let lists = query.split('&').filter_map(|pair| pair.strip_prefix("ids="));
    let ids = lists.flat_map(|list| list.split(',')).filter(|id| !id.is_empty());
    ids.map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_separated_by_commas_and_decoded_one_by_one() {
        assert_eq!(ids_of("ids=a,b%2Cc,d%20e&x=1&ids=f").unwrap(), ["a", "b,c", "d e", "f"]);
        assert!(ids_of("ids=,,").unwrap().is_empty());
        assert!(ids_of("ids=%ff").is_err());
    }
}

//! `GET /api/v1/items?ids=a,b`: what people look at.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, header};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::{Shared, blocking};
use crate::catalog::Item;
use crate::error::{ApiError, Code};

#[derive(Serialize)]
pub(super) struct Items {
    items: Vec<Item>,
    missing: Vec<String>,
}

type Answer = ([(HeaderName, &'static str); 1], Json<Items>);

pub(super) async fn get(State(state): State<Shared>, RawQuery(query): RawQuery) -> Result<Answer, ApiError> {
    let ids = ids_of(query.as_deref().unwrap_or_default())?;
    let limit = state.config.limits.item_ids;
    if ids.is_empty() || ids.len() > limit {
        let detail = format!("`ids` names {} items; give 1 to {limit}, separated by commas", ids.len());
        return Err(ApiError::new(Code::QueryInvalid, detail));
    }
    let display = state.display();
    let items = blocking("items could not be read", move || {
        let (mut items, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match display.as_ref().map_or(Ok(None), |display| display.get(&id))? {
                Some(item) => items.push(item),
                None => missing.push(id),
            }
        }
        Ok(Items { items, missing })
    });
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(items.await?)))
}

/// Splits before decoding, so that `%2C` is a comma within an id.
fn ids_of(query: &str) -> Result<Vec<String>, ApiError> {
    let lists = query.split('&').filter_map(|pair| pair.strip_prefix("ids="));
    let ids = lists.flat_map(|list| list.split(',')).filter(|id| !id.is_empty());
    ids.map(|id| {
        let spaced = id.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|id| id.into_owned()).map_err(|_| {
            ApiError::new(Code::QueryInvalid, "an id in `ids` is not UTF-8 after percent-decoding")
        })
    })
    .collect()
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

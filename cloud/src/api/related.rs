//! `GET /api/v1/items/{item}/similar`: more like this one. `GET /api/v1/trending`: what is taken up most lately.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{count, pairs, wrong};
use super::{Shared, blocking};
use crate::catalog::Item;
use crate::consumers::Segment;
use crate::error::{ApiError, Code};
use crate::refresh::{Scored, Viewer};

/// Items where the request does not say how many.
const COUNT: usize = 20;
/// Items of one answer at most.
const MOST: usize = 100;

/// What a request says.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    count: usize,
    segment: Segment,
    category: Option<String>,
}

/// Items, the best first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Related)]
pub(super) struct Answer {
    /// The generation they go by.
    generation: u64,
    items: Vec<Related>,
}

/// An item of the answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RelatedItem)]
struct Related {
    item: String,
    /// 0 to 1; more is better.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
}

type Answered = ([(HeaderName, &'static str); 1], Json<Answer>);

/// More like this one.
///
/// The nearest by vector and what is taken up in the same sessions, by reciprocal rank fusion.
#[utoipa::path(
    get, path = "/v1/items/{item}/similar", operation_id = "similar", tag = "items",
    params(
        ("item" = String, Path, description = "the item's id"),
        ("count" = Option<u32>, Query, description = "how many, 20 where absent", minimum = 1, maximum = 100),
        ("region" = Option<String>, Query, description = "only what may be shown there", example = "DE"),
        ("age_group" = Option<String>, Query, description = "only what people of this age may be shown", example = "18-24")
    ),
    responses((status = 200, description = "the items, without this one", body = Answer)),
    extensions(("x-problems" = json!([
        Code::QueryInvalid, Code::ItemUnknown, Code::GenerationMissing, Code::OnDemandUnavailable
    ])))
)]
pub(super) async fn similar(
    State(state): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Answered, ApiError> {
    let wrong = |_| ApiError::new(Code::QueryInvalid, "the item's id is not UTF-8 after percent-decoding");
    let Path(item) = path.map_err(wrong)?;
    let asked = asked(query.as_deref().unwrap_or_default(), &["count", "region", "age_group"])?;
    let id = item.clone();
    let viewer = Viewer::of_segment(&asked.segment);
    let found = state.workshop.ask(move |on_demand| on_demand.similar(&id, &asked.segment, asked.count));
    let found = found.await?.ok_or_else(|| {
        let shown: String = item.chars().take(64).collect();
        ApiError::new(Code::ItemUnknown, format!("`{shown}` is no item that the service knows yet"))
    })?;
    answer(state, found, viewer).await
}

/// What is taken up most lately.
#[utoipa::path(
    get, path = "/v1/trending", operation_id = "trending", tag = "items",
    params(
        ("count" = Option<u32>, Query, description = "how many, 20 where absent", minimum = 1, maximum = 100),
        ("region" = Option<String>, Query, description = "there, and only what may be shown there", example = "DE"),
        ("age_group" = Option<String>, Query, description = "among people of this age, and only what they may be shown", example = "18-24"),
        ("category" = Option<String>, Query, description = "of this category", example = "jazz")
    ),
    responses((status = 200, description = "the items", body = Answer)),
    extensions(("x-problems" = json!([Code::QueryInvalid, Code::GenerationMissing, Code::OnDemandUnavailable])))
)]
pub(super) async fn trending(
    State(state): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<Answered, ApiError> {
    let asked = asked(query.as_deref().unwrap_or_default(), &["count", "region", "age_group", "category"])?;
    let (counting, viewer) = (state.counting.clone(), Viewer::of_segment(&asked.segment));
    let found = state.workshop.ask(move |on_demand| {
        on_demand.trending(&counting, &asked.segment, asked.category.as_deref(), asked.count)
    });
    let found = found.await?;
    answer(state, found, viewer).await
}

fn asked(query: &str, known: &[&str]) -> Result<Asked, ApiError> {
    let mut asked = Asked { count: COUNT, segment: Segment::default(), category: None };
    for (name, value) in pairs(query)? {
        match name.as_str() {
            name if !known.contains(&name) => {
                return Err(wrong(name, &value, &format!("one of {}", known.join(", "))));
            }
            "count" => asked.count = count(&value, MOST)?,
            "region" => asked.segment.country = Some(value),
            "age_group" => asked.segment.age_group = Some(value),
            _ => asked.category = Some(value),
        }
    }
    Ok(asked)
}

/// The items with what people read, but for those withdrawn, blocked or not for the viewer any more.
async fn answer(state: Shared, found: Vec<Scored>, viewer: Viewer) -> Result<Answered, ApiError> {
    let generation = state.published()?.packs.number();
    let items = blocking("the items could not be read", move || {
        let now_ms = crate::clock::now_ms();
        let mut items = Vec::with_capacity(found.len());
        for (item, score) in found {
            let row = state.item(&item)?;
            let may = row.as_ref().is_none_or(|row| viewer.may_get(row, now_ms));
            items.extend(may.then(|| related(row, item, score)));
        }
        Ok(items)
    });
    Ok(([(header::CACHE_CONTROL, "public, max-age=60")], Json(Answer { generation, items: items.await? })))
}

fn related(row: Option<Item>, item: String, score: f32) -> Related {
    let creator = row.as_ref().map(|row| row.creator_name.clone().unwrap_or_else(|| row.creator.clone()));
    let some = |text: &String| !text.is_empty();
    Related { item, score, title: row.map(|row| row.title).filter(some), creator: creator.filter(some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_known_is_named_with_those_that_are() {
        let all = ["count", "region", "category"];
        let found = asked("count=3&region=DE&category=dream+pop", &all).unwrap();
        assert_eq!((found.count, found.segment.country.as_deref()), (3, Some("DE")));
        assert_eq!(found.category.as_deref(), Some("dream pop"));
        for (query, named) in [("category=x", "category"), ("count=0", "1 to 100"), ("count=101", "101")] {
            let error = asked(query, &["count", "region"]).unwrap_err();
            assert!(error.code == Code::QueryInvalid && error.detail.contains(named), "{error:?}");
        }
    }
}

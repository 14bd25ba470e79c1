//! `GET /api/v1/openapi.json`: this API for programs (OpenAPI 3.1); `GET /api/v1/docs`: the same for people.
//!
//! Each handler says in front of it what it takes, answers and refuses, and its route is made from these words: neither
//! can be without the other. The core describes its own records. Here the parts become one document: what holds for
//! many operations is written out in each, refusals in the form in which [`ApiError`](crate::error::ApiError) answers.

#[cfg(test)]
pub(crate) mod check;
mod page;
mod problems;
mod records;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use segue_core::trust::hash;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

use super::conditional::{is_current, respond};

pub(super) use records::{event_rows, places};

/// The request header that names what the client has: answers carry a tag, and are 304 where it is that one.
pub(super) struct IfNoneMatch;

impl IfNoneMatch {
    const NAME: &str = "if-none-match";
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = ParameterBuilder::new().name(Self::NAME).parameter_in(ParameterIn::Header);
        vec![
            header
                .description(Some("the `etag` of what the client has"))
                .schema(Some(String::schema()))
                .build(),
        ]
    }
}

/// What is served, with its tag.
struct Text {
    bytes: Bytes,
    hash: String,
}

impl Text {
    fn of(text: String) -> Self {
        Self { hash: hash(text.as_bytes()), bytes: text.into() }
    }

    fn answer(&self, headers: &HeaderMap, content_type: &'static str) -> Response {
        let bytes = (!is_current(headers, &self.hash)).then(|| self.bytes.clone());
        respond(bytes, content_type, "no-cache", &self.hash, None)
    }
}

static JSON: LazyLock<Text> = LazyLock::new(|| Text::of(document().to_string()));
static PAGE: LazyLock<Text> = LazyLock::new(|| Text::of(page::html(&document())));

/// This description, OpenAPI 3.1.
#[utoipa::path(
    get, path = "/v1/openapi.json", operation_id = "openapi", tag = "service",
    params(IfNoneMatch),
    responses((status = 200, description = "an OpenAPI document", content(("application/json"))))
)]
pub(super) async fn get(headers: HeaderMap) -> Response {
    JSON.answer(&headers, "application/json")
}

/// The same as a page to read, which needs nothing from anywhere else.
#[utoipa::path(
    get, path = "/v1/docs", operation_id = "docs", tag = "service",
    params(IfNoneMatch),
    responses((status = 200, description = "the page", content(("text/html"))))
)]
pub(super) async fn docs(headers: HeaderMap) -> Response {
    PAGE.answer(&headers, "text/html; charset=utf-8")
}

/// The whole document.
fn document() -> Value {
    let described = serde_json::to_value(super::descriptions());
    let mut document = described.unwrap_or_else(|_| json!({}));
    document["info"] = json!({
        "title": "Segue",
        "version": env!("CARGO_PKG_VERSION"),
        "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        "description": "Packs, models, items, lists and events; docs/API.md tells the story.",
    });
    let bearer = |description| json!({"type": "http", "scheme": "bearer", "description": description});
    document["components"]["securitySchemes"] = json!({
        "person": bearer("a token of the app's sign-in (JWT), where the operator has it checked"),
        "service": bearer("a key of the operator's own programs"),
        "admin": bearer("one of these keys that may administer"),
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(records::schemas());
        schemas.insert("Problem".to_owned(), problems::schema());
    }
    for (path, item) in members(&mut document["paths"]) {
        for (_, operation) in members(item) {
            complete(path, operation);
        }
    }
    document
}

fn complete(path: &str, operation: &mut Value) {
    let is_tagged = operation["parameters"].as_array().into_iter().flatten();
    let is_tagged = is_tagged.into_iter().any(|parameter| parameter["name"] == IfNoneMatch::NAME);
    if is_tagged {
        let tag = json!({"etag": {"schema": {"type": "string"}}});
        operation["responses"]["200"]["headers"] = tag.clone();
        operation["responses"]["304"] = json!({"description": "the client has it", "headers": tag});
    }
    problems::write_out(path, operation);
}

/// The members of an object; nothing of anything else.
fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

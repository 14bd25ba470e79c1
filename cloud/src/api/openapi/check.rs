//! Holds requests and answers against the document, in tests.

use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use boon::{Compiler, Schemas};
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(super::document);

/// The operation that answers this request, if one does.
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| is_of(path, template))?;
    item.get(method.to_lowercase())
}

/// Whether a path is one of `/packs/{subject}`.
fn is_of(path: &str, template: &str) -> bool {
    let (parts, wanted) = (path.split('/'), template.split('/'));
    parts.clone().count() == wanted.clone().count()
        && parts
            .zip(wanted)
            .all(|(part, wanted)| part == wanted || wanted.starts_with('{') && !part.is_empty())
}

/// Panics where an operation's answer is none of those that the document names.
#[track_caller]
pub(crate) fn answer(operation: &Value, status: u16, headers: &HeaderMap, body: &[u8]) {
    let id = &operation["operationId"];
    let described = operation["responses"].get(status.to_string());
    let described = described.unwrap_or_else(|| panic!("{id} does not say that it answers {status}"));
    for (name, _) in described["headers"].as_object().into_iter().flatten() {
        assert!(headers.contains_key(name), "{id}: {status} without the header {name}");
    }
    let Some(contents) = described["content"].as_object() else {
        return assert!(body.is_empty(), "{id}: {status} with a body");
    };
    let kind = headers.get(header::CONTENT_TYPE).unwrap().to_str().unwrap();
    let kind = kind.split(';').next().unwrap();
    let content = contents.get(kind).unwrap_or_else(|| panic!("{id}: {status} as {kind}"));
    if let (true, Some(schema)) = (kind.ends_with("json"), content.get("schema")) {
        fits(schema, &serde_json::from_slice(body).unwrap());
    }
}

/// Panics where a value does not fit a schema of the document.
#[track_caller]
pub(super) fn fits(schema: &Value, value: &Value) {
    let whole = json!({"allOf": [schema], "components": DOCUMENT["components"]});
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("document.json", whole).unwrap();
    let index = compiler.compile("document.json", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    if let Err(error) = schemas.validate(value, index) {
        panic!("{value}\n{error:#}");
    }
}

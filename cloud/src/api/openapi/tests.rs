//! The document and what is written about the API beside it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::{fits, operation};
use super::document;
use crate::error::Code;

const API: &str = include_str!("../../../../docs/API.md");

/// `GET /api/v1/packs/{}`, with the names of parameters left out.
fn nameless(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    format!("{} {}", method.to_uppercase(), parts.collect::<Vec<_>>().join("/"))
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    })
}

#[test]
fn the_documents_operations_are_the_rows_of_the_table_of_resources() {
    let section = API.split("\n## ").find(|section| section.starts_with("Resources")).unwrap();
    let rows =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')?.0.split_once(' '));
    let rows: BTreeSet<String> = rows.map(|(method, path)| nameless(method, path)).collect();
    let document = document();
    let described: BTreeSet<String> =
        operations(&document).map(|(method, path, _)| nameless(method, path)).collect();
    let (table, here) = (rows.difference(&described), described.difference(&rows));
    let player = String::from("GET /");
    let table: Vec<&String> = table.filter(|row| **row != player).collect();
    assert_eq!((table, here.collect::<Vec<_>>()), (vec![], vec![]), "in one of both only");
}

#[test]
fn operations_have_a_name_of_their_own_a_summary_and_codes_that_there_are() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for (_, _, operation) in operations(&document) {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{operation}");
        assert!(!operation["summary"].as_str().unwrap().is_empty());
        assert!(operation.get("x-problems").is_none());
    }
    let text = document.to_string();
    for code in Code::ALL {
        // Those of paths and methods that are no operation.
        let is_outside = matches!(code, Code::RouteUnknown | Code::MethodNotAllowed);
        assert_ne!(text.contains(&format!("`{}`", code.name())), is_outside, "{code:?}");
    }
}

#[test]
fn the_examples_of_the_documentation_fit_the_document() {
    let blocks: Vec<&str> = API.split("```").skip(1).step_by(2).map(str::trim).collect();
    let mut tried = 0;
    for (request, answer) in blocks.iter().zip(blocks.iter().skip(1)) {
        let Some((method, path)) = request.lines().next().unwrap_or_default().split_once(' ') else {
            continue;
        };
        let Some(operation) = operation(method, path) else { continue };
        if let Some((_, body)) = request.split_once("\n\n") {
            fits(&operation["requestBody"]["content"]["application/json"]["schema"], &json(body));
        }
        let (head, body) = answer.split_once('\n').unwrap_or_default();
        let (status, body) = if head.starts_with('{') { ("200", *answer) } else { (&head[..3], body) };
        fits(&operation["responses"][status]["content"]["application/json"]["schema"], &json(body));
        tried += 1;
    }
    assert!(tried >= 3, "only {tried} examples were found");
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

#[test]
fn the_page_names_every_operation_and_record() {
    let (document, page) = (document(), super::page::html(&document()));
    for (_, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")) && page.contains(path), "{id}");
    }
    for link in page.split("href=\"#").skip(1) {
        let name = link.split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{name}\"")), "no place for the link to {name}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

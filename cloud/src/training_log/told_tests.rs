//! What of a list that a device tells of is taken.

use serde_json::json;

use super::*;
use crate::towers::samples;

const NOW: i64 = 1_767_225_600_000;
const HOURS_MS: i64 = LABEL_HOURS * HOUR_MS;

fn teller() -> Teller<'static> {
    Teller { user: "u1".into(), moved_ms: 0, now_ms: NOW, schemas: &[] }
}

/// A list of two places, of which the model scored the second.
fn good() -> Value {
    let seen = json!({"item": "b", "candidate": [0.5], "live": [1.0, 2.0], "heads": [0.25]});
    let features = json!({"format": 1, "schema": "f".repeat(64), "context": [1.0], "events": [0.5, 0.25],
        "used": 2, "places": [seen]});
    let place = |item: &str, position: u32| json!({"item": item, "position": position, "score": 0.75, "propensity": 900_000});
    json!({"slate": "l1", "surface": "radio", "time_ms": NOW, "generation": 7, "policy": null, "ranker": "r",
        "context": {"device": "phone"}, "places": [place("a", 0), place("b", 1)], "features": features})
}

/// The list with another value at a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut row = good();
    *row.pointer_mut(pointer).unwrap() = value;
    row
}

fn code_of(teller: &Teller<'_>, row: Value) -> Option<&'static str> {
    let (lists, rejected) = teller.validate(vec![good(), row]);
    assert_eq!(lists.len() + rejected.len(), 2);
    let reject = rejected.into_iter().next()?;
    assert_eq!(reject.index, 1);
    let documented = include_str!("../../../docs/API.md").contains(&format!("`{}`", reject.code));
    assert!(documented, "docs/API.md lacks {reject:?}");
    Some(reject.code)
}

#[test]
fn each_fault_of_a_list_has_its_code_and_the_others_are_taken() {
    let too_many = vec![good()["places"][0].clone(); limits::PLACES + 1];
    let names: BTreeMap<String, &str> =
        (0..=limits::CONTEXT_ENTRIES).map(|name| (name.to_string(), "")).collect();
    for (pointer, value, code) in [
        ("/slate", json!(""), "id_invalid"),
        ("/slate", json!("l".repeat(limits::ID_BYTES + 1)), "id_invalid"),
        ("/surface", json!("a\tb"), "id_invalid"),
        ("/ranker", json!("r".repeat(limits::ID_BYTES + 1)), "id_invalid"),
        ("/places/1/item", json!("b\n"), "id_invalid"),
        ("/generation", json!(-1), "field_invalid"),
        ("/places/0/score", Value::Null, "field_invalid"),
        ("/features", json!({}), "field_invalid"),
        ("/time_ms", json!(-1), "time_out_of_range"),
        ("/time_ms", json!(NOW + AHEAD_MS + 1), "time_out_of_range"),
        ("/time_ms", json!(NOW - HOURS_MS - 1), "slate_too_late"),
        ("/context/device", json!("p".repeat(limits::CONTEXT_BYTES + 1)), "context_too_large"),
        ("/context", json!(names), "context_too_large"),
        ("/places", json!([]), "places_invalid"),
        ("/places", json!(too_many), "places_invalid"),
        ("/places/0/item", json!(""), "places_invalid"),
        ("/places/0/item", json!("b"), "places_invalid"),
        ("/places/0/position", json!(1), "places_invalid"),
        ("/places/0/position", json!(limits::PLACES), "places_invalid"),
        ("/places/0/score", json!(1e39), "places_invalid"),
        ("/places/0/propensity", json!(CERTAIN + 1), "places_invalid"),
        ("/features/format", json!(FeatureLog::FORMAT + 1), "features_invalid"),
        ("/features/places/0/item", json!("c"), "features_invalid"),
        ("/features/places/0/live", json!([1e39, 0.0]), "features_invalid"),
        ("/features/context", json!(vec![0.0; limits::FEATURE_WIDTH + 1]), "features_invalid"),
        ("/features/events", json!([0.5, 0.25, 0.125]), "features_invalid"),
        ("/features/used", json!(0), "features_invalid"),
        ("/features/used", json!(limits::SESSION_EVENTS + 1), "features_invalid"),
    ] {
        assert_eq!(code_of(&teller(), with(pointer, value.clone())), Some(code), "{pointer} {value}");
    }
    assert_eq!(code_of(&teller(), json!("l1")), Some("field_invalid"));
    let longer = json!({"item": "a", "candidate": [0.5, 0.5], "live": [1.0, 2.0], "heads": [0.25]});
    let uneven = json!([good()["features"]["places"][0], longer]);
    assert_eq!(code_of(&teller(), with("/features/places", uneven)), Some("features_invalid"));
    let twice = json!(vec![good()["features"]["places"][0].clone(); 2]);
    assert_eq!(code_of(&teller(), with("/features/places", twice)), Some("features_invalid"));
    let many = json!(vec![good()["features"]["places"][0].clone(); limits::LOGGED_PLACES + 1]);
    assert_eq!(code_of(&teller(), with("/features/places", many)), Some("features_invalid"));
}

#[test]
fn a_list_is_taken_as_it_is_told_its_time_by_the_services_clock() {
    let (lists, _) = teller().validate(vec![good()]);
    let mut told = serde_json::to_value(&lists[0]).unwrap();
    assert_eq!(told.as_object_mut().unwrap().remove("user"), Some(json!("u1")));
    assert_eq!(told.as_object_mut().unwrap().remove("from_device"), Some(json!(true)));
    assert_eq!(told, good());
    let (lists, _) = teller().validate(vec![with("/context", Value::Null)]);
    assert!(lists[0].context.is_empty());
    let time_ms = |teller: &Teller<'_>, told_ms: i64| {
        let (lists, _) = teller.validate(vec![with("/time_ms", json!(told_ms))]);
        lists.first().map(|list| list.time_ms)
    };
    assert_eq!(time_ms(&teller(), NOW - HOURS_MS), Some(NOW - HOURS_MS));
    assert_eq!(time_ms(&teller(), NOW + 5_000), Some(NOW), "events about it come before it otherwise");
    let moved = Teller { moved_ms: -2 * HOURS_MS, ..teller() };
    assert_eq!(time_ms(&moved, NOW + 2 * HOURS_MS - 1_000), Some(NOW - 1_000));
}

#[test]
fn rows_are_as_long_as_a_schema_says_that_is_known() {
    let schema = samples::schema();
    let schemas = [(schema.hash(), schema.clone())];
    let known = Teller { schemas: &schemas, ..teller() };
    let of_it = |live: Value| {
        let mut row = with("/features/schema", json!(schema.hash()));
        row["features"]["places"][0]["live"] = live;
        row["features"]["places"][0]["heads"] = json!([]);
        row
    };
    assert_eq!(code_of(&known, of_it(json!([1.0]))), None);
    assert_eq!(code_of(&known, of_it(json!([1.0, 2.0]))), Some("features_invalid"));
    let mut other_heads = of_it(json!([1.0]));
    other_heads["features"]["places"][0]["heads"] = json!([0.25]);
    assert_eq!(code_of(&known, other_heads), Some("features_invalid"));
    let mut other_events = of_it(json!([1.0]));
    other_events["features"]["used"] = json!(1);
    assert_eq!(code_of(&known, other_events), Some("features_invalid"));
    let mut other_context = of_it(json!([1.0]));
    other_context["features"]["context"] = json!([]);
    assert_eq!(code_of(&known, other_context), Some("features_invalid"));
    assert_eq!(code_of(&known, good()), None, "of another schema");
}

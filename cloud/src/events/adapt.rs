//! Rows of senders that have no ids of their own, or other names for the columns.
//!
//! `{"user_id","item_id","event","duration_sec","timestamp"}` is what many pipelines send. Its columns get our names, and an
//! id that follows from its content, so that a repetition is one. With an `Idempotency-Key` the id follows from the key and the
//! row's place instead.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::hash::hex;

/// Their names for our columns.
const NAMES: [(&str, &str); 3] = [("user_id", "user"), ("item_id", "item"), ("event", "kind")];
/// Numbers below are seconds, others milliseconds: the year 5138 in seconds, 1973 in milliseconds.
const SECONDS: f64 = 1e11;

/// The row with our names and an id; one that has an id stays as it is.
pub(super) fn adapt(row: Value, key: Option<&str>, index: usize) -> Value {
    let Value::Object(mut row) = row else { return row };
    if row.get("event_id").is_some_and(|id| !id.is_null()) {
        return Value::Object(row);
    }
    let is_foreign = row.contains_key("event") && !row.contains_key("kind");
    let id = match key {
        Some(key) => Some(derived(&format!("key\n{key}\n{index}"))),
        // Maps of this program are sorted by name, so the same content is the same text.
        None => is_foreign.then(|| derived(&format!("row\n{}", Value::Object(row.clone())))),
    };
    if is_foreign {
        rename(&mut row);
    }
    if let Some(id) = id {
        row.insert("event_id".to_owned(), id.into());
    }
    Value::Object(row)
}

fn rename(row: &mut Map<String, Value>) {
    for (theirs, ours) in NAMES {
        if let Some(value) = row.remove(theirs) {
            row.insert(ours.to_owned(), value);
        }
    }
    if let Some(seconds) = row.remove("duration_sec") {
        row.insert("played_ms".to_owned(), milliseconds(seconds, 1_000.0));
    }
    if let Some(time) = row.remove("timestamp") {
        let factor = if time.as_f64().is_some_and(|time| time.abs() < SECONDS) { 1_000.0 } else { 1.0 };
        row.insert("time_ms".to_owned(), milliseconds(time, factor));
    }
}

/// The number times `factor`, whole; what is no number stays, to be refused by its name.
fn milliseconds(value: Value, factor: f64) -> Value {
    match value.as_f64() {
        Some(number) => ((number * factor).round() as i64).into(),
        None => value,
    }
}

fn derived(text: &str) -> String {
    format!("derived-{}", &hex(&Sha256::digest(text.as_bytes()))[..32])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Value {
        json!({"user_id": "u1", "item_id": "t1", "event": "skip", "duration_sec": 3.5, "timestamp": 1_767_225_600})
    }

    #[test]
    fn their_columns_get_our_names_and_the_same_row_the_same_id() {
        let adapted = adapt(row(), None, 0);
        let id = adapted["event_id"].as_str().unwrap();
        assert_eq!(
            adapted,
            json!({"event_id": id, "user": "u1", "item": "t1", "kind": "skip", "played_ms": 3_500,
                   "time_ms": 1_767_225_600_000_i64})
        );
        assert_eq!(adapt(row(), None, 7), adapted);
        let mut other = row();
        other["timestamp"] = json!(1_767_225_601_000_i64);
        let other = adapt(other, None, 0);
        assert!(other["event_id"] != adapted["event_id"] && other["time_ms"] == 1_767_225_601_000_i64);
    }

    #[test]
    fn a_key_gives_ids_by_place_and_an_id_of_the_senders_stays() {
        let ours = json!({"kind": "like", "item": "t1", "time_ms": 1});
        let id = |key, index| adapt(ours.clone(), key, index)["event_id"].clone();
        assert!(id(Some("k"), 0) == id(Some("k"), 0) && id(Some("k"), 0) != id(Some("k"), 1));
        assert!(id(Some("k"), 0) != id(Some("l"), 0) && id(None, 0).is_null());
        let own = json!({"event_id": "e1", "event": "like"});
        assert_eq!(adapt(own.clone(), Some("k"), 0), own);
        assert_eq!(adapt(json!(7), Some("k"), 0), json!(7));
    }
}

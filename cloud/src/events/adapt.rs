//! Rows of senders that have no ids of their own, or other names for the columns.
//!
//! `{"user_id","item_id","event","duration_sec","timestamp"}` is what many pipelines send. Its columns get our names, and an
//! id that follows from its content, so that a repetition is one. With an `Idempotency-Key` every row without an id gets one, from
//! the key, the sender, the row's place and its content: two clients that count their requests from 1 take nothing from each
//! other, and a batch that is sent again is the same.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::validate::Senders;
use crate::auth::Caller;
use crate::hash::hex;

/// Their names for our columns.
const NAMES: [(&str, &str); 3] = [("user_id", "user"), ("item_id", "item"), ("event", "kind")];
/// Numbers below are seconds, others milliseconds: the year 5138 in seconds, 1973 in milliseconds.
const SECONDS: f64 = 1e11;

/// The row with our names and an id; one that has an id stays as it is.
pub(super) fn adapt(row: Value, senders: Senders<'_>, index: usize) -> Value {
    let Value::Object(mut row) = row else { return row };
    if row.get("event_id").is_some_and(|id| !id.is_null()) {
        return Value::Object(row);
    }
    let is_foreign = row.contains_key("event") && !row.contains_key("kind");
    // Maps of this program are sorted by name, so the same content is the same text.
    let content = || Value::Object(row.clone());
    let id = match senders.key {
        Some(key) => {
            Some(derived(&json!(["key", key, sender(senders.caller), index, content()]).to_string()))
        }
        None => is_foreign.then(|| derived(&format!("row\n{}", content()))),
    };
    if is_foreign {
        rename(&mut row);
    }
    if let Some(id) = id {
        row.insert("event_id".to_owned(), id.into());
    }
    Value::Object(row)
}

/// The person who sent it; services and those who say nothing of themselves are told apart by what their rows say.
fn sender(caller: &Caller) -> Option<&str> {
    match caller {
        Caller::Person(person) => Some(person),
        Caller::Everybody | Caller::Nobody => None,
    }
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
    use super::*;
    use crate::erasure::Erased;

    fn adapt(row: Value, key: Option<&str>, index: usize) -> Value {
        super::adapt(row, Senders { key, ..Senders::anybody(&Erased::default()) }, index)
    }

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
    fn a_key_gives_ids_by_place_and_content_and_an_id_of_the_senders_stays() {
        let ours = |user: &str| json!({"user": user, "kind": "like", "item": "t1", "time_ms": 1});
        let id = |key, index| adapt(ours("u1"), key, index)["event_id"].clone();
        assert!(id(Some("k"), 0) == id(Some("k"), 0) && id(Some("k"), 0) != id(Some("k"), 1));
        assert!(id(Some("k"), 0) != id(Some("l"), 0) && id(None, 0).is_null());
        assert_ne!(adapt(ours("u2"), Some("k"), 0)["event_id"], id(Some("k"), 0));
        let own = json!({"event_id": "e1", "event": "like"});
        assert_eq!(adapt(own.clone(), Some("k"), 0), own);
        assert_eq!(adapt(json!(7), Some("k"), 0), json!(7));
    }

    #[test]
    fn people_who_count_their_requests_alike_have_ids_of_their_own() {
        let nobodys = json!({"kind": "like", "item": "t1", "time_ms": 1});
        let erased = Erased::default();
        let id = |caller: &Caller| {
            let senders = Senders { caller, erased: &erased, key: Some("1") };
            super::adapt(nobodys.clone(), senders, 0)["event_id"].clone()
        };
        let person = |id: &str| Caller::Person(id.to_owned());
        assert_eq!(id(&person("u1")), id(&person("u1")));
        assert!(id(&person("u1")) != id(&person("u2")) && id(&person("u1")) != id(&Caller::Nobody));
    }
}

//! Batches of events as Protobuf: `docs/events.proto`, written down here once more for the decoder; a test holds both together.

use std::collections::BTreeMap;

use axum::body::Bytes;
use prost::Message;
use serde::Serialize;
use serde_json::{Value, json};

/// `EventBatch`, its events not read yet: of a body that is full of empty ones only the places are kept.
#[derive(Message)]
struct Batch {
    #[prost(int64, optional, tag = "1")]
    sent_ms: Option<i64>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    events: Vec<Bytes>,
}

/// `Event`; what is empty or absent is left out of the row.
#[derive(Message, Serialize)]
struct Event {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    event_id: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    session: String,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "String::is_empty")]
    item: String,
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    #[prost(int64, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<i64>,
    #[prost(uint32, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u32>,
    #[prost(string, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    slate: Option<String>,
    #[prost(uint64, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    played_ms: Option<u64>,
    #[prost(uint64, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    total_ms: Option<u64>,
    #[prost(double, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[prost(btree_map = "string, string", tag = "12")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<String, String>,
    #[prost(string, repeated, tag = "13")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<String>,
}

/// The batch as the JSON that says the same. An event that cannot be read is nothing, and refused by itself.
///
/// # Errors
/// When the bytes are no `EventBatch`.
pub(super) fn batch(bytes: &Bytes) -> Result<Value, prost::DecodeError> {
    let Batch { sent_ms, events } = Batch::decode(bytes.clone())?;
    let events: Vec<Value> = events.into_iter().map(row).collect();
    Ok(json!({"sent_ms": sent_ms, "events": events}))
}

fn row(bytes: Bytes) -> Value {
    Event::decode(bytes).ok().and_then(|event| serde_json::to_value(event).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTO: &str = include_str!("../../../docs/events.proto");

    /// Type, name and number of each field of a message in the published file.
    fn fields(message: &str) -> Vec<(String, String, u64)> {
        let body = PROTO.split(&format!("message {message} {{")).nth(1).unwrap().split('}').next().unwrap();
        let lines = body.lines().map(str::trim).filter(|line| line.ends_with(';') && !line.starts_with("//"));
        lines
            .map(|line| {
                let (left, number) = line.trim_end_matches(';').split_once(" = ").unwrap();
                let (kind, name) = left.rsplit_once(' ').unwrap();
                let kind = kind.trim_start_matches("optional ");
                (kind.to_owned(), name.to_owned(), number.parse().unwrap())
            })
            .collect()
    }

    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 128 {
            bytes.push(number as u8 | 128);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn lengthy(number: u64, bytes: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
    }

    /// A field as the encoding of Protobuf has it, and what it says.
    fn sample(kind: &str, number: u64) -> (Vec<u8>, Value) {
        let text = format!("text {number}");
        match kind {
            "string" => (lengthy(number, text.as_bytes()), json!(text)),
            "repeated string" => (lengthy(number, text.as_bytes()), json!([text])),
            "int64" | "uint32" | "uint64" => {
                ([varint(number << 3), varint(number + 200)].concat(), json!(number + 200))
            }
            "double" => ([varint(number << 3 | 1), 2.5_f64.to_le_bytes().to_vec()].concat(), json!(2.5)),
            "map<string, string>" => {
                let entry = [lengthy(1, b"region"), lengthy(2, b"de")].concat();
                (lengthy(number, &entry), json!({"region": "de"}))
            }
            other => panic!("`{other}` is a type that this test does not know"),
        }
    }

    #[test]
    fn the_published_file_says_what_is_read() {
        let (mut event, mut row) = (Vec::new(), serde_json::Map::new());
        for (kind, name, number) in fields("Event") {
            let (bytes, value) = sample(&kind, number);
            event.extend(bytes);
            row.insert(name, value);
        }
        assert_eq!(fields("EventBatch")[1], ("repeated Event".to_owned(), "events".to_owned(), 2));
        let body = [varint(1 << 3), varint(77), lengthy(2, &event)].concat();
        assert_eq!(batch(&body.into()).unwrap(), json!({"sent_ms": 77, "events": [row.clone()]}));
        // Nothing is read that the file does not name, and every column of an event is there.
        let all = serde_json::to_value(Event::decode(event.as_slice()).unwrap()).unwrap();
        assert_eq!(all.as_object().unwrap().len(), row.len());
        let read: crate::catalog::Event = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), all);
    }

    #[test]
    fn what_is_absent_is_no_column_and_a_bad_event_is_one_bad_row() {
        let body = [lengthy(2, &lengthy(4, b"t1")), lengthy(2, b"\x0a\xff"), lengthy(2, b"")].concat();
        let found = batch(&body.into()).unwrap();
        assert_eq!(found, json!({"sent_ms": null, "events": [{"item": "t1"}, null, {}]}));
        assert!(batch(&Bytes::from_static(b"\x12\x7f")).is_err());
    }
}

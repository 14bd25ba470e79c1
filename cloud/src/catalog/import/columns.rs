//! From loosely typed cells to rows: one list of columns per table, used by
//! `jsonl`, `csv` and `parquet` alike.

use segue_core::session::event::Event;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::builder::Builder;
use super::reject::{Reason, Reject, shorten};
use crate::catalog::{Collection, Item, User};

/// Separates the entries of a list in one cell.
pub const LIST_SEPARATOR: char = '|';

#[derive(Debug, Clone, Copy, PartialEq)]
enum Type {
    Text,
    Integer,
    Unsigned,
    Number,
    Texts,
    Numbers,
    Attributes,
    Context,
}

use Type::{Attributes, Context, Integer, Numbers, Text, Texts, Unsigned};

const ITEM: &[(&str, Type)] = &[
    ("item", Text),
    ("title", Text),
    ("creator", Text),
    ("creator_name", Text),
    ("categories", Texts),
    ("attributes", Attributes),
    ("regions", Texts),
    ("available_from_ms", Integer),
    ("available_until_ms", Integer),
    ("released_ms", Integer),
    ("duration_ms", Unsigned),
    ("picture", Text),
    ("price", Type::Number),
    ("age_rating", Unsigned),
    ("vector", Numbers),
];

const USER: &[(&str, Type)] =
    &[("user", Text), ("country", Text), ("age_group", Text), ("language", Text), ("signed_up_ms", Integer)];

const EVENT: &[(&str, Type)] = &[
    ("event_id", Text),
    ("user", Text),
    ("session", Text),
    ("item", Text),
    ("kind", Text),
    ("time_ms", Integer),
    ("position", Unsigned),
    ("slate", Text),
    ("played_ms", Unsigned),
    ("total_ms", Unsigned),
    ("value", Type::Number),
    ("context", Context),
    ("candidates", Texts),
];

const COLLECTION: &[(&str, Type)] = &[
    ("collection", Text),
    ("user", Text),
    ("kind", Text),
    ("title", Text),
    ("items", Texts),
    ("time_ms", Integer),
];

/// One of the four tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `items`.
    Items,
    /// `users`.
    Users,
    /// `events`.
    Events,
    /// `collections`.
    Collections,
}

impl Table {
    /// Every table, in the order of import: rows refer to rows of tables before.
    pub const ALL: [Self; 4] = [Self::Items, Self::Users, Self::Events, Self::Collections];

    /// The file's name without its extension.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Users => "users",
            Self::Events => "events",
            Self::Collections => "collections",
        }
    }

    fn columns(self) -> &'static [(&'static str, Type)] {
        match self {
            Self::Items => ITEM,
            Self::Users => USER,
            Self::Events => EVENT,
            Self::Collections => COLLECTION,
        }
    }

    fn required(self) -> &'static [&'static str] {
        match self {
            Self::Items => &["item"],
            Self::Users => &["user"],
            Self::Events => &["kind", "time_ms"],
            Self::Collections => &["collection", "kind"],
        }
    }

    /// Adds one row of this table. An event without id gets `line-N`.
    ///
    /// # Errors
    /// When a value is missing, of another type or not allowed.
    pub fn add(self, builder: &mut Builder, line: u64, cells: Map<String, Value>) -> Result<(), Reject> {
        let mut cells = self.coerce(cells)?;
        match self {
            Self::Items => builder.item(row::<Item>(cells)?),
            Self::Users => builder.user(row::<User>(cells)?),
            Self::Events => {
                cells.entry("event_id").or_insert_with(|| format!("line-{line}").into());
                builder.event(row::<Event>(cells)?)
            }
            Self::Collections => builder.collection(row::<Collection>(cells)?),
        }
    }

    // Keeps the known columns, in their types; `attribute.x` and `context.x`
    // columns go into their objects. Nulls and empty texts are missing.
    fn coerce(self, cells: Map<String, Value>) -> Result<Map<String, Value>, Reject> {
        let mut row = Map::new();
        for (name, value) in cells {
            if value.is_null() || value == "" {
                continue;
            }
            if let Some(key) = name.strip_prefix("attribute.").filter(|_| self == Self::Items) {
                put(&mut row, "attributes", key, attribute(key, value)?);
            } else if let Some(key) = name.strip_prefix("context.").filter(|_| self == Self::Events) {
                put(&mut row, "context", key, text(&name, value)?);
            } else if let Some((name, wanted)) = self.columns().iter().find(|column| column.0 == name) {
                match (convert(name, *wanted, value)?, row.get_mut(*name)) {
                    (Value::Object(more), Some(Value::Object(object))) => object.extend(more),
                    (value, _) => drop(row.insert((*name).to_owned(), value)),
                }
            }
        }
        match self.required().iter().find(|column| !row.contains_key(**column)) {
            Some(column) => Err(Reject::missing(column)),
            None => Ok(row),
        }
    }
}

fn row<T: DeserializeOwned>(cells: Map<String, Value>) -> Result<T, Reject> {
    serde_json::from_value(Value::Object(cells))
        .map_err(|error| Reject::new(Reason::ValueOutOfRange, error.to_string()))
}

fn put(row: &mut Map<String, Value>, column: &str, key: &str, value: Value) {
    let object = row.entry(column).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

fn convert(column: &str, wanted: Type, value: Value) -> Result<Value, Reject> {
    match wanted {
        Type::Text => text(column, value),
        Type::Integer => integer(column, &value).map(Value::from),
        Type::Unsigned => {
            let number = integer(column, &value)?;
            let unsigned = u64::try_from(number);
            unsigned.map(Value::from).map_err(|_| {
                Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {number}, below zero"))
            })
        }
        Type::Number => number(column, &value),
        Type::Texts => list(column, value, text),
        Type::Numbers => list(column, value, |column, value| number(column, &value)),
        Type::Attributes => object(column, value, attribute),
        Type::Context => object(column, value, text),
    }
}

fn text(column: &str, value: Value) -> Result<Value, Reject> {
    match value {
        Value::String(_) => Ok(value),
        Value::Number(number) => Ok(Value::String(number.to_string())),
        Value::Bool(yes) => Ok(Value::String(yes.to_string())),
        other => Err(Reject::invalid(column, &other.to_string(), "a text")),
    }
}

fn integer(column: &str, value: &Value) -> Result<i64, Reject> {
    let whole = |number: f64| {
        // Every whole number up to 2^53 is exact in a float.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    };
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => {
            let text = text.trim();
            text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().and_then(whole))
        }
        _ => None,
    };
    number.ok_or_else(|| Reject::invalid(column, &plain(value), "a whole number"))
}

fn number(column: &str, value: &Value) -> Result<Value, Reject> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse::<f64>().ok().and_then(Number::from_f64),
        _ => None,
    };
    number.map(Value::Number).ok_or_else(|| Reject::invalid(column, &plain(value), "a finite number"))
}

// A cell that reads as a number is one.
fn attribute(name: &str, value: Value) -> Result<Value, Reject> {
    match value {
        Value::Bool(yes) => Ok(Value::String(yes.to_string())),
        Value::String(word) => {
            let number = word.trim().parse::<f64>().ok().and_then(Number::from_f64);
            Ok(number.map_or(Value::String(word), Value::Number))
        }
        Value::Number(_) => Ok(value),
        other => Err(Reject::invalid(name, &other.to_string(), "a number or a word")),
    }
}

fn list(
    column: &str,
    value: Value,
    entry: impl Fn(&str, Value) -> Result<Value, Reject>,
) -> Result<Value, Reject> {
    let entries = match value {
        Value::Array(entries) => entries,
        Value::String(text) => {
            let parts = text.split(LIST_SEPARATOR).map(str::trim).filter(|part| !part.is_empty());
            parts.map(Value::from).collect()
        }
        other => return Err(Reject::invalid(column, &other.to_string(), "a list")),
    };
    entries.into_iter().map(|value| entry(column, value)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn object(
    column: &str,
    value: Value,
    entry: impl Fn(&str, Value) -> Result<Value, Reject>,
) -> Result<Value, Reject> {
    let Value::Object(entries) = value else {
        return Err(Reject::invalid(column, &plain(&value), "an object"));
    };
    let present = entries.into_iter().filter(|(_, value)| !value.is_null());
    let converted = present.map(|(name, value)| entry(&name, value).map(|value| (name, value)));
    converted.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", shorten(text, 80)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn coerce(table: Table, row: Value) -> Result<Value, Reject> {
        let Value::Object(cells) = row else { panic!("not an object") };
        table.coerce(cells).map(Value::Object)
    }

    #[test]
    fn cells_become_typed_columns() {
        let row = json!({
            "item": 7, "categories": "rock| indie |", "attribute.tempo": "120.5", "attribute.key": "minor",
            "duration_ms": "1000.0", "vector": "0.5|1", "title": null, "unknown": 1, "price": "",
        });
        let wanted = json!({
            "item": "7", "categories": ["rock", "indie"], "attributes": {"tempo": 120.5, "key": "minor"},
            "duration_ms": 1000, "vector": [0.5, 1.0],
        });
        assert_eq!(coerce(Table::Items, row).unwrap(), wanted);
    }

    #[test]
    fn objects_and_dotted_columns_are_joined() {
        let row = json!({"kind": "click", "time_ms": 5, "context": {"device": "tv"}, "context.region": "DE"});
        let wanted = json!({"kind": "click", "time_ms": 5, "context": {"device": "tv", "region": "DE"}});
        assert_eq!(coerce(Table::Events, row).unwrap(), wanted);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_column() {
        let reject = |row| coerce(Table::Events, row).unwrap_err();
        let invalid = reject(json!({"kind": "click", "time_ms": "noon"}));
        assert_eq!(invalid.reason, Reason::ValueInvalid);
        assert!(invalid.detail.contains("time_ms") && invalid.detail.contains("noon"), "{}", invalid.detail);
        assert_eq!(reject(json!({"kind": "click"})).reason, Reason::ColumnMissing);
        let below = json!({"kind": "click", "time_ms": 1, "position": -1});
        assert_eq!(reject(below).reason, Reason::ValueOutOfRange);
        let fraction = json!({"kind": "click", "time_ms": 1.5});
        assert_eq!(reject(fraction).reason, Reason::ValueInvalid);
    }
}

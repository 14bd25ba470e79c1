//! The rules of a policy as places in its JSON, and a policy in which none of them does anything.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::policies;
use segue_core::policy::Policy;
use serde_json::{Value, json};

/// Tables whose keys are free: a place in them is named `*`.
const FREE: [&str; 1] = ["/feedback/strengths/"];

/// A policy that orders by the profile alone: every rule is off.
#[must_use]
pub fn neutral() -> Value {
    json!({
        "format": Policy::FORMAT,
        "surface": "radio",
        "seen": { "rule": "session" },
        "feedback": { "decay": 1.0, "strengths": {}, "skip": [], "not_interested_similarity": 2.0 },
        "utility": [],
        "linear": { "refresh_score": 1.0 },
        "list": { "diversity": 0.0, "creator": {}, "category": {} },
    })
}

/// [`neutral`] with other values, named by JSON pointers, as bytes.
///
/// # Panics
/// When a parent is missing or the result is refused.
#[must_use]
pub fn changed(changes: &[(&str, Value)]) -> Vec<u8> {
    let mut policy = neutral();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
        let parent = policy.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
        parent[name] = value.clone();
    }
    let bytes = serde_json::to_vec(&policy).expect("a value can be written");
    Policy::from_json(&bytes).unwrap_or_else(|error| panic!("{changes:?}: {error}"));
    bytes
}

/// The places in which `policy` is not `other`.
#[must_use]
pub fn differences(policy: &[u8], other: &[u8]) -> Vec<String> {
    let leaves = |bytes| {
        let mut leaves = BTreeMap::new();
        walk(&serde_json::from_slice(bytes).unwrap_or_default(), "", &mut leaves);
        leaves
    };
    let (these, those) = (leaves(policy), leaves(other));
    these
        .into_iter()
        .filter(|(place, value)| those.get(place) != Some(value))
        .map(|(place, _)| place)
        .collect()
}

/// A pointer with indices and free keys written as `*`.
#[must_use]
pub fn place(pointer: &str) -> String {
    if let Some(table) = FREE.iter().find(|table| pointer.starts_with(**table)) {
        return format!("{table}*");
    }
    let word = |word: &str| if word.parse::<usize>().is_ok() { "*".to_owned() } else { word.to_owned() };
    pointer.split('/').map(word).collect::<Vec<_>>().join("/")
}

/// Every place of the policies that ship, but format and surface.
#[must_use]
pub fn places() -> BTreeSet<String> {
    let mut leaves = BTreeMap::new();
    for (_, bytes) in policies::ALL {
        let policy = Policy::from_json(bytes).ok().and_then(|policy| serde_json::to_value(policy).ok());
        walk(&policy.unwrap_or_default(), "", &mut leaves);
    }
    let places = leaves.keys().map(|pointer| place(pointer));
    places.filter(|place| place != "/format" && place != "/surface").collect()
}

fn walk(value: &Value, at: &str, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| walk(value, &format!("{at}/{name}"), leaves));
        }
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| walk(value, &format!("{at}/{index}"), leaves));
        }
        leaf => {
            leaves.insert(at.to_owned(), leaf.clone());
        }
    }
}

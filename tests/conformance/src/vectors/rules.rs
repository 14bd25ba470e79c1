//! The rules of a policy as places in its JSON, and a policy in which none of them does anything.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::policies;
use segue_core::policy::Policy;
use serde_json::{Value, json};

/// Tables whose keys are free: a place in them is named `*`.
const FREE: [&str; 1] = ["/feedback/strengths/"];

/// What a policy says about itself.
const NO_RULES: [&str; 3] = ["/format", "/surface", "/notes"];

/// Places that hold one of a few words, each of which is a rule of its own: `/seen/rule = never`.
const WORDS: [&str; 4] =
    ["/seen/rule", "/exploration/method/rule", "/exploration/arms", "/utility/*/function"];

/// Rules that neither the policies that ship nor [`neutral`] spell out.
const FURTHER: [&str; 17] = [
    "/seen/rule = never",
    "/seen/rule = window",
    "/seen/rule = fatigue",
    "/seen/days",
    "/seen/half_life_hours",
    "/seen/most",
    "/utility/*/function = log_one_plus",
    "/list/search/continue_head",
    "/list/pins/*/place",
    "/list/pins/*/item",
    "/list/pins/*/source",
    "/exploration/share/*/below",
    "/exploration/method/rule = epsilon_greedy",
    "/exploration/method/epsilon",
    "/exploration/method/rule = ucb",
    "/exploration/method/width",
    "/exploration/arms = category",
];

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
        "list": {
            "search": { "beams": 1, "settled": 0.95, "continue": 1.0 },
            "diversity": 0.0,
            "calibration": 0.0,
            "fresh": { "boost": 0.0, "hours": 48.0 },
            "popularity": { "penalty": 0.0, "above": 0.0 },
            "creator": { "in_a_row": 0, "share": 1.0, "spacing": 0 },
            "category": { "in_a_row": 0, "share": 1.0, "spacing": 0 },
            "pins": []
        },
        "exploration": { "share": [], "method": { "rule": "thompson" }, "arms": "item" },
        "variety": { "temperature": 0.0, "places": 1 },
        "refill": { "min_left": 0, "drift": 2.0, "before_expiry_ms": 0 }
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

/// Every rule there is: the places of the policies that ship and of [`neutral`], and those that none of them has.
#[must_use]
pub fn places() -> BTreeSet<String> {
    let shipped = policies::ALL.iter().map(|(_, bytes)| {
        let policy = Policy::from_json(bytes).ok().and_then(|policy| serde_json::to_value(policy).ok());
        policy.unwrap_or_default()
    });
    let mut leaves = BTreeMap::new();
    shipped.chain([neutral()]).for_each(|policy| walk(&policy, "", &mut leaves));
    let mut off = BTreeMap::new();
    walk(&neutral(), "", &mut off);
    let is_off = |pointer: &String| pointer.contains(" = ") && off.contains_key(pointer);
    let places = leaves.keys().filter(|pointer| !is_off(pointer)).map(|pointer| place(pointer));
    let rules = places.filter(|place| !NO_RULES.iter().any(|no_rule| place.starts_with(no_rule)));
    rules.chain(FURTHER.map(str::to_owned)).collect()
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
        Value::String(word) if WORDS.contains(&place(at).as_str()) => {
            leaves.insert(format!("{at} = {word}"), Value::Null);
        }
        leaf => {
            leaves.insert(at.to_owned(), leaf.clone());
        }
    }
}

//! When two outcomes count as the same.

use serde_json::Value;

/// Scores may differ by this much, times the expected score's size where that is above 1. Everything else is equal.
pub const CLOSENESS: f64 = 2e-5;

/// Says where `actual` is not what `expected` says; fields that are not expected are not looked at.
///
/// # Errors
/// Names the place and both values.
pub fn compare(expected: &Value, actual: &Value) -> Result<(), String> {
    difference(expected, actual, "").map_or(Ok(()), Err)
}

fn difference(expected: &Value, actual: &Value, at: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(found)) => fields.iter().find_map(|(name, value)| {
            difference(value, found.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
        }),
        (Value::Array(values), Value::Array(found)) if values.len() == found.len() => {
            let mut pairs = values.iter().zip(found).enumerate();
            pairs.find_map(|(index, (value, found))| difference(value, found, &format!("{at}[{index}]")))
        }
        _ if at.ends_with(".score") && is_close(expected, actual) => None,
        _ if expected == actual => None,
        _ => Some(format!("{at} is {actual}, expected {expected}")),
    }
}

fn is_close(expected: &Value, actual: &Value) -> bool {
    let (Some(expected), Some(actual)) = (expected.as_f64(), actual.as_f64()) else { return false };
    (expected - actual).abs() <= tolerance(expected)
}

/// What a score of this size may differ by.
pub(super) fn tolerance(score: f64) -> f64 {
    CLOSENESS * score.abs().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scores_may_differ_a_little_and_nothing_else_may() {
        let expected = json!({ "places": [{ "item": "a", "score": 1.0, "propensity": 1_000_000 }] });
        let place = |score: f64, propensity: u32| json!({ "places": [{ "item": "a", "score": score, "propensity": propensity, "more": 1 }] });
        assert_eq!(compare(&expected, &place(1.000_01, 1_000_000)), Ok(()));
        let far = compare(&expected, &place(1.001, 1_000_000)).unwrap_err();
        assert_eq!(far, ".places[0].score is 1.001, expected 1.0");
        assert!(compare(&expected, &place(1.0, 999_999)).is_err());
        assert!(compare(&expected, &json!({ "places": [] })).is_err());
        assert!(compare(&expected, &json!({})).is_err());
    }
}

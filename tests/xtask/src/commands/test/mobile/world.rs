//! One signed generation with a ranker, out of the golden vectors, by the names that C's tests read.

use anyhow::Context as _;
use serde_json::Value;

use crate::paths::Paths;

/// The case whose first steps accept everything.
const CASE: &str = "tests/vectors/ranker-head/case.json";

/// Variable, call and field.
const NAMES: [(&str, &str, &str); 9] = [
    ("SEGUE_ROOT", "new_engine", "root"),
    ("SEGUE_MANIFEST", "accept_manifest", "bytes"),
    ("SEGUE_POLICY", "accept_policy", "bytes"),
    ("SEGUE_SURFACE", "accept_policy", "surface"),
    ("SEGUE_MODEL", "accept_ranker", "model"),
    ("SEGUE_SCHEMA", "accept_ranker", "schema"),
    ("SEGUE_PACK", "accept_pack", "bytes"),
    ("SEGUE_SUBJECT", "accept_pack", "subject"),
    ("SEGUE_NOW_MS", "accept_pack", "now_ms"),
];

/// Environment variables that describe it.
///
/// # Errors
/// When the case does not accept everything.
pub(super) fn variables(paths: &Paths) -> anyhow::Result<Vec<(&'static str, String)>> {
    let text = std::fs::read_to_string(paths.file(CASE)).with_context(|| format!("cannot read {CASE}"))?;
    let case: Value = serde_json::from_str(&text).with_context(|| format!("{CASE} is not JSON"))?;
    let steps = case["steps"].as_array().with_context(|| format!("{CASE} has no steps"))?;
    let value = |call: &str, field: &str| match &steps.iter().find(|step| step["call"] == call)?[field] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let found = NAMES.iter().map(|(name, call, field)| {
        Ok((*name, value(call, field).with_context(|| format!("{CASE} has no {field} in {call}"))?))
    });
    let mut variables = found.collect::<anyhow::Result<Vec<_>>>()?;
    variables.push(("SEGUE_VECTORS", paths.file("tests/vectors").display().to_string()));
    Ok(variables)
}

//! Checks what the workspace depends on: licences, and no package in two versions without a reason.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step};

/// Licences we accept and duplicates we know, each with its reason.
const ALLOWED: &str = "tests/xtask/allowed.json";

struct Allowed {
    licences: BTreeSet<String>,
    duplicates: BTreeMap<String, String>,
}

/// Checks every package of the lock file.
///
/// # Errors
/// Names each package whose licence or second version is not allowed.
pub(crate) fn check(paths: &Paths, step: &Step) -> anyhow::Result<((), Counts)> {
    let allowed = read_allowed(paths)?;
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let text = shell::answer(&mut shell::cargo(paths, arguments));
    let text = text.context("`cargo metadata --locked` fails: is Cargo.lock current?")?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let mut problems = licence_problems(packages, &allowed);
    problems.extend(duplicate_problems(packages, &allowed));
    if problems.is_empty() {
        return Ok(((), Counts { passed: 2, ..Counts::default() }));
    }
    step.message("see the list");
    bail!("{}\n(allowed ones are listed in {ALLOWED})", problems.join("\n"))
}

fn read_allowed(paths: &Paths) -> anyhow::Result<Allowed> {
    let text =
        std::fs::read_to_string(paths.file(ALLOWED)).with_context(|| format!("cannot read {ALLOWED}"))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{ALLOWED} is not JSON"))?;
    let licences = value["licences"].as_array().into_iter().flatten();
    let duplicates = value["duplicates"].as_object().into_iter().flatten();
    Ok(Allowed {
        licences: licences.filter_map(Value::as_str).map(str::to_owned).collect(),
        duplicates: duplicates
            .map(|(name, reason)| (name.clone(), reason.as_str().unwrap_or_default().to_owned()))
            .collect(),
    })
}

fn licence_problems(packages: &[Value], allowed: &Allowed) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or("?");
        let licence = package["license"].as_str().unwrap_or("");
        if !is_allowed(licence, &allowed.licences) {
            problems.push(format!("{name}: its licence is \"{licence}\""));
        }
    }
    problems
}

fn duplicate_problems(packages: &[Value], allowed: &Allowed) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        if let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions.retain(|_, found| found.len() > 1);
    let mut problems = Vec::new();
    for (name, found) in &versions {
        if allowed.duplicates.get(*name).is_none_or(String::is_empty) {
            let list = found.iter().copied().collect::<Vec<_>>().join(" and ");
            problems.push(format!("{name}: in versions {list} without a reason"));
        }
    }
    for name in allowed.duplicates.keys().filter(|name| !versions.contains_key(name.as_str())) {
        problems.push(format!("{name}: no longer in two versions, remove it from the list"));
    }
    problems
}

/// Judges an SPDX expression: `AND` needs both sides, `OR` and the older `/` need one.
fn is_allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    let inside = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(inside) = inside.filter(|inside| is_balanced(inside)) {
        return is_allowed(inside, licences);
    }
    if let Some((left, right)) = split(expression, " OR ").or_else(|| split(expression, "/")) {
        return is_allowed(left, licences) || is_allowed(right, licences);
    }
    if let Some((left, right)) = split(expression, " AND ") {
        return is_allowed(left, licences) && is_allowed(right, licences);
    }
    licences.contains(expression)
}

/// Splits at the first `word` outside brackets.
fn split<'a>(expression: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut places = expression.match_indices(word).map(|(place, _)| place);
    let place = places.find(|place| is_balanced(&expression[..*place]))?;
    Some((&expression[..place], &expression[place + word.len()..]))
}

fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn licences() -> BTreeSet<String> {
        ["MIT", "Apache-2.0", "Unicode-3.0"].into_iter().map(str::to_owned).collect()
    }

    fn allowed(duplicates: &[(&str, &str)]) -> Allowed {
        let owned = |(name, reason): &(&str, &str)| ((*name).to_owned(), (*reason).to_owned());
        Allowed { licences: licences(), duplicates: duplicates.iter().map(owned).collect() }
    }

    #[test]
    fn one_side_of_an_or_is_enough() {
        assert!(is_allowed("LGPL-2.1-or-later OR MIT", &licences()));
        assert!(is_allowed("GPL-3.0/MIT", &licences()));
        assert!(!is_allowed("GPL-3.0 OR AGPL-3.0", &licences()));
    }

    #[test]
    fn both_sides_of_an_and_are_needed() {
        assert!(is_allowed("(MIT OR GPL-3.0) AND Unicode-3.0", &licences()));
        assert!(!is_allowed("MIT AND GPL-3.0", &licences()));
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let packages = [json!({"name": "nameless", "version": "1.0.0"})];
        assert_eq!(licence_problems(&packages, &allowed(&[])).len(), 1);
    }

    #[test]
    fn a_second_version_needs_a_reason_and_a_stale_reason_is_named() {
        let packages = [json!({"name": "a", "version": "1.0.0"}), json!({"name": "a", "version": "2.0.0"})];
        assert_eq!(duplicate_problems(&packages, &allowed(&[])).len(), 1);
        assert!(duplicate_problems(&packages, &allowed(&[("a", "b still uses 1")])).is_empty());
        assert_eq!(duplicate_problems(&packages[..1], &allowed(&[("a", "b still uses 1")])).len(), 1);
    }
}

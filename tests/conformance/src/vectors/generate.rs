//! From recipes to files, and whether the committed files are still what the recipes give.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use segue_core::limits;
use serde::Serialize;
use serde_json::{Value, json};

use super::closeness::tolerance;
use super::story::{Recipe, Twin};
use super::{Book, CLOSENESS, Case, Expected, FOLDER, Shared, Step, cases, compare, run};

/// Every case with its outcomes, and the files they share.
#[derive(Debug, Default)]
pub struct Generated {
    /// By the folder's name.
    pub cases: BTreeMap<String, (Case, Expected)>,
    /// The binary inputs.
    pub shared: Shared,
    /// Places in the policy that some case shows to matter, as JSON pointers.
    pub rules: Vec<String>,
}

/// Runs every recipe.
///
/// # Errors
/// Names each case whose scores lie too close together, or whose twin gives the same list.
pub fn generate() -> Result<Generated, String> {
    let Book { shared, recipes } = cases::book();
    let mut generated = Generated { shared, ..Generated::default() };
    let mut problems = Vec::new();
    for Recipe { name, case, twin } in recipes {
        let steps = outcomes(&case, &generated.shared);
        problems.extend(neighbours_are_apart(&name, &case, &generated.shared).err());
        if let Some(twin) = twin {
            problems.extend(twin_differs(&name, &steps, &twin).err());
            generated.rules.extend(twin.paths);
        }
        if generated.cases.insert(name.clone(), (case, Expected { steps })).is_some() {
            problems.push(format!("{name}: two cases have this name"));
        }
    }
    if problems.is_empty() { Ok(generated) } else { Err(problems.join("\n")) }
}

fn outcomes(case: &Case, shared: &Shared) -> Vec<Value> {
    run(case, |name| shared.get(name).cloned().unwrap_or_default())
}

/// Hosts may differ by the closeness, so no two candidates of a ranked list may be nearer than twice that: asked for
/// with as many places as there are, to see those that were not shown too.
fn neighbours_are_apart(name: &str, case: &Case, shared: &Shared) -> Result<(), String> {
    let mut wider = case.clone();
    for step in &mut wider.steps {
        if let Step::Rank { request, .. } = step {
            request.count = request.count.clamp(0, 1) * limits::PLACES;
        }
    }
    for slate in outcomes(&wider, shared).iter().filter(|outcome| outcome["order"] == "ranked") {
        let places = slate["places"].as_array().map_or(&[][..], Vec::as_slice);
        let mut scores: Vec<f64> = places.iter().filter_map(|place| place["score"].as_f64()).collect();
        scores.sort_by(f64::total_cmp);
        if let Some(pair) = scores.windows(2).find(|pair| pair[1] - pair[0] <= 2.0 * tolerance(pair[1])) {
            return Err(format!("{name}: the scores {} and {} lie too close together", pair[0], pair[1]));
        }
    }
    Ok(())
}

fn twin_differs(name: &str, steps: &[Value], twin: &Twin) -> Result<(), String> {
    let other = outcomes(&twin.case, &twin.shared);
    match (steps.last().map(told), other.last().map(told)) {
        (Some(this), Some(other)) if compare(&other, &this).is_err() => Ok(()),
        _ => Err(format!("{name}: what it is about changes nothing")),
    }
}

/// What an outcome says that a person would see: of a list its places.
fn told(outcome: &Value) -> Value {
    outcome.get("places").unwrap_or(outcome).clone()
}

/// Says what the committed files are not.
///
/// # Errors
/// Names each file that is missing, left over or out of date.
pub fn check(generated: &Generated) -> Result<(), String> {
    let committed = super::names();
    let gone = committed.iter().filter(|name| !generated.cases.contains_key(*name));
    let mut problems: Vec<String> = gone.map(|name| format!("{name}: no recipe makes it")).collect();
    for (name, (case, expected)) in &generated.cases {
        if !committed.contains(name) {
            problems.push(format!("{name}: is not committed"));
            continue;
        }
        let (committed_case, committed_expected) = super::load(name);
        if committed_case != *case {
            problems.push(format!("{name}: case.json is out of date"));
        }
        if let Err(difference) = agree(&committed_expected, expected) {
            problems.push(format!("{name}: expected.json is out of date: {difference}"));
        }
    }
    let stale = generated.shared.files().filter(|(name, bytes)| {
        fs::read(Path::new(FOLDER).join("shared").join(name)).ok().as_ref() != Some(bytes)
    });
    problems.extend(stale.map(|(name, _)| format!("shared/{name}: is out of date")));
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// The same outcomes, with no field more on either side.
fn agree(committed: &Expected, generated: &Expected) -> Result<(), String> {
    let [committed, generated] = [committed, generated].map(|expected| json!(expected.steps));
    compare(&committed, &generated).and_then(|()| compare(&generated, &committed))
}

/// Writes what is not current; outcomes within the closeness stay as they are.
///
/// # Errors
/// When a file cannot be written.
pub fn write(generated: &Generated) -> std::io::Result<()> {
    let folder = Path::new(FOLDER);
    for name in super::names().iter().filter(|name| !generated.cases.contains_key(*name)) {
        fs::remove_dir_all(folder.join(name))?;
    }
    let shared = folder.join("shared");
    if shared.exists() {
        fs::remove_dir_all(&shared)?;
    }
    fs::create_dir_all(&shared)?;
    for (name, bytes) in generated.shared.files() {
        fs::write(shared.join(name), bytes)?;
    }
    fs::write(folder.join("closeness.json"), format!("{}\n", json!({ "score": CLOSENESS })))?;
    let committed = super::names();
    for (name, (case, expected)) in &generated.cases {
        let current = committed.contains(name) && agree(&super::load(name).1, expected).is_ok();
        fs::create_dir_all(folder.join(name))?;
        fs::write(folder.join(name).join("case.json"), case_text(case))?;
        if !current {
            fs::write(folder.join(name).join("expected.json"), expected_text(expected))?;
        }
    }
    Ok(())
}

/// One line a step, so that a difference reads well.
fn case_text(case: &Case) -> String {
    format!("{{\"about\": {},\n\"steps\": [\n{}\n]}}\n", text(&case.about), lines(&case.steps))
}

/// One line a step and one a place.
fn expected_text(expected: &Expected) -> String {
    let steps =
        lines(&expected.steps).replace("\"places\":[{", "\"places\":[\n  {").replace("},{\"", "},\n  {\"");
    format!("{{\"steps\": [\n{steps}\n]}}\n")
}

fn lines<T: Serialize>(steps: &[T]) -> String {
    steps.iter().map(text).collect::<Vec<_>>().join(",\n")
}

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

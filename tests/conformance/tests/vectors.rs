//! The golden vectors on this machine.

use segue_conformance::vectors::{self, CLOSENESS, compare};
use serde_json::json;

/// Cases with a ranker are for builds that can run one.
fn runs_here(case: &vectors::Case) -> bool {
    let needs_ranker = case.steps.iter().any(|step| matches!(step, vectors::Step::AcceptRanker { .. }));
    cfg!(feature = "ranker") || !needs_ranker
}

#[test]
fn every_committed_case_gives_what_is_expected() {
    let mut ran = 0;
    let mut differences = Vec::new();
    for name in vectors::names() {
        let (case, expected) = vectors::load(&name);
        if !runs_here(&case) {
            continue;
        }
        ran += 1;
        let outcomes = vectors::run(&case, vectors::read_shared);
        if let Err(difference) = compare(&json!(expected.steps), &json!(outcomes)) {
            differences.push(format!("{name}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(ran >= 40, "only {ran} cases");
}

#[test]
fn the_stated_closeness_is_the_one_compared_with() {
    let text = std::fs::read_to_string(format!("{}/closeness.json", vectors::FOLDER)).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), json!({ "score": CLOSENESS }));
}

#[cfg(feature = "ranker")]
#[test]
fn the_cases_touch_every_event_kind_policy_rule_reason_and_error() {
    let generated = vectors::generate().unwrap();
    assert!(generated.cases.len() >= 40);
    let touched = vectors::Touched::by(&generated);
    assert_eq!(vectors::missing(&touched), Vec::<String>::new());
}

#[cfg(feature = "ranker")]
#[test]
fn the_committed_files_are_what_the_recipes_give() {
    let generated = vectors::generate().unwrap();
    if let Err(problems) = vectors::check(&generated) {
        panic!("run `cargo xtask gen-vectors`:\n{problems}");
    }
}

//! What the cases touch between them, and what no vector can.

use std::collections::BTreeSet;

use segue_core::{Code, EventKind, ReasonCode};
use serde_json::Value;

use super::{Generated, Step, rules};

/// What no vector reaches, with the reason.
pub const UNREACHABLE: &[(&str, &str)] = &[
    (
        "error scores_invalid",
        "a host never sees it: the list is the pack's order with fallback_scores_invalid",
    ),
    ("error key_is_for_tests", "whether the test key is refused depends on the build, not on what is done"),
    ("error outbox_full", "vectors rank; what sends has a suite of its own, segue_core::outbox::suite"),
    ("error storage_failed", "only a host's storage gives it"),
    (
        "reason fallback_model_pending",
        "a list has it, no place does; only hosts that cannot build plans ask for it",
    ),
    ("reason fallback_model_failed", "a ranker that was accepted fails only where memory does"),
];

/// What a set of cases touches.
#[derive(Debug, Default)]
pub struct Touched(BTreeSet<String>);

impl Touched {
    /// What `generated` touches: `event KIND`, `reason CODE`, `error CODE` and `rule POINTER`.
    #[must_use]
    pub fn by(generated: &Generated) -> Self {
        let mut touched = BTreeSet::new();
        for (case, expected) in generated.cases.values() {
            for step in &case.steps {
                if let Step::Apply { event } = step {
                    touched.insert(format!("event {}", kind(&event.kind)));
                }
            }
            expected.steps.iter().for_each(|outcome| note(outcome, &mut touched));
        }
        touched.extend(generated.rules.iter().map(|rule| format!("rule {}", rules::place(rule))));
        Self(touched)
    }
}

fn kind(kind: &EventKind) -> &str {
    match kind {
        EventKind::Custom(_) => "custom",
        known => known.name(),
    }
}

fn note(outcome: &Value, touched: &mut BTreeSet<String>) {
    if let Some(code) = outcome["error"].as_str() {
        touched.insert(format!("error {code}"));
    }
    for place in outcome["places"].as_array().into_iter().flatten() {
        if let Some(code) = place["reason"]["code"].as_str() {
            touched.insert(format!("reason {code}"));
        }
    }
}

/// Kinds, reasons, error codes and policy rules that no case touches and that are not excused.
#[must_use]
pub fn missing(touched: &Touched) -> Vec<String> {
    let kinds = EventKind::KNOWN.iter().map(EventKind::name).chain(["custom"]);
    let mut wanted: BTreeSet<String> = kinds.map(|kind| format!("event {kind}")).collect();
    wanted.extend(ReasonCode::ALL.iter().map(|code| format!("reason {}", code.name())));
    wanted.extend(Code::ALL.iter().map(|code| format!("error {}", code.name())));
    wanted.extend(rules::places().into_iter().map(|place| format!("rule {place}")));
    let excused = |name: &String| UNREACHABLE.iter().any(|(excused, _)| excused == name);
    wanted.into_iter().filter(|name| !touched.0.contains(name) && !excused(name)).collect()
}

//! Whether a model may be served: the files that its card tells of, operators and shapes, size, latency, and quality beside
//! the served one on the same replay.

use std::path::Path;
use std::time::Instant;

use segue_core::Budget;
use segue_core::features::{Inputs, Schema};
use segue_core::score::Scorer;
use serde::Serialize;

use super::bootstrap::{Figures, Interval};
use super::metrics::{COUNT, Metric};
use super::replay::ScorerKind;
use super::tally::Tally;
use crate::towers::ModelDirectory;
use crate::train::Card;

/// Candidates that latency is measured with; all slots hold an event.
const CANDIDATES: usize = 500;
/// Runs that are timed, after some that are not.
const RUNS: usize = 50;
const WARM_UP: usize = 5;

/// What a model has to keep within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Most bytes of the ranker.
    pub bytes: u64,
    /// Most milliseconds, in the median, from an event to the heads of 500 candidates.
    pub milliseconds: f64,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// `card`, `size`, `operators`, `latency` or `quality`.
    pub check: &'static str,
    /// It is good enough.
    pub passed: bool,
    /// What was found, in the unit of `limit`; none where it could not be measured.
    pub value: Option<f64>,
    /// What is asked: the most bytes or milliseconds, or the served model's NDCG@10.
    pub limit: Option<f64>,
    /// The 95 % interval of `value` less `limit` where people were drawn.
    pub interval: Option<Interval>,
    /// The same for people, with by how much it falls short, or why it could not be measured.
    pub detail: String,
}

/// What can be said without data: operators and shapes, size, latency. Nothing is timed where the model does not run.
#[must_use]
pub fn of_file(model: &ModelDirectory, limits: Limits, kind: ScorerKind) -> Vec<Finding> {
    let bytes = model.ranker.len() as u64;
    let mut findings = vec![at_most("size", bytes as f64, limits.bytes as f64, "bytes")];
    let opened = Schema::from_json(&model.schema)
        .map_err(anyhow::Error::from)
        .and_then(|schema| Ok((kind.open(&model.ranker, &schema)?, schema)));
    let timed = opened.and_then(|(mut scorer, schema)| median(scorer.as_mut(), &schema));
    let (passed, detail) = match &timed {
        Ok(_) => (true, "the core reads it, and it fits its schema".to_owned()),
        Err(error) => (false, format!("{error:#}")),
    };
    findings.push(Finding { check: "operators", passed, value: None, limit: None, interval: None, detail });
    if let Ok(milliseconds) = timed {
        findings.push(at_most("latency", milliseconds, limits.milliseconds, "ms"));
    }
    findings
}

/// Whether the folder holds the files that its card tells of. Without a card a model passes: then nobody can say what it
/// learned from, and reports of the judge say so.
#[must_use]
pub fn of_card(folder: &Path) -> Finding {
    let compared = Card::read(folder).and_then(|card| card.map(|card| card.describes(folder)).transpose());
    let (passed, detail) = match compared {
        Ok(Some(())) => (true, "the files are those that the card tells of".to_owned()),
        Ok(None) => (true, "there is no card: what the model learned from is not known".to_owned()),
        Err(error) => (false, format!("{error:#}")),
    };
    Finding { check: "card", passed, value: None, limit: None, interval: None, detail }
}

/// Quality that nobody looked at, and why.
#[must_use]
pub fn no_quality(reason: &str) -> Finding {
    Finding {
        check: "quality",
        passed: true,
        value: None,
        limit: None,
        interval: None,
        detail: format!("not looked at: {reason}"),
    }
}

fn at_most(check: &'static str, value: f64, limit: f64, unit: &str) -> Finding {
    let passed = value <= limit;
    let detail = match passed {
        true => format!("{value:.3} {unit}, allowed are {limit}"),
        false => format!("{value:.3} {unit}, {:.3} more than the {limit} allowed", value - limit),
    };
    Finding { check, passed, value: Some(value), limit: Some(limit), interval: None, detail }
}

/// Milliseconds of one scoring of a prepared pack, the median of many.
fn median(scorer: &mut dyn Scorer, schema: &Schema) -> anyhow::Result<f64> {
    let mut inputs = Inputs::zeros(schema, CANDIDATES);
    inputs.mask.fill(1.0);
    scorer.prepare(&inputs)?;
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..WARM_UP + RUNS {
        let begun = Instant::now();
        scorer.score(&inputs, &mut Budget::unlimited())?;
        if run >= WARM_UP {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// NDCG@10 of the model beside the served one's, from replays of the same sessions with the engine's own row alone. It falls
/// short when it is below with 95 %.
#[must_use]
pub fn quality(model: &Tally, served: &Tally) -> Finding {
    let pair = |person: &u64| Some(vec![model.people.get(person)?[0], served.people.get(person)?[0]]);
    let units: Vec<_> = model.people.keys().filter_map(pair).collect();
    let figures = Figures::<COUNT>::new(&units, 2);
    let of = |row| figures.value(row, Metric::Ndcg10);
    let (Some(value), Some(limit), Some((low, high))) =
        (of(0), of(1), figures.difference(0, 1, Metric::Ndcg10))
    else {
        let detail = "no question was asked of both".to_owned();
        return Finding { check: "quality", passed: false, value: None, limit: None, interval: None, detail };
    };
    let detail = format!(
        "NDCG@10 {value:.4}, the served model's {limit:.4}: {:+.4} [{low:+.4}, {high:+.4}] by {} people",
        value - limit,
        units.len()
    );
    Finding {
        check: "quality",
        passed: high >= 0.0,
        value: Some(value),
        limit: Some(limit),
        interval: Some((low, high)),
        detail,
    }
}

/// The document that `segue model check --json` writes.
#[must_use]
pub fn json(model: &Path, findings: &[Finding]) -> serde_json::Value {
    serde_json::json!({
        "model": model,
        "accepted": findings.iter().all(|finding| finding.passed),
        "checks": findings,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::catalog::Rule;
    use crate::evaluate::metrics::NOTHING;
    use crate::towers::samples;

    fn tally(value: impl Fn(u64) -> f64) -> Tally {
        let mut tally = Tally::default();
        for person in 0..60 {
            let mut parts = NOTHING;
            parts[Metric::Ndcg10.place()] = (value(person), 1.0);
            tally.add(person, &[parts]);
        }
        tally
    }

    #[test]
    fn a_worse_model_is_refused_with_by_how_much_and_an_equal_one_is_not() {
        let noise = |person: u64| 0.01 * (person % 7) as f64;
        let served = tally(|person| 0.5 + noise(person));
        let worse = quality(&tally(|person| 0.4 + noise(person + 3)), &served);
        assert!(!worse.passed && worse.detail.contains("-0.1"), "{worse:?}");
        assert!(worse.interval.is_some_and(|(low, high)| low < -0.09 && high < 0.0), "{worse:?}");
        assert!(quality(&tally(|person| 0.5 + noise(person + 3)), &served).passed);
        assert!(!quality(&Tally::default(), &served).passed);
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn the_demos_model_is_small_enough_and_a_tighter_limit_says_what_is_missing() {
        let limits = Limits { bytes: 500_000, milliseconds: 1e6 };
        let found = of_file(&ModelDirectory::demo(), limits, ScorerKind::Core);
        assert!(found.len() == 3 && found.iter().all(|finding| finding.passed), "{found:?}");
        let found = of_file(&ModelDirectory::demo(), Limits { bytes: 10, ..limits }, ScorerKind::Core);
        assert!(!found[0].passed && found[0].detail.contains("more than the 10 allowed"), "{found:?}");
    }

    #[test]
    fn files_that_were_changed_after_the_training_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in ModelDirectory::demo().files() {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let found = of_card(folder.path());
        assert!(found.passed && found.detail.contains("no card"), "{found:?}");
        let (dataset, rule) = (samples::catalogue().dataset, Rule::LeaveOneOut);
        let card =
            Card::of(folder.path(), &dataset, rule, "", Duration::ZERO, serde_json::Value::Null).unwrap();
        card.write(folder.path()).unwrap();
        assert!(of_card(folder.path()).passed);
        std::fs::write(folder.path().join("ranker.onnx"), "another").unwrap();
        let found = of_card(folder.path());
        assert!(!found.passed && found.detail.contains("ranker.onnx has 7 bytes"), "{found:?}");
    }

    /// What is refused of the demo's model after a change.
    #[cfg(feature = "ranker")]
    fn refused(milliseconds: f64, change: impl FnOnce(&mut ModelDirectory)) -> Vec<Finding> {
        let mut model = ModelDirectory::demo();
        change(&mut model);
        let found = of_file(&model, Limits { bytes: 500_000, milliseconds }, ScorerKind::Core);
        let is_accepted = json(Path::new("m"), &found)["accepted"] == true;
        let refused: Vec<Finding> = found.into_iter().filter(|finding| !finding.passed).collect();
        assert_eq!(is_accepted, refused.is_empty(), "{refused:?}");
        refused
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn a_ranker_whose_shapes_are_not_its_schemas_is_refused_with_those_that_are_wanted() {
        let without_the_last = |table: &str| {
            refused(1e6, |model| {
                let mut schema: serde_json::Value = serde_json::from_slice(&model.schema).unwrap();
                schema[table].as_array_mut().unwrap().pop();
                model.schema = schema.to_string().into_bytes().into();
            })
        };
        let schema = Schema::from_json(&ModelDirectory::demo().schema).unwrap();
        let wanted = [
            ("candidate", format!("\"candidates\" is no f32 [None, Some({})]", schema.candidate_width() - 1)),
            ("live", format!("\"live\" is no f32 [None, Some({})]", schema.live_width() - 1)),
            ("heads", format!("the schema has {} heads", schema.heads.len() - 1)),
        ];
        for (table, wanted) in wanted {
            let found = without_the_last(table);
            assert_eq!(found.len(), 1, "{table}: {found:?}");
            assert_eq!((found[0].check, found[0].value), ("operators", None), "{table}");
            let detail = &found[0].detail;
            assert!(detail.contains("model_inputs_mismatch") && detail.contains(&wanted), "{detail}");
        }
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn an_operator_that_the_core_does_not_know_is_refused_by_name() {
        // The operator's name as its node's field 4, with its length; another one of four letters takes its place.
        let field = b"\x22\x04Tanh";
        let found = refused(1e6, |model| {
            let bytes = model.ranker.to_mut();
            let at = bytes.windows(field.len()).position(|part| part == field).unwrap();
            bytes[at + 2..at + field.len()].copy_from_slice(b"Sinh");
        });
        assert_eq!(found.len(), 1, "{found:?}");
        let detail = &found[0].detail;
        assert!(detail.contains("model_operator_unknown") && detail.contains("Sinh"), "{detail}");
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn a_ranker_that_is_too_slow_is_refused_with_what_it_took_and_by_how_much_that_is_too_long() {
        let found = refused(0.0, |_| ());
        assert_eq!((found.len(), found[0].check, found[0].limit), (1, "latency", Some(0.0)), "{found:?}");
        let took = found[0].value.unwrap();
        let wanted = format!("{took:.3} ms, {took:.3} more than the 0 allowed");
        assert!(took > 0.0 && found[0].detail == wanted, "{found:?}");
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn a_model_that_the_core_does_not_read_is_refused_and_not_timed() {
        let damaged = ModelDirectory { ranker: b"no model".as_slice().into(), ..ModelDirectory::demo() };
        let limits = Limits { bytes: 500_000, milliseconds: 1e6 };
        let found = of_file(&damaged, limits, ScorerKind::Core);
        assert!(found.len() == 2 && !found[1].passed, "{found:?}");
        assert_eq!(json(Path::new("m"), &found)["accepted"], false);
    }
}

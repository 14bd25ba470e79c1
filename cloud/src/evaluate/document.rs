//! The findings as JSON: every figure with its interval, and for each that is `null` the reason.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Report;
use super::bootstrap::Interval;
use super::heads::Probability;
use super::methods::OURS;
use super::metrics::Metric;
use super::report::Head;

/// Figures of a row that have no interval.
const COVERAGE: [&str; 2] = ["coverage", "coverage_tail_creators"];

impl Report {
    /// The document that `--json` writes.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all = self.what_was_judged();
        let gap = self.gap();
        let ends = gap.map(|(_, interval)| interval);
        let measure = if self.head.truth { "utility10" } else { "ndcg10" };
        let heads = self.tally.heads.probabilities();
        let watch = self.tally.heads.watch_seconds().ok();
        let watch_interval = watch.and_then(|found| found.interval);
        all.extend([
            ("gap_closed_after_5".to_owned(), json!(gap.map(|(gap, _)| gap))),
            ("gap_low".to_owned(), json!(ends.map(|(low, _)| low))),
            ("gap_high".to_owned(), json!(ends.map(|(_, high)| high))),
            ("gap_measured_by".to_owned(), json!(measure)),
            ("heads".to_owned(), heads.into_iter().map(|(name, found)| (name, found.map(head))).collect()),
            ("watch_seconds_mae_of_median".to_owned(), json!(watch.map(|found| found.error_of_median))),
            ("rows".to_owned(), self.json_rows()),
            ("reasons".to_owned(), json!(self.reasons())),
        ]);
        put(&mut all, "watch_seconds_mae", watch.map(|found| found.error), watch_interval);
        put(&mut all, "recall_at_100", self.recall.value(0, 0_usize), self.recall.interval(0, 0_usize));
        Value::Object(all)
    }

    fn what_was_judged(&self) -> Map<String, Value> {
        let Head { dataset, split, model, trained_until, scorer, .. } = &self.head;
        let (steps, sessions, in_pack) = self.counts();
        Map::from_iter([
            ("dataset".to_owned(), json!(dataset)),
            ("split".to_owned(), split.clone()),
            ("model".to_owned(), json!(model)),
            ("trained_until".to_owned(), json!(trained_until.ok())),
            ("scorer".to_owned(), json!(scorer)),
            ("sessions".to_owned(), json!(sessions)),
            ("people".to_owned(), json!(self.people)),
            ("steps".to_owned(), json!(steps)),
            ("in_pack".to_owned(), json!(in_pack)),
            ("skipped".to_owned(), json!(self.skipped())),
        ])
    }

    fn json_rows(&self) -> Value {
        let with = self.rows.names.iter().enumerate().map(|(place, name)| self.row(place, name));
        let without = self.rows.without.iter().map(|(name, reason)| empty_row(name, reason));
        with.chain(without).collect()
    }

    fn row(&self, place: usize, name: &str) -> Value {
        let mut row = Map::from_iter([("method".to_owned(), name.into())]);
        let mut reasons = Map::new();
        for (metric, key) in Metric::ALL {
            let value = self.figures.value(place, metric);
            put(&mut row, key, value, self.figures.interval(place, metric));
            let difference = if name == OURS { None } else { self.difference(place, metric) };
            row.insert(format!("diff_{key}"), json!(difference));
            if value.is_none() && self.figures.value(0, metric).is_some() {
                reasons.insert(key.to_owned(), reason(metric).into());
            }
        }
        let (items, creators) = self.coverage.get(place).copied().unzip();
        for (key, value) in COVERAGE.into_iter().zip([items, creators.flatten()]) {
            row.insert(key.to_owned(), json!(value));
        }
        row.insert("reasons".into(), Value::Object(reasons));
        Value::Object(row)
    }

    /// Why figures are missing from every row.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, &'static str> {
        let mut reasons = BTreeMap::new();
        let mut note = |key: &str, reason| reasons.extend([(key.to_owned(), reason)]);
        for (metric, key) in Metric::ALL {
            if self.figures.value(0, metric).is_none() {
                note(key, reason(metric));
            }
        }
        if let Err(reason) = self.head.trained_until {
            note("trained_until", reason);
        }
        if self.gap().is_none() {
            note("gap_closed_after_5", self.no_gap());
        }
        if self.recall.value(0, 0_usize).is_none() {
            note("recall_at_100", "candidates were given, or nobody known was judged: nothing was retrieved");
        }
        if let Err(reason) = self.tally.heads.watch_seconds() {
            note("watch_seconds_mae", reason);
        }
        if self.coverage.iter().all(|(_, creators)| creators.is_none()) {
            note(COVERAGE[1], "no creator is outside the most popular 1 %");
        }
        let heads = self.tally.heads.probabilities();
        if heads.is_empty() {
            note("heads", "there is no ranker");
        }
        for (head, _) in heads.into_iter().filter(|(_, found)| found.is_none()) {
            note(&format!("heads.{head}"), "the log does not tell what became of what it says of one item");
        }
        reasons
    }

    fn no_gap(&self) -> &'static str {
        match self.figures.value(0, Metric::AfterFive) {
            Some(_) => "the ceiling is not above the pack's order with 95 %",
            None => reason(Metric::AfterFive),
        }
    }
}

/// A row without figures.
fn empty_row(name: &str, reason: &str) -> Value {
    let mut row = Map::from_iter([("method".to_owned(), name.into()), ("reason".to_owned(), reason.into())]);
    for (_, key) in Metric::ALL {
        put(&mut row, key, None, None);
        row.insert(format!("diff_{key}"), Value::Null);
    }
    row.extend(COVERAGE.map(|key| (key.to_owned(), Value::Null)));
    Value::Object(row)
}

/// Writes a figure and the ends of its interval.
fn put(row: &mut Map<String, Value>, key: &str, value: Option<f64>, interval: Option<Interval>) {
    row.insert(key.to_owned(), json!(value));
    row.insert(format!("{key}_low"), json!(interval.map(|(low, _)| low)));
    row.insert(format!("{key}_high"), json!(interval.map(|(_, high)| high)));
}

fn head(found: Probability) -> Value {
    let mut head = Map::from_iter([
        ("answers".to_owned(), json!(found.answers)),
        ("share".to_owned(), json!(found.share)),
        ("log_loss_of_share".to_owned(), json!(found.log_loss_of_share)),
    ]);
    put(&mut head, "log_loss", Some(found.log_loss), found.log_loss_interval);
    put(&mut head, "calibration_error", Some(found.calibration_error), found.calibration_interval);
    Value::Object(head)
}

fn reason(metric: Metric) -> &'static str {
    match metric {
        Metric::Auc | Metric::Gauc => "no list holds something that did well and something refused",
        Metric::AucWatch => "no such pair has a playing time",
        Metric::SkipRate5 => "nothing is known of any item in a first five",
        Metric::Diversity10 => "no list has two items",
        Metric::Novelty10 => "every list is empty",
        Metric::Utility10 => "the hidden truth is not known; generated data has it, --truth names it",
        Metric::AfterFive => "no question comes after five events",
        Metric::PopularityLift10 => "nothing that was right did well before",
        _ => "there was no question",
    }
}

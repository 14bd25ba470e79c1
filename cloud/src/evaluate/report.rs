//! The judge's findings, as JSON, as a table and as pictures.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::bootstrap::{Figures, Interval};
use super::methods::{OURS, RECOMPUTE, Rows, STATIC};
use super::metrics::{COUNT, Metric};
use super::tally::Tally;
use super::{chart, table};
use crate::catalog::Catalogue;

/// Creators are in the tail when they are not among this share, by popularity.
const TOP_CREATORS: f64 = 0.01;

/// What was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Name of the data set.
    pub dataset: String,
    /// How events were divided into training and held out.
    pub split: Value,
    /// The model: its hash, `demo` or `none`.
    pub model: String,
    /// Nothing from this time on was known to the model, in milliseconds since 1970; none without a clock.
    pub trained_until: Option<i64>,
    /// What ran the ranker: `core` or `ort`.
    pub scorer: &'static str,
    /// The gap is measured by the hidden truth.
    pub truth: bool,
}

/// What a replay found.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was judged.
    pub head: Head,
    pub(super) rows: Rows,
    pub(super) figures: Figures<COUNT>,
    pub(super) people: usize,
    tally: Tally,
    /// Shares of the catalogue and of the tail's creators that each row showed.
    coverage: Vec<(f64, Option<f64>)>,
}

impl Report {
    /// The report of what was counted.
    #[must_use]
    pub fn new(head: Head, rows: Rows, catalogue: &Catalogue, tally: Tally) -> Self {
        let units = tally.units();
        let coverage = tally.shown.iter().map(|shown| coverage(catalogue, shown)).collect();
        let figures = Figures::new(&units, rows.names.len());
        Self { head, rows, figures, people: units.len(), tally, coverage }
    }

    /// The share of the way from the pack's order to the ceiling that the live session goes, with its interval.
    #[must_use]
    pub fn gap(&self) -> Option<(f64, Interval)> {
        let place = |name| self.rows.place(name);
        self.figures.gap(place(OURS)?, place(STATIC)?, place(RECOMPUTE)?, Metric::AfterFive)
    }

    /// Questions asked, sessions, and the share of questions with something right among the candidates.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, f64) {
        let Tally { steps, sessions, in_pack, .. } = self.tally;
        (steps, sessions, in_pack as f64 / steps.max(1) as f64)
    }

    /// What was left out, by reason.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<&'static str, usize> {
        &self.tally.skipped
    }

    /// The document that `--json` writes.
    #[must_use]
    pub fn json(&self) -> Value {
        let Head { dataset, split, model, trained_until, scorer, truth } = &self.head;
        let (steps, sessions, in_pack) = self.counts();
        let gap = self.gap();
        let (found, wanted) = self.tally.retrieved;
        json!({
            "dataset": dataset,
            "split": split,
            "model": model,
            "trained_until": trained_until,
            "scorer": scorer,
            "sessions": sessions,
            "people": self.people,
            "steps": steps,
            "in_pack": in_pack,
            "skipped": self.tally.skipped,
            "gap_closed_after_5": gap.map(|(gap, _)| gap),
            "gap_low": gap.map(|(_, (low, _))| low),
            "gap_high": gap.map(|(_, (_, high))| high),
            "gap_measured_by": if *truth { "utility10" } else { "ndcg10" },
            "recall_at_100": (wanted > 0).then(|| found as f64 / wanted as f64),
            "heads": self.tally.heads.figures(),
            "rows": self.rows(),
            "reasons": self.reasons(),
        })
    }

    fn rows(&self) -> Vec<Value> {
        let with = self.rows.names.iter().enumerate().map(|(place, name)| self.row(place, name));
        let without = self.rows.without.iter().map(|(name, reason)| self.empty_row(name, reason));
        with.chain(without).collect()
    }

    fn row(&self, place: usize, name: &str) -> Value {
        let mut row = Map::from_iter([("method".to_owned(), name.into())]);
        for (metric, key) in Metric::ALL {
            let (low, high) = self.figures.interval(place, metric).unzip();
            row.insert(key.to_owned(), json!(self.figures.value(place, metric)));
            row.insert(format!("{key}_low"), json!(low));
            row.insert(format!("{key}_high"), json!(high));
            let difference = if name == OURS { None } else { self.difference(place, metric) };
            row.insert(format!("diff_{key}"), json!(difference));
        }
        let (items, creators) = self.coverage.get(place).copied().unzip();
        row.insert("coverage".to_owned(), json!(items));
        row.insert("coverage_tail_creators".to_owned(), json!(creators.flatten()));
        Value::Object(row)
    }

    fn empty_row(&self, name: &str, reason: &str) -> Value {
        let mut row =
            Map::from_iter([("method".to_owned(), name.into()), ("reason".to_owned(), reason.into())]);
        for (_, key) in Metric::ALL {
            for key in [key.to_owned(), format!("{key}_low"), format!("{key}_high"), format!("diff_{key}")] {
                row.insert(key, Value::Null);
            }
        }
        Value::Object(row)
    }

    /// The interval of our figure less that of a row.
    pub(super) fn difference(&self, place: usize, metric: Metric) -> Option<Interval> {
        self.figures.difference(self.rows.place(OURS)?, place, metric)
    }

    /// Why figures are missing from every row.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<&'static str, &'static str> {
        let mut reasons = BTreeMap::new();
        for (metric, key) in Metric::ALL {
            if self.figures.value(0, metric).is_none() {
                reasons.insert(key, reason(metric));
            }
        }
        if self.gap().is_none() {
            reasons.insert("gap_closed_after_5", "the ceiling is not above the pack's order with 95 %");
        }
        if self.tally.retrieved.1 == 0 {
            reasons.insert(
                "recall_at_100",
                "candidates were given, or nobody known was judged: nothing was retrieved",
            );
        }
        if self.tally.heads.figures().is_empty() {
            reasons.insert("heads", "no ranker answered about an item with a known outcome");
        }
        reasons.insert("watch_seconds_mae", "the ranker has no head watch_seconds");
        reasons
    }

    /// Writes `report.md` and the pictures into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut files = vec![("report.md".to_owned(), self.markdown())];
        for (metric, key) in
            [(Metric::Ndcg10, "ndcg10"), (Metric::Auc, "auc"), (Metric::Utility10, "utility10")]
        {
            if self.figures.value(0, metric).is_some() {
                files.push((format!("{key}.svg"), chart::svg(self, metric, key)));
            }
        }
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {} judged with model {}\n\n", self.head.dataset, self.head.model);
        let _ = writeln!(text, "{}\n", table::counts(self));
        text.push_str(&table::markdown(self));
        for line in table::verdicts(self).lines() {
            let _ = write!(text, "\n- {line}");
        }
        for (key, reason) in self.reasons() {
            let _ = write!(text, "\n- `{key}`: {reason}");
        }
        text + "\n"
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&table::plain(self))
    }
}

fn reason(metric: Metric) -> &'static str {
    match metric {
        Metric::Auc | Metric::Gauc => "no list holds something that did well and something refused",
        Metric::AucWatch => "no such pair has a playing time",
        Metric::SkipRate5 => "nothing is known of any item in a first five",
        Metric::Utility10 => "the hidden truth is not known; generated data has it, --truth names it",
        Metric::AfterFive => "no question comes after five events",
        Metric::PopularityLift10 => "nothing that was right did well before",
        _ => "there was no question",
    }
}

/// The share of the items shown, and of the creators outside of the most popular 1 % that were shown.
fn coverage(catalogue: &Catalogue, shown: &[bool]) -> (f64, Option<f64>) {
    let items = shown.iter().filter(|shown| **shown).count() as f64 / shown.len().max(1) as f64;
    let mut plays: HashMap<&str, (usize, bool)> = HashMap::new();
    for (item, shown) in catalogue.items.iter().zip(shown) {
        if !item.creator.is_empty() {
            plays.entry(&item.creator).or_default().1 |= shown;
        }
    }
    for item in catalogue.event_items.iter().flatten() {
        if let Some(creator) = plays.get_mut(catalogue.items[*item as usize].creator.as_str()) {
            creator.0 += 1;
        }
    }
    let mut creators: Vec<(usize, bool)> = plays.into_values().collect();
    creators.sort_unstable_by(|one, other| other.cmp(one));
    let tail = &creators[(creators.len() as f64 * TOP_CREATORS).ceil() as usize..];
    let share = || tail.iter().filter(|(_, shown)| *shown).count() as f64 / tail.len() as f64;
    (items, (!tail.is_empty()).then(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::NOTHING;
    use crate::towers::samples;

    pub(in crate::evaluate) fn report() -> Report {
        let rows = Rows::new(false, false, Some("none"));
        let mut tally = Tally::default();
        for person in 0..40 {
            let row = |place: usize| {
                let mut parts = NOTHING;
                let value = 0.1 * (11 - place) as f64 + 0.01 * (person % 5) as f64;
                parts[Metric::Ndcg10.place()] = (value, 1.0);
                parts[Metric::AfterFive.place()] = (if place == 9 { 2.0 } else { value }, 1.0);
                parts
            };
            tally.add(person, &(0..rows.names.len()).map(row).collect::<Vec<_>>());
        }
        tally.steps = 40;
        tally.in_pack = 10;
        (0..rows.names.len())
            .for_each(|row| tally.show(row, rows.names.len(), samples::ITEMS, &[row as u32]));
        let head = Head {
            dataset: "made".into(),
            split: json!({"rule": "leave_one_out"}),
            model: "none".into(),
            trained_until: None,
            scorer: "ort",
            truth: false,
        };
        Report::new(head, rows, &samples::catalogue(), tally)
    }

    #[test]
    fn the_document_has_the_keys_that_others_read() {
        let json = report().json();
        for key in ["dataset", "split", "model", "scorer", "sessions", "skipped", "gap_low", "gap_high"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!((&json["steps"], &json["in_pack"]), (&json!(40), &json!(0.25)));
        assert_eq!(json["rows"][0]["method"], "segue");
        let fixed = &json["rows"][1];
        assert!((fixed["diff_ndcg10"][0].as_f64().unwrap() - 0.1).abs() < 1e-9, "{fixed}");
        assert!(fixed["ndcg10_low"].as_f64() < fixed["ndcg10"].as_f64());
        assert_eq!((&fixed["auc"], &fixed["diff_auc"]), (&Value::Null, &Value::Null));
        assert!(json["reasons"]["auc"].is_string());
        assert!(json["gap_closed_after_5"].as_f64().unwrap() < 0.2);
    }

    #[test]
    fn a_row_without_meaning_is_null_with_its_reason() {
        let json = report().json();
        let rows = json["rows"].as_array().unwrap();
        let recent = rows.iter().find(|row| row["method"] == "recent_popular").unwrap();
        assert_eq!(recent["ndcg10"], Value::Null);
        assert_eq!(recent["reason"], "the data has no clock");
    }

    #[test]
    fn the_table_and_the_pictures_are_written() {
        let folder = tempfile::tempdir().unwrap();
        report().write(&folder.path().join("out")).unwrap();
        let text = std::fs::read_to_string(folder.path().join("out/report.md")).unwrap();
        assert!(text.contains("| segue |") && text.contains("| oracle |"), "{text}");
        assert!(text.contains("NDCG@10: `segue` is above static, popular"), "{text}");
        let svg = std::fs::read_to_string(folder.path().join("out/ndcg10.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("item_knn"), "{svg}");
        assert!(report().to_string().contains("segue"));
    }

    #[test]
    fn the_tail_is_everybody_but_the_most_popular_hundredth() {
        let mut shown = vec![false; samples::ITEMS];
        shown[0] = true;
        shown[11] = true;
        let (items, creators) = coverage(&samples::catalogue(), &shown);
        assert!((items - 2.0 / 12.0).abs() < 1e-12);
        assert!(creators.unwrap() > 0.0 && creators.unwrap() < 0.5);
    }
}

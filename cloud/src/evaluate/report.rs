//! The judge's findings, as JSON, as a table and as pictures.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::bootstrap::{Figures, Interval};
use super::chart::{self, Bar};
use super::methods::{OURS, RECOMPUTE, Rows, STATIC};
use super::metrics::{COUNT, Metric};
use super::table;
use super::tally::Tally;
use crate::catalog::Catalogue;

/// Creators are in the tail when they are not among this share, by popularity.
const TOP_CREATORS: f64 = 0.01;

/// Figures that are drawn.
const PICTURES: [(Metric, &str); 4] = [
    (Metric::Ndcg10, "ndcg10"),
    (Metric::Auc, "auc"),
    (Metric::Utility10, "utility10"),
    (Metric::AfterFive, "after_5"),
];

/// What was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Name of the data set.
    pub dataset: String,
    /// How events were divided into training and held out.
    pub split: Value,
    /// The model: its hash, `demo` or `none`.
    pub model: String,
    /// The model learned from nothing from this time on, in milliseconds since 1970; else why there is no such time.
    pub trained_until: Result<i64, &'static str>,
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
    pub(super) tally: Tally,
    /// Share of what was really played in a session that was among the 100 items retrieved before it.
    pub(super) recall: Figures<1>,
    /// Shares of the catalogue and of the tail's creators that each row showed.
    pub(super) coverage: Vec<(f64, Option<f64>)>,
}

impl Report {
    /// The report of what was counted.
    #[must_use]
    pub fn new(head: Head, rows: Rows, catalogue: &Catalogue, tally: Tally) -> Self {
        let units = tally.units();
        let coverage = tally.shown.iter().map(|shown| coverage(catalogue, shown)).collect();
        let figures = Figures::new(&units, rows.names.len());
        let retrieved: Vec<_> = tally.retrieved.values().map(|part| vec![[*part]]).collect();
        let recall = Figures::new(&retrieved, 1);
        Self { head, rows, figures, people: units.len(), tally, recall, coverage }
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

    /// The interval of our figure less that of a row.
    pub(super) fn difference(&self, place: usize, metric: Metric) -> Option<Interval> {
        self.figures.difference(self.rows.place(OURS)?, place, metric)
    }

    /// Writes `report.md` and the pictures into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut files = vec![("report.md".to_owned(), self.markdown())];
        for (metric, key) in PICTURES {
            if self.figures.value(0, metric).is_some() {
                let heading = format!("{}: {key}, 95 % intervals by person", self.head.dataset);
                files.push((format!("{key}.svg"), chart::svg(&heading, &self.bars(metric))));
            }
        }
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn bars(&self, metric: Metric) -> Vec<Bar> {
        let bar = |(place, name): (usize, &&str)| {
            let value = self.figures.value(place, metric)?;
            let interval = self.figures.interval(place, metric)?;
            Some(Bar { name: (*name).to_owned(), value, interval, is_ours: *name == OURS })
        };
        self.rows.names.iter().enumerate().filter_map(bar).collect()
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
        text.push('\n');
        text.push_str(&table::heads(self));
        text.push_str("\n## All figures\n\n");
        text.push_str(&table::figures(self));
        text
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&table::plain(self))
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
    use segue_core::features::{Calibration, Head as Named, HeadKind};
    use serde_json::json;

    use super::*;
    use crate::evaluate::heads::WATCH_SECONDS;
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
            trained_until: Err("no model was trained"),
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
    fn every_null_has_its_reason() {
        let json = report().json();
        for key in ["trained_until", "recall_at_100", "watch_seconds_mae", "heads", "utility10", "auc_watch"]
        {
            assert!(json["reasons"][key].is_string(), "{key}: {}", json["reasons"]);
        }
        for key in ["trained_until", "recall_at_100", "recall_at_100_low", "watch_seconds_mae"] {
            assert_eq!(json.get(key), Some(&Value::Null), "{key}");
        }
        for row in json["rows"].as_array().unwrap() {
            let nulls =
                row.as_object().unwrap().iter().filter(|(key, value)| value.is_null() && !key.contains('_'));
            for (key, _) in nulls {
                let told = [&row["reason"], &row["reasons"][key], &json["reasons"][key]];
                assert!(told.iter().any(|reason| reason.is_string()), "{key} of {}", row["method"]);
            }
            assert!(row.get("coverage_tail_creators").is_some());
        }
    }

    #[test]
    fn the_report_shows_every_figure_and_what_the_heads_are_worth() {
        let mut report = report();
        let watch =
            Named { name: WATCH_SECONDS.into(), kind: HeadKind::Amount, calibration: Calibration::None };
        let complete = Named { name: "complete".into(), kind: HeadKind::Probability, ..watch.clone() };
        for person in 0..9 {
            report.tally.heads.add(&watch, person, 50.0, 40.0 + person as f32);
            report.tally.heads.add(&complete, person, 0.5, (person % 2) as f32);
        }
        let text = report.markdown();
        assert!(text.contains("| method | ndcg10 |") && text.contains("| of tail creators |"), "{text}");
        assert!(text.contains("| complete | 9 |") && text.contains("absolute error 6.0000 ["), "{text}");
        // What stands before this heading is what `docs/QUALITY.md` shows.
        let (shown, rest) = text.split_once("\n## All figures\n").unwrap();
        assert!(shown.contains("\n\n| head | answers |") && shown.contains("\n\nWatch time: "), "{text}");
        assert!(!rest.contains("| head |"), "{text}");
        let json = report.json();
        assert_eq!(
            (&json["watch_seconds_mae"], &json["heads"]["complete"]["answers"]),
            (&json!(6.0), &json!(9))
        );
        assert!(json["watch_seconds_mae_low"].as_f64() < Some(6.0) && json["reasons"]["heads"].is_null());
    }

    #[test]
    fn the_recall_of_retrieval_stands_above_the_table_where_there_is_one() {
        let mut report = report();
        assert!(!report.markdown().contains("Recall@100"), "nothing was retrieved");
        report.recall = Figures::new(&[vec![[(3.0, 4.0)]]], 1);
        let text = report.markdown();
        let (above, _) = text.split_once("\n| method |").unwrap();
        assert!(above.ends_with("Recall@100 of what was played: 0.750 [0.750, 0.750].\n"), "{above}");
        assert_eq!(report.json()["recall_at_100"], json!(0.75));
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

//! What was estimated, as JSON, as a table and as a picture.

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::{Estimate, FIGURES};
use crate::evaluate::chart::{self, Bar};
use crate::evaluate::tasks::Skipped;

/// Why a log of impressions has none of a replay's figures.
const NO_SESSIONS: &str = "the log tells probabilities of impressions and has no sessions to replay";
/// Keys of a replay that have no meaning here.
const OF_A_REPLAY: [&str; 12] = [
    "split",
    "model",
    "trained_until",
    "scorer",
    "sessions",
    "people",
    "steps",
    "in_pack",
    "gap_closed_after_5",
    "gap_low",
    "gap_high",
    "heads",
];

/// What policies would have earned on a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Name of the data set.
    pub dataset: String,
    /// Every policy on every log.
    pub estimates: Vec<Estimate>,
    /// Impressions left out, by reason.
    pub skipped: Skipped,
}

impl Report {
    /// The document that `--json` writes.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut all: Map<String, Value> =
            OF_A_REPLAY.map(|key| (key.to_owned(), Value::Null)).into_iter().collect();
        let reasons: Map<String, Value> =
            OF_A_REPLAY.map(|key| (key.to_owned(), NO_SESSIONS.into())).into_iter().collect();
        all.extend([
            ("dataset".to_owned(), json!(self.dataset)),
            ("skipped".to_owned(), json!(self.skipped)),
            ("rows".to_owned(), self.estimates.iter().map(row).collect()),
            ("reasons".to_owned(), Value::Object(reasons)),
        ]);
        Value::Object(all)
    }

    /// Writes `report.md` and a picture of the doubly robust estimates into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let heading = format!("{}: clicks per impression, doubly robust, 95 % intervals", self.dataset);
        let text = format!("# {}, off policy\n\n{}\n\n{}", self.dataset, self.about(), self.table());
        for (name, text) in [("report.md", text), ("dr.svg", chart::svg(&heading, &self.bars()))] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn about(&self) -> String {
        format!(
            "Clicks per 1,000 impressions, 95 % intervals by impression; `worth` is the effective number of impressions. \
             Left out: {:?}.",
            self.skipped
        )
    }

    fn bars(&self) -> Vec<Bar> {
        let bar = |one: &Estimate| {
            let [_, _, robust, _] = one.figures;
            let (value, low, high) = robust?;
            let name = format!("{}, {}: {}", one.log.0, one.log.1, one.policy);
            Some(Bar { name, value, interval: (low, high), is_ours: false })
        };
        self.estimates.iter().filter_map(bar).collect()
    }

    /// In Markdown, clicks per thousand impressions.
    fn table(&self) -> String {
        let figure = |figure: &Option<(f64, f64, f64)>| {
            let shown = |(value, low, high): (f64, f64, f64)| {
                format!("{:.2} [{:.2}, {:.2}]", value * 1e3, low * 1e3, high * 1e3)
            };
            figure.map_or_else(|| "-".into(), shown)
        };
        let mut text = String::from(
            "| campaign | logged by | policy | impressions | worth | IPS | SNIPS | DR | as logged |\n\
             |---|---|---|---|---|---|---|---|---|\n",
        );
        for one in &self.estimates {
            let figures: Vec<String> = one.figures.iter().map(figure).collect();
            let (campaign, logged_by) = &one.log;
            text += &format!(
                "| {campaign} | {logged_by} | {} | {} | {:.0} | {} |\n",
                one.policy,
                one.rounds.0,
                one.effective_rounds,
                figures.join(" | ")
            );
        }
        text
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}\n{}\n{}", self.dataset, self.about(), self.table())
    }
}

fn row(one: &Estimate) -> Value {
    let mut row = json!({
        "method": one.policy,
        "campaign": one.log.0,
        "logged_by": one.log.1,
        "rounds": one.rounds.0,
        "clicks": one.rounds.1,
        "effective_rounds": one.effective_rounds,
    });
    for (name, figure) in FIGURES.iter().zip(one.figures) {
        row[*name] = json!(figure.map(|(value, _, _)| value));
        row[format!("{name}_low")] = json!(figure.map(|(_, low, _)| low));
        row[format!("{name}_high")] = json!(figure.map(|(_, _, high)| high));
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_sessions_is_null_with_its_reason_and_the_estimates_are_drawn() {
        let figure = Some((0.005, 0.004, 0.006));
        let estimate = Estimate {
            policy: "random",
            log: ("men".into(), "bts".into()),
            rounds: (1_000, 5.0),
            effective_rounds: 650.0,
            figures: [figure, figure, figure, None],
        };
        let report = Report {
            dataset: "obd".into(),
            estimates: vec![estimate],
            skipped: [("no_propensity", 2)].into(),
        };
        let json = report.json();
        assert_eq!((&json["sessions"], &json["skipped"]["no_propensity"]), (&Value::Null, &json!(2)));
        assert!(json["reasons"]["sessions"].as_str().unwrap().contains("no sessions"));
        assert_eq!((&json["rows"][0]["dr_low"], &json["rows"][0]["logged"]), (&json!(0.004), &Value::Null));
        let folder = tempfile::tempdir().unwrap();
        report.write(folder.path()).unwrap();
        let picture = std::fs::read_to_string(folder.path().join("dr.svg")).unwrap();
        assert!(picture.contains("men, bts: random"), "{picture}");
        let text = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
        assert!(text.contains("5.00 [4.00, 6.00]") && report.to_string().contains("no_propensity"), "{text}");
    }
}

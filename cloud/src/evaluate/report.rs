//! The judge's findings, as JSON and as a table.

use std::fmt;

use serde::Serialize;

use super::Row;
use super::replay::Tally;

/// Rows in the order they are printed.
const METHODS: [&str; 3] = ["segue", "static", "popular"];

/// What was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// Name of the data set.
    pub dataset: String,
    /// How events were divided into training and held out.
    pub split: serde_json::Value,
    /// Where the model came from, or `none`.
    pub model: String,
    /// Nothing from this time on was known to packs and counts, in milliseconds since 1970.
    pub trained_until: i64,
    /// What ran the ranker: `tract` or `ort`.
    pub scorer: &'static str,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was judged.
    #[serde(flatten)]
    pub head: Head,
    /// Sessions replayed.
    pub sessions: usize,
    /// Steps judged.
    pub steps: usize,
    /// Share of steps whose target was among the candidates.
    pub in_pack: f64,
    /// One row per method.
    pub rows: Vec<Row>,
}

impl Report {
    /// The report of what was counted.
    #[must_use]
    pub fn new(head: Head, tally: &Tally) -> Self {
        Self {
            head,
            sessions: tally.sessions,
            steps: tally.steps,
            in_pack: tally.in_pack as f64 / tally.steps.max(1) as f64,
            rows: METHODS.iter().filter_map(|method| Some(tally.methods.get(method)?.row(method))).collect(),
        }
    }

    /// The row of `method`.
    #[must_use]
    pub fn row(&self, method: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.method == method)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sessions, steps) = (self.sessions, self.steps);
        let Head { dataset, model, .. } = &self.head;
        writeln!(formatter, "{dataset}: {sessions} sessions, {steps} steps, model {model}")?;
        writeln!(formatter, "targets among the candidates: {:.1} %", self.in_pack * 100.0)?;
        writeln!(formatter, "{:<10} {:>8} {:>8} {:>8} {:>8}", "method", "NDCG@10", "HR@10", "HR@30", "MRR")?;
        for row in &self.rows {
            let Row { method, ndcg10, hr10, hr30, mrr } = row;
            writeln!(formatter, "{method:<10} {ndcg10:>8.4} {hr10:>8.4} {hr30:>8.4} {mrr:>8.4}")?;
        }
        Ok(())
    }
}

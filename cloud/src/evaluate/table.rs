//! The report for people: one line for each row.

use std::fmt::Write as _;

use super::Report;
use super::bootstrap::Interval;
use super::metrics::Metric;

/// What the columns show, and how they are headed.
const COLUMNS: [(Metric, &str); 5] = [
    (Metric::Ndcg10, "NDCG@10"),
    (Metric::Hr10, "HR@10"),
    (Metric::Mrr, "MRR"),
    (Metric::Auc, "AUC"),
    (Metric::Utility10, "utility@10"),
];

/// Sessions, questions, what was left out, the gap, and what retrieval is worth.
pub(super) fn counts(report: &Report) -> String {
    let (steps, sessions, in_pack) = report.counts();
    let mut text = format!(
        "{sessions} sessions of {} people, {steps} steps, model {}; {:.1} % of the steps have something right among the \
         candidates.",
        report.people,
        report.head.model,
        in_pack * 100.0
    );
    for (reason, times) in report.skipped() {
        let _ = write!(text, " Left out: {times} x {reason}.");
    }
    match report.gap() {
        Some((gap, (low, high))) => {
            let _ = write!(text, " Gap closed after 5 events: {gap:.3} [{low:.3}, {high:.3}].");
        }
        None => text.push_str(" Gap closed after 5 events: none, the ceiling is not above the pack's order."),
    }
    let recall = (report.recall.value(0, 0_usize), report.recall.interval(0, 0_usize));
    if let (Some(recall), Some((low, high))) = recall {
        let _ = write!(text, " Recall@100 of what was played: {recall:.3} [{low:.3}, {high:.3}].");
    }
    text
}

/// Which rows are below ours with 95 %, which above, and which cannot be told apart.
pub(super) fn verdicts(report: &Report) -> String {
    let mut text = String::new();
    for (metric, name) in
        [(Metric::Ndcg10, "NDCG@10"), (Metric::Auc, "AUC"), (Metric::Utility10, "utility@10")]
    {
        let mut rows = [Vec::new(), Vec::new(), Vec::new()];
        for (place, row) in report.rows.names.iter().enumerate().skip(1) {
            match report.difference(place, metric) {
                Some((low, _)) if low > 0.0 => rows[0].push(*row),
                Some((_, high)) if high < 0.0 => rows[1].push(*row),
                Some(_) => rows[2].push(*row),
                None => {}
            }
        }
        let [below, above, like] =
            rows.map(|rows| if rows.is_empty() { "none".into() } else { rows.join(", ") });
        if report.figures.value(0, metric).is_some() {
            let _ = writeln!(
                text,
                "{name}: `segue` is above {below}; below {above}; not told apart from {like} (95 %)."
            );
        }
    }
    text
}

/// The table in columns of equal width.
pub(super) fn plain(report: &Report) -> String {
    let lines = lines(report);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = format!("{}\n", counts(report));
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    for (name, reason) in &report.rows.without {
        let _ = writeln!(text, "{name}: none, {reason}");
    }
    text + &verdicts(report) + &heads(report)
}

/// The table in Markdown.
pub(super) fn markdown(report: &Report) -> String {
    let lines = lines(report);
    let mut text = format!("| {} |\n|{}\n", lines[0].join(" | "), "---|".repeat(lines[0].len()));
    for line in &lines[1..] {
        let _ = writeln!(text, "| {} |", line.join(" | "));
    }
    for (name, reason) in &report.rows.without {
        let _ = writeln!(text, "| {name} | none: {reason} |{}", " |".repeat(lines[0].len() - 2));
    }
    text
}

/// Every figure of every row in Markdown, without intervals; figures that no row has are left out.
pub(super) fn figures(report: &Report) -> String {
    let has = |metric: Metric| {
        (0..report.rows.names.len()).any(|place| report.figures.value(place, metric).is_some())
    };
    let metrics: Vec<(Metric, &str)> = Metric::ALL.into_iter().filter(|(metric, _)| has(*metric)).collect();
    let names: Vec<&str> = metrics.iter().map(|(_, name)| *name).collect();
    let mut text = format!("| method | {} | coverage | of tail creators |\n", names.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(names.len() + 3));
    let shown = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.4}"));
    for (place, name) in report.rows.names.iter().enumerate() {
        let figures = metrics.iter().map(|(metric, _)| shown(report.figures.value(place, *metric)));
        let (items, creators) = report.coverage.get(place).copied().unzip();
        let cells: Vec<String> = figures.chain([shown(items), shown(creators.flatten())]).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// Log-loss and calibration error of the ranker's heads, and the error of its seconds, in Markdown; nothing where none
/// answered about something known.
pub(super) fn heads(report: &Report) -> String {
    let heads = &report.tally.heads;
    let mut text = String::new();
    for (name, found) in heads.probabilities() {
        let Some(found) = found else { continue };
        if text.is_empty() {
            text.push_str("\n| head | answers | share | log-loss | of the share | calibration error |\n");
            text.push_str("|---|---|---|---|---|---|\n");
        }
        let _ = writeln!(
            text,
            "| {name} | {} | {:.4} | {:.4} {} | {:.4} | {:.4} {} |",
            found.answers,
            found.share,
            found.log_loss,
            interval(found.log_loss_interval),
            found.log_loss_of_share,
            found.calibration_error,
            interval(found.calibration_interval)
        );
    }
    if let Ok(found) = heads.watch_seconds() {
        let (value, ends, constant) = (found.error, interval(found.interval), found.error_of_median);
        let _ = write!(
            text,
            "\nWatch time: mean absolute error {value:.4} {ends} s, of the median {constant:.4} s, "
        );
        let _ = writeln!(text, "over {} answers.", found.answers);
    }
    text
}

fn lines(report: &Report) -> Vec<Vec<String>> {
    let columns: Vec<(Metric, &str)> =
        COLUMNS.into_iter().filter(|(metric, _)| report.figures.value(0, *metric).is_some()).collect();
    let mut head = vec!["method".to_owned()];
    head.extend(columns.iter().map(|(_, name)| (*name).to_owned()));
    head.push("segue less row, NDCG@10".into());
    head.push("AUC".into());
    let mut lines = vec![head];
    for (place, name) in report.rows.names.iter().enumerate() {
        let mut line = vec![(*name).to_owned()];
        line.extend(columns.iter().map(|(metric, _)| figure(report, place, *metric)));
        let difference = |metric| report.difference(place, metric).filter(|_| place > 0);
        line.push(interval(difference(Metric::Ndcg10)));
        line.push(interval(difference(Metric::Auc)));
        lines.push(line);
    }
    lines
}

/// A figure, with its interval where it is what rows are compared by.
fn figure(report: &Report, place: usize, metric: Metric) -> String {
    let Some(value) = report.figures.value(place, metric) else { return "-".into() };
    let compared = matches!(metric, Metric::Ndcg10 | Metric::Auc | Metric::Utility10);
    match report.figures.interval(place, metric).filter(|_| compared) {
        Some(found) => format!("{value:.4} {}", interval(Some(found))),
        None => format!("{value:.4}"),
    }
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "-".into(), |(low, high)| format!("[{low:.4}, {high:.4}]"))
}

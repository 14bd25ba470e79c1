//! One picture for each metric: every row's figure with its interval, as SVG.

use std::fmt::Write as _;

use super::Report;
use super::metrics::Metric;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 80.0;
const TOP: f64 = 40.0;
const ROW: f64 = 24.0;
const OURS: &str = "#2563eb";
const OTHERS: &str = "#64748b";

/// A bar for each row with figures; the scale begins at the lowest figure or at 0, whichever is lower.
pub(super) fn svg(report: &Report, metric: Metric, title: &str) -> String {
    let rows: Vec<(&str, f64, (f64, f64))> = (report.rows.names.iter().enumerate())
        .filter_map(|(place, name)| {
            let value = report.figures.value(place, metric)?;
            Some((*name, value, report.figures.interval(place, metric)?))
        })
        .collect();
    let lowest = rows.iter().map(|(_, _, (low, _))| *low).fold(0.0, f64::min);
    let highest = rows.iter().map(|(_, _, (_, high))| *high).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / (highest - lowest).max(f64::MIN_POSITIVE);
    let at = |value: f64| LEFT + (value - lowest) * scale;
    let height = TOP + ROW * rows.len() as f64 + 20.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\">{}: {title}, 95 % intervals by person</text>\n",
        report.head.dataset
    );
    for (number, (name, value, (low, high))) in rows.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        let colour = if number == 0 { OURS } else { OTHERS };
        let middle = y + ROW / 2.0;
        let (zero, end) = (at(0.0_f64.max(lowest)), at(*value));
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{value:.4}</text>",
            LEFT - 8.0,
            middle + 4.0,
            zero.min(end),
            y + 4.0,
            (end - zero).abs(),
            ROW - 8.0,
            at(*low),
            at(*high),
            at(*high).max(end) + 6.0,
            middle + 4.0,
        );
    }
    text + "</svg>\n"
}

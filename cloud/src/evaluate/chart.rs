//! A picture of figures with their intervals, as SVG.

use std::fmt::Write as _;

use super::bootstrap::Interval;

/// Widths of a letter, of the longest bar, and of the room for a figure.
const LETTER: f64 = 7.0;
const BARS: f64 = 430.0;
const FIGURE: f64 = 80.0;
const TOP: f64 = 40.0;
const ROW: f64 = 24.0;
const OURS: &str = "#2563eb";
const OTHERS: &str = "#64748b";

/// One figure.
pub(super) struct Bar {
    /// What it is of.
    pub(super) name: String,
    /// The figure.
    pub(super) value: f64,
    /// Its interval.
    pub(super) interval: Interval,
    /// It is the engine's own.
    pub(super) is_ours: bool,
}

/// A bar for each figure; the scale begins at the lowest end of an interval or at 0, whichever is lower.
pub(super) fn svg(heading: &str, bars: &[Bar]) -> String {
    let lowest = bars.iter().map(|bar| bar.interval.0).fold(0.0, f64::min);
    let highest = bars.iter().map(|bar| bar.interval.1).fold(f64::MIN_POSITIVE, f64::max);
    let longest = bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0);
    let left = 30.0 + LETTER * longest as f64;
    let scale = BARS / (highest - lowest).max(f64::MIN_POSITIVE);
    let at = |value: f64| left + (value - lowest) * scale;
    let (width, height) = (left + BARS + FIGURE, TOP + ROW * bars.len() as f64 + 20.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\">{}</text>\n",
        escaped(heading)
    );
    for (number, Bar { name, value, interval: (low, high), is_ours }) in bars.iter().enumerate() {
        let y = TOP + ROW * number as f64;
        let colour = if *is_ours { OURS } else { OTHERS };
        let middle = y + ROW / 2.0;
        let name = escaped(name);
        let (zero, end) = (at(0.0_f64.max(lowest)), at(*value));
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{value:.4}</text>",
            left - 8.0,
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_below_zero_and_names_with_signs_are_drawn() {
        let bar = |name: &str, value: f64| Bar {
            name: name.into(),
            value,
            interval: (value - 0.1, value + 0.1),
            is_ours: value > 0.0,
        };
        let picture = svg("a < b", &[bar("R&B", -0.5), bar("segue", 0.5)]);
        assert!(picture.contains("a &lt; b") && picture.contains("R&amp;B"), "{picture}");
        assert!(
            picture.contains(OURS) && picture.contains(OTHERS) && !picture.contains("width=\"-"),
            "{picture}"
        );
    }
}

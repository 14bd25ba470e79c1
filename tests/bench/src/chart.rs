//! Line charts as SVG: time upwards from 0, the size along a logarithmic axis.

use std::fmt::Write as _;

/// One chart of the drawing.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) axis: &'static str,
    pub(crate) points: Vec<Point>,
}

/// What was measured at one size, in milliseconds.
pub(crate) struct Point {
    pub(crate) size: usize,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
const LINES: usize = 4;
const MEDIAN: &str = "#2563eb";
const HIGH: &str = "#dc2626";

/// The charts beside each other.
pub(crate) fn svg(charts: &[Chart]) -> String {
    let width = WIDTH * charts.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for (at, chart) in charts.iter().enumerate() {
        let _ = writeln!(text, "<g transform=\"translate({} 0)\">", WIDTH * at as f64);
        chart.draw(&mut text);
        text.push_str("</g>\n");
    }
    text + "</svg>\n"
}

impl Chart {
    fn draw(&self, text: &mut String) {
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        let _ = writeln!(text, "<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>", self.title);
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"38\"><tspan fill=\"{MEDIAN}\">median</tspan>, \
             <tspan fill=\"{HIGH}\">99th percentile</tspan>, milliseconds</text>"
        );
        let _ = writeln!(
            text,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 10.0,
            self.axis
        );
        self.draw_axes(text);
        self.draw_line(text, MEDIAN, |point| point.median);
        self.draw_line(text, HIGH, |point| point.high);
    }

    fn draw_axes(&self, text: &mut String) {
        for line in 0..=LINES {
            let value = self.highest() * line as f64 / LINES as f64;
            let (y, end) = (self.y(value), WIDTH - RIGHT);
            let _ = writeln!(
                text,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.2}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for point in &self.points {
            let (x, y) = (self.x(point.size), HEIGHT - BOTTOM + 16.0);
            let _ =
                writeln!(text, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", point.size);
        }
    }

    fn draw_line(&self, text: &mut String, colour: &str, value: fn(&Point) -> f64) {
        let place = |point: &Point| (self.x(point.size), self.y(value(point)));
        let places: Vec<_> = self.points.iter().map(place).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    }

    /// The top of the scale, a little above the highest point.
    fn highest(&self) -> f64 {
        self.points.iter().map(|point| point.high.max(point.median)).fold(f64::MIN_POSITIVE, f64::max) * 1.05
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.highest() * (HEIGHT - TOP - BOTTOM)
    }

    /// One more than the size, so that 0 has a place too.
    fn x(&self, size: usize) -> f64 {
        let place = |size: usize| (size as f64 + 1.0).ln();
        let low = self.points.iter().map(|point| place(point.size)).fold(f64::INFINITY, f64::min);
        let high = self.points.iter().map(|point| place(point.size)).fold(f64::NEG_INFINITY, f64::max);
        LEFT + 20.0
            + (place(size) - low) / (high - low).max(f64::MIN_POSITIVE) * (WIDTH - LEFT - RIGHT - 40.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_time_lies_higher_and_a_larger_size_further_right() {
        let point = |size, median| Point { size, median, high: median * 2.0 };
        let chart = Chart { title: "t", axis: "a", points: vec![point(0, 1.0), point(1_000, 2.0)] };
        assert!(chart.y(2.0) < chart.y(1.0) && chart.x(0) < chart.x(1_000));
        let drawn = svg(&[chart]);
        assert_eq!((drawn.matches("<circle").count(), drawn.matches("<polyline").count()), (4, 2));
    }
}

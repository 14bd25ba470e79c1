//! What one event costs over candidates and over events, drawn beside the figures.

use std::path::Path;

use super::native::Native;
use super::report::Report;
use crate::paths::Paths;
use crate::steps::Steps;

/// Measures every point and draws them into the SVG file beside `json`.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report, json: &Path) {
    let Some(native) = steps.run("scaling: compile", |step| Native::build(paths, step)) else { return };
    let plot = json.with_extension("scaling.svg");
    let figures = steps.run("scaling: measure", |step| {
        let plot = std::path::absolute(&plot)?;
        native.figures(step, native.command(paths, "scaling").arg("--plot").arg(plot))
    });
    if let Some(figures) = figures {
        report.add(&figures);
        steps.say(&format!("  plot     {}", plot.display()));
    }
}

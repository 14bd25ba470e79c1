//! The engine on this machine's processor.

use anyhow::Context as _;

use super::Figures;
use super::report::Report;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};

/// Builds with full optimisation and measures.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    if let Some(figures) = steps.run("engine: measure", |step| figures(paths, step)) {
        report.add(&figures);
    }
}

fn figures(paths: &Paths, step: &Step) -> anyhow::Result<Figures> {
    let arguments = ["build", "--locked", "--release", "--package", "segue-bench"];
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    let bench = paths.executable("release", "segue-bench");
    let output = shell::run(step, &mut shell::program::<&str>(paths, bench, []))?;
    let value = shell::last_json(&output)?;
    value.as_object().cloned().context("segue-bench printed no JSON object")
}

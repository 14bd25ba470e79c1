//! The engine in Chromium, and the size of its download.

use std::path::Path;

use anyhow::Context as _;

use super::report::Report;
use super::{Figures, size};
use crate::commands::wasm;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{chromium, node_packages};
use crate::wasm::Build;

/// The script that opens the bench page and prints its figures.
const SCRIPT: &str = "tests/browser/bench.mjs";

const TIMES: [&str; 2] = ["rerank_500x50_chromium_p50_ms", "rerank_500x50_chromium_p99_ms"];

/// Builds what ships and measures it.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    if wasm::package(paths, steps).is_none() {
        return;
    }
    let sizes = steps.run("browser: sizes", |step| size::figures(paths, step, &Build::new(paths)?.file()));
    report.add(&sizes.unwrap_or_default());
    match steps.run("Chromium", |step| chromium::ensure(paths, step)) {
        Some(Some(browser)) => {
            let times = steps.run("browser: measure", |step| times(paths, step, &browser));
            report.add(&times.unwrap_or_default());
        }
        Some(None) => {
            let reason = format!("there is no Chromium; `{}` installs it", chromium::INSTALL);
            steps.skip("browser: measure", "there is no Chromium and this is not root", chromium::INSTALL);
            for key in TIMES {
                report.skip(key, &reason);
            }
        }
        None => {}
    }
}

fn times(paths: &Paths, step: &Step, browser: &Path) -> anyhow::Result<Figures> {
    node_packages::ensure(paths, step, &paths.file("tests/browser"))?;
    let mut command = shell::program(paths, "node", [SCRIPT]);
    let output = shell::run(step, command.env(chromium::VARIABLE, browser))?;
    shell::last_json(&output)?.as_object().cloned().context("the bench page printed no JSON object")
}

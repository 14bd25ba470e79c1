//! The engine in Chromium, onnxruntime-web beside it, and the size of the download.

use std::path::Path;

use anyhow::Context as _;

use super::native::Native;
use super::report::Report;
use super::{Figures, Group, KEYS, size};
use crate::commands::wasm;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{chromium, node_packages};
use crate::wasm::{Build, install_with_tarball};

/// The tests' folder, whose packages drive the browser.
const DRIVER: &str = "tests/browser";

/// The bench page's folder; its packages are what is measured.
const PAGE: &str = "tests/browser/bench";

/// The script that opens the page and prints its figures.
const SCRIPT: &str = "chromium.mjs";

/// Builds what ships and measures it.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    let Some(tarball) = wasm::package(paths, steps) else { return };
    let sizes = steps.run("browser: sizes", |step| size::figures(paths, step, &Build::new(paths)?.file()));
    report.add(&sizes.unwrap_or_default());
    match steps.run("Chromium", |step| chromium::ensure(paths, step)) {
        Some(Some(browser)) => {
            report.add(&times(paths, steps, &tarball, &browser).unwrap_or_default());
        }
        Some(None) => {
            let reason = format!("there is no Chromium; `{}` installs it", chromium::INSTALL);
            steps.skip("browser: measure", "there is no Chromium and this is not root", chromium::INSTALL);
            for (key, _, _) in KEYS.iter().filter(|(key, group, _)| *group == Group::Browser && !is_size(key))
            {
                report.skip(key, &reason);
            }
        }
        None => {}
    }
}

fn is_size(key: &str) -> bool {
    key.starts_with("wasm_")
}

fn times(paths: &Paths, steps: &Steps, tarball: &Path, browser: &Path) -> Option<Figures> {
    let artefacts =
        steps.run("browser: artefacts", |step| Native::build(paths, step)?.artefacts(paths, step))?;
    steps.run("browser: packages", |step| {
        node_packages::ensure(paths, step, &paths.file(DRIVER))?;
        install_with_tarball(paths, step, &paths.file(PAGE), tarball)
    })?;
    steps.run("browser: measure", |step| figures(paths, step, &artefacts, browser))
}

fn figures(paths: &Paths, step: &Step, artefacts: &Path, browser: &Path) -> anyhow::Result<Figures> {
    let mut command = shell::program(paths, "node", [SCRIPT, "--artefacts"]);
    command.arg(artefacts).current_dir(paths.file(PAGE)).env(chromium::VARIABLE, browser);
    let value = shell::last_json(&shell::run(step, &mut command)?)?;
    value.as_object().cloned().context("the bench page printed no JSON object")
}

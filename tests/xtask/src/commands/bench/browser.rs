//! The engine in Chromium, and the size of its download.

use std::path::Path;

use anyhow::Context as _;

use super::report::Report;
use super::{Figures, cloud, size};
use crate::commands::wasm;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{chromium, node_packages};
use crate::wasm::{Build, build_player};
use crate::whole_path::Segue;

/// The tests' folder, whose packages drive the browser.
const FOLDER: &str = "tests/browser";

/// The script that opens the bench page and prints its figures.
const SCRIPT: &str = "bench/rerank-chromium.mjs";

const TIMES: [&str; 2] = ["rerank_500x50_chromium_p50_ms", "rerank_500x50_chromium_p99_ms"];

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
            for key in TIMES {
                report.skip(key, &reason);
            }
        }
        None => {}
    }
}

/// The bench page takes the packed module from the player's packages, and its pack from a service.
fn times(paths: &Paths, steps: &Steps, tarball: &Path, browser: &Path) -> Option<Figures> {
    let player = steps.run("browser: player", |step| build_player(paths, step, tarball))?;
    let (segue, data) = cloud::prepare(paths, steps)?;
    steps.run("browser: refresh", |step| segue.refresh(paths, step, &data))?;
    steps.run("browser: measure", |step| figures(paths, step, &segue, &data, &player, browser))
}

fn figures(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    data: &Path,
    player: &Path,
    browser: &Path,
) -> anyhow::Result<Figures> {
    let folder = paths.file(FOLDER);
    node_packages::ensure(paths, step, &folder)?;
    let server = segue.serve(paths, step, data, Some(player), 0)?;
    let mut command = shell::program(paths, "node", [SCRIPT]);
    command.current_dir(folder).env("SEGUE_URL", server.url()).env(chromium::VARIABLE, browser);
    let output = shell::run(step, &mut command)?;
    shell::last_json(&output)?.as_object().cloned().context("the bench page printed no JSON object")
}

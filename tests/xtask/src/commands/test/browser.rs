//! The player in a real Chromium.

use std::path::{Path, PathBuf};

use super::{rust, summary};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::{chromium, node_packages, onnxruntime};
use crate::whole_path::Segue;

/// The tests and their lock file.
const FOLDER: &str = "tests/browser";

/// The packed npm package, as the player installed it.
const MODULE: &str = "web-demo/node_modules/@segue/browser";

/// Runs the browser tests, or says what they need.
pub(super) fn run(paths: &Paths, steps: &Steps, segue: &Segue, player: &Path, data: &Path) {
    let Some(browser) = steps.run("Chromium", |step| chromium::ensure(paths, step)) else { return };
    match browser {
        Some(browser) => {
            steps.run_counted("browser tests", |step| tests(paths, step, segue, player, data, &browser));
        }
        None => steps.skip("browser tests", "there is no Chromium and this is not root", chromium::INSTALL),
    }
}

/// Runs the golden vectors against the packed module under Node and, where there is one, in Chromium.
pub(super) fn vectors(paths: &Paths, steps: &Steps) {
    let browser = steps.run("Chromium", |step| chromium::ensure(paths, step)).flatten();
    if browser.is_none() {
        steps.skip(
            "golden vectors in Chromium",
            "there is no Chromium and this is not root",
            chromium::INSTALL,
        );
    }
    steps.run_counted("golden vectors under Node and in Chromium", |step| {
        let folder = paths.file(FOLDER);
        node_packages::ensure(paths, step, &folder)?;
        let mut command = shell::program(paths, "node", ["--test", "--test-reporter=tap", "vectors.mjs"]);
        command.current_dir(folder).envs(browser.map(|browser| (chromium::VARIABLE, browser)));
        rust::counted(step, &mut command, summary::of_node)
    });
}

/// Restores in the packed module under Node what other languages saved in `states`, and saves there itself.
pub(super) fn goes_on(paths: &Paths, steps: &Steps, states: &Path) {
    let name = "sessions of other languages in the browser's module";
    if !paths.file(MODULE).is_dir() {
        return steps.skip(name, "the npm package was not built", "cargo xtask test");
    }
    steps.run_counted(name, |step| {
        let folder = paths.file(FOLDER);
        node_packages::ensure(paths, step, &folder)?;
        let mut command = shell::program(paths, "node", ["--test", "--test-reporter=tap", "states.mjs"]);
        rust::counted(step, command.current_dir(folder).env("SEGUE_STATES", states), summary::of_node)
    });
}

fn tests(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    player: &Path,
    data: &Path,
    browser: &PathBuf,
) -> anyhow::Result<((), Counts)> {
    let folder = paths.file(FOLDER);
    node_packages::ensure(paths, step, &folder)?;
    let server = segue.serve(paths, step, data, Some(player), 0)?;
    let mut command = shell::program(paths, "node", ["--test", "--test-reporter=tap"]);
    command
        .current_dir(folder)
        .env("SEGUE_URL", server.url())
        .env("SEGUE_BIN", &segue.executable)
        .env("SEGUE_DATA", data)
        .env("SEGUE_PLAYER", player)
        .env("SEGUE_SCREENSHOTS", paths.cache.join("screenshots"))
        .env(onnxruntime::VARIABLE, &segue.library)
        .env(chromium::VARIABLE, browser);
    rust::counted(step, &mut command, summary::of_node)
}

//! The mobile library: its header and bindings, C with sanitizers, Kotlin on the JVM, and Swift and phones with `--all`.

mod c;
mod kotlin;
mod service;
mod swift;
mod targets;
mod world;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{rust, summary};
use crate::commands::mobile::{bindings, library};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::whole_path::Segue;

/// Tests the library that the workspace's build left; `data` is a refreshed catalogue for the players.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool, segue: Option<&Segue>, data: Option<&Path>) {
    let folder = paths.target.join("debug");
    let library = library::shared(&folder);
    if !library.is_file() {
        steps.skip("mobile library", "the workspace was not built", "cargo xtask test");
        return;
    }
    steps.run("mobile: header and bindings are current", |step| {
        if all { bindings::check(paths, step, &library) } else { bindings::check_stamp(paths) }
    });
    let states = States(paths.cache.join("mobile/states"));
    c::tests(paths, steps, &folder, &states);
    let service = segue.zip(data).map(|(segue, data)| service::Service { segue, data });
    match &service {
        Some(service) => {
            c::player(paths, steps, &folder, service);
            kotlin::tests(paths, steps, &folder, service, &states);
        }
        None => {
            let reason = "there is nothing to serve";
            steps.skip("mobile: players and Kotlin tests", reason, "cargo xtask test");
        }
    }
    if all {
        swift::tests(paths, steps, &folder, service.as_ref(), &states);
        targets::run(paths, steps);
    } else {
        steps.skip("mobile: Swift tests", "installing Swift takes long", "cargo xtask test --all");
        steps.skip("mobile: library for phones", "it is compiled five times", "cargo xtask test --all");
    }
    steps.run_counted("mobile: every language restores what another saved", |step| {
        states.compare(paths, step)
    });
}

/// What each language's tests saved of the same session.
struct States(PathBuf);

impl States {
    /// The variable that names the folder.
    const VARIABLE: &str = "SEGUE_STATES";

    fn empty(&self) -> anyhow::Result<()> {
        let _ = std::fs::remove_dir_all(&self.0);
        std::fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))
    }

    fn compare(&self, paths: &Paths, step: &Step) -> anyhow::Result<((), Counts)> {
        let mut command = shell::cargo(paths, ["test", "--locked", "--workspace", "--test", "states"]);
        rust::counted(step, command.env(Self::VARIABLE, &self.0), summary::of_cargo)
    }
}

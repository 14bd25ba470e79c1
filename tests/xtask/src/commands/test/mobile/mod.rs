//! The mobile library: its header and bindings, Kotlin on the JVM, C with sanitizers, Swift where it is
//! there, and phones with `--all`.

mod c;
mod kotlin;
mod service;
mod swift;
mod targets;
mod world;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{browser, rust, summary};
use crate::commands::mobile::{bindings, library};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::swift::Swift;
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
    let Some(states) = steps.run("mobile: a session saved in Rust", |step| States::begin(paths, step)) else {
        return;
    };
    let service = segue.zip(data).map(|(segue, data)| service::Service { segue, data });
    match &service {
        Some(service) => {
            kotlin::tests(paths, steps, &folder, service, &states);
            c::player(paths, steps, &folder, service);
        }
        None => {
            let reason = "there is nothing to serve";
            steps.skip("mobile: players and Kotlin tests", reason, "cargo xtask test");
        }
    }
    c::tests(paths, steps, &folder, &states);
    if all || Swift::is_here() {
        swift::tests(paths, steps, &folder, service.as_ref(), &states);
    } else {
        let reason = "there is no Swift on PATH, and installing one takes long";
        steps.skip("mobile: Swift tests", reason, "cargo xtask test --all");
    }
    if all {
        targets::run(paths, steps);
    } else {
        steps.skip("mobile: library for phones", "it is compiled seven times", "cargo xtask test --all");
    }
    browser::goes_on(paths, steps, &states.0);
    steps
        .run_counted("mobile: what every language saved goes on in Rust", |step| states.restore(paths, step));
}

/// What each language's tests saved of the same session; each restores what lies there already.
struct States(PathBuf);

impl States {
    /// The variable that names the folder.
    const VARIABLE: &str = "SEGUE_STATES";

    /// An empty folder with what Rust saves.
    fn begin(paths: &Paths, step: &Step) -> anyhow::Result<Self> {
        let states = Self(paths.cache.join("mobile/states"));
        let _ = std::fs::remove_dir_all(&states.0);
        std::fs::create_dir_all(&states.0).with_context(|| format!("cannot make {}", states.0.display()))?;
        states.restore(paths, step)?;
        Ok(states)
    }

    fn restore(&self, paths: &Paths, step: &Step) -> anyhow::Result<((), Counts)> {
        let mut command = shell::cargo(paths, ["test", "--locked", "--workspace", "--test", "states"]);
        rust::counted(step, command.env(Self::VARIABLE, &self.0), summary::of_cargo)
    }
}

//! The Swift package on Linux: its tests, and the player against a service.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::super::{rust, summary};
use super::States;
use super::service::{Service, Told};
use crate::commands::mobile::library;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::swift::{self, Swift};

/// What the tests read beside the package.
const BESIDE: [&str; 3] = ["mobile-ffi/swift", "tests/vectors", "docs/ERRORS.md"];

/// Runs them, or says what they need.
pub(super) fn tests(
    paths: &Paths,
    steps: &Steps,
    folder: &Path,
    service: Option<&Service<'_>>,
    states: &States,
) {
    let swift = match steps.run("Swift", |step| Swift::ensure(paths, step)) {
        Some(Some(swift)) => swift,
        Some(None) => {
            let reason = "there is no Swift, and this is not root on Debian or may not mount";
            steps.skip("mobile: Swift tests", reason, swift::INSTALL);
            return;
        }
        None => return,
    };
    steps.run_counted("mobile: Swift tests", |step| {
        gather(paths, &swift, folder)?;
        let mut command = command(paths, &swift, "test", &[]);
        let counted = rust::counted(step, &mut command, summary::of_xctest)?;
        copy(&swift.work(paths).join("states"), &states.0)?;
        Ok(counted)
    });
    if let Some(service) = service {
        steps.run("mobile: Swift player", |step| {
            let output = service.with(paths, step, |told| play(paths, step, &swift, told))?;
            ensure!(output.contains("8 events sent, 0 waiting"), "the player said:\n{output}");
            Ok(())
        });
    }
}

/// Puts package, vectors and library where the toolchain sees them.
fn gather(paths: &Paths, swift: &Swift, folder: &Path) -> anyhow::Result<()> {
    let work = swift.work(paths);
    for name in BESIDE {
        let target = work.join(name);
        // The package's own outputs stay, so that the next time is quick.
        for part in ["Sources", "Tests"] {
            let _ = std::fs::remove_dir_all(target.join(part));
        }
        copy(&paths.file(name), &target).with_context(|| format!("cannot copy {name}"))?;
    }
    std::fs::create_dir_all(work.join("states"))?;
    library::copy(&library::shared(folder), &library::shared(&work.join("lib")))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_file() {
        return library::copy(from, to);
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != ".build" {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn command(paths: &Paths, swift: &Swift, name: &str, rest: &[&str]) -> Command {
    let mut command = swift.command(paths, "mobile-ffi/swift", |work| {
        let lib = format!("{work}/lib");
        let linked =
            ["--disable-sandbox", "-Xlinker", &format!("-L{lib}"), "-Xlinker", "-rpath", "-Xlinker", &lib];
        [name].iter().chain(&linked).chain(rest).map(|word| (*word).to_owned()).collect()
    });
    let work = match swift {
        Swift::Here => swift.work(paths),
        Swift::Inside(_) => swift::INSIDE.into(),
    };
    command.env("SEGUE_VECTORS", work.join("tests/vectors")).env(States::VARIABLE, work.join("states"));
    command
}

/// A session of four gestures.
fn play(paths: &Paths, step: &Step, swift: &Swift, told: &Told) -> anyhow::Result<String> {
    let keys = paths.cache.join("mobile/swift-keys");
    std::fs::write(&keys, "skip\nskip\nlike\nnext\nquit\n")?;
    let url = told.server.url();
    let mut command =
        command(paths, swift, "run", &["segue-player", &url, &told.root, &told.user, &told.surface]);
    shell::run(step, command.stdin(std::fs::File::open(&keys)?))
}

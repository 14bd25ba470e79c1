//! The Swift package on Linux: its tests, and the player against a service.

use std::path::Path;

use anyhow::ensure;

use super::super::{rust, summary};
use super::States;
use super::service::{Service, Told};
use crate::commands::mobile::swift as package;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::swift::{self, Swift};

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
        let (outside, inside) = (swift.work(paths), swift.work_inside(paths));
        package::gather(paths, &swift, folder)?;
        package::copy(&states.0, &outside.join("states"))?;
        let mut command = package::command(paths, &swift, "test", &[]);
        command
            .env("SEGUE_VECTORS", inside.join("tests/vectors"))
            .env(States::VARIABLE, inside.join("states"));
        let counted = rust::counted(step, &mut command, summary::of_xctest)?;
        package::copy(&outside.join("states"), &states.0)?;
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

/// A session of four gestures.
fn play(paths: &Paths, step: &Step, swift: &Swift, told: &Told) -> anyhow::Result<String> {
    let keys = paths.cache.join("mobile/swift-keys");
    std::fs::write(&keys, "skip\nskip\nlike\nnext\nquit\n")?;
    let url = told.server.url();
    let mut command =
        package::command(paths, swift, "run", &["segue-player", &url, &told.root, &told.user, &told.surface]);
    shell::run(step, command.stdin(std::fs::File::open(&keys)?))
}

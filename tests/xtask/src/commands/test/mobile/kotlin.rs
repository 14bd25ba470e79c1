//! Kotlin on the JVM, by Maven: the library's tests and the player's.

use std::path::Path;

use super::super::{rust, summary};
use super::States;
use super::service::Service;
use crate::paths::Paths;
use crate::steps::Steps;
use crate::tools::maven;

/// Runs them, or says what they need.
pub(super) fn tests(paths: &Paths, steps: &Steps, folder: &Path, service: &Service<'_>, states: &States) {
    match steps.run("Maven", |step| maven::ensure(paths, step)) {
        Some(true) => {}
        Some(false) => {
            steps.skip("mobile: Kotlin tests", "there is no Maven and this is not root", maven::INSTALL);
            return;
        }
        None => return,
    }
    steps.run_counted("mobile: Kotlin tests", |step| {
        service.with(paths, step, |told| {
            let outputs = paths.cache.join("mobile/kotlin");
            let mut command = maven::command(paths, &paths.file("mobile-ffi/kotlin"), &outputs);
            command
                .arg(format!("-Dsegue.library={}", folder.display()))
                .arg("test")
                .env(States::VARIABLE, &states.0)
                .env("SEGUE_URL", told.server.url())
                .env("SEGUE_ROOT", &told.root)
                .env("SEGUE_USER", &told.user)
                .env("SEGUE_SURFACE", &told.surface);
            rust::counted(step, &mut command, summary::of_maven)
        })
    });
}

//! What the mobile library weighs, and what one re-rank costs beyond the core's own work in each language.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::report::Report;
use super::{Figures, crossing};
use crate::commands::mobile::library;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{arm_linker, rust_target};

/// A 64-bit ARM machine with Linux: what a linker is packaged for.
const ARM: &str = "aarch64-unknown-linux-gnu";

/// Builds what ships and measures it.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    let Some(folder) = steps.run("mobile: library", |step| library::shipped(paths, step)) else { return };
    if std::env::consts::ARCH == "x86_64" {
        report.add(&size("mobile_lib_stripped_bytes", &library::shared(&folder)).unwrap_or_default());
    } else {
        report.skip("mobile_lib_stripped_bytes", "this machine is no x86_64");
    }
    match steps.run("mobile: library for ARM", |step| arm(paths, step)) {
        Some(Some(file)) => report.add(&size("mobile_lib_arm64_stripped_bytes", &file).unwrap_or_default()),
        Some(None) => report.skip(
            "mobile_lib_arm64_stripped_bytes",
            &format!("there is no linker for ARM: {}", arm_linker::INSTALL),
        ),
        None => {}
    }
    crossing::measure(paths, steps, report, &folder);
}

fn size(key: &str, file: &Path) -> anyhow::Result<Figures> {
    let bytes = file.metadata().with_context(|| format!("cannot find {}", file.display()))?.len();
    Ok(Figures::from_iter([(key.to_owned(), Value::from(bytes))]))
}

/// The library for ARM; `None` where there is no linker.
fn arm(paths: &Paths, step: &Step) -> anyhow::Result<Option<PathBuf>> {
    if !arm_linker::ensure(paths, step)? {
        return Ok(None);
    }
    rust_target::ensure(paths, step, ARM)?;
    let mut command = shell::cargo(paths, ["rustc"]);
    command.args(library::shipping("cdylib")).args(["--target", ARM]);
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", arm_linker::PROGRAM);
    shell::run(step, &mut command)?;
    Ok(Some(library::shared(&paths.target.join(ARM).join(library::SHIPPED))))
}

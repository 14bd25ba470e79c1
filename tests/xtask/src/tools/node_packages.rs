//! npm packages, by lock file.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;

/// The oldest Node that runs the build tools.
const OLDEST_NODE: u32 = 20;

/// Installs what `folder`'s lock file names, unless that is there already.
///
/// # Errors
/// When Node is missing or too old, or the install fails.
pub(crate) fn ensure(paths: &Paths, step: &Step, folder: &Path) -> anyhow::Result<()> {
    check_node(paths)?;
    let hash = stamp::file_hash(&folder.join("package-lock.json"))?;
    let done = folder.join("node_modules/.segue-installed");
    if stamp::is_current(&done, &hash) {
        return Ok(());
    }
    let mut command = npm(paths, folder, ["ci", "--no-audit", "--no-fund"]);
    shell::run(step, &mut command)?;
    if folder.join("node_modules").is_dir() {
        stamp::write(&done, &hash)?;
    }
    Ok(())
}

/// npm in `folder`.
pub(crate) fn npm<'a>(
    paths: &Paths,
    folder: &Path,
    arguments: impl IntoIterator<Item = &'a str>,
) -> std::process::Command {
    let mut command = shell::program(paths, "npm", arguments);
    command.current_dir(folder);
    command
}

/// Says whether Node is there and new enough.
///
/// # Errors
/// When it is not.
pub(crate) fn check_node(paths: &Paths) -> anyhow::Result<()> {
    let version = shell::answer(&mut shell::program(paths, "node", ["--version"]));
    let version = version.context("node is not on PATH: install Node 20 or newer")?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|word| word.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => bail!("Node is {version}, but {OLDEST_NODE} or newer is needed"),
    }
}

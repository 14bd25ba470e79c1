//! C: two test programs with sanitizers, one on the shared and one on the static library, and the player.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, ensure};

use super::super::{rust, summary};
use super::service::Service;
use super::{States, world};
use crate::commands::mobile::library;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Counts, Step, Steps};

const SOURCES: &str = "mobile-ffi/c";

/// Strict, and with every check that the compiler has.
const CHECKED: [&str; 9] = [
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-g",
    "-O1",
    "-pthread",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];

/// What Rust's standard library asks of the linker.
const SYSTEM: [&str; 3] = ["-ldl", "-lm", "-lpthread"];

/// Runs both test programs.
pub(super) fn tests(paths: &Paths, steps: &Steps, folder: &Path, states: &States) {
    steps.run_counted("mobile: C on the shared library", |step| {
        let program = compile(paths, step, "tests/engine_test", &CHECKED, &shared(folder))?;
        test(paths, step, &program, states)
    });
    steps.run_counted("mobile: C on the static library", |step| {
        let archive =
            [vec![library::archive(folder).into_os_string()], SYSTEM.map(Into::into).to_vec()].concat();
        let program = compile(paths, step, "tests/outbox_test", &CHECKED, &archive)?;
        test(paths, step, &program, states)
    });
}

/// Plays against a running service.
pub(super) fn player(paths: &Paths, steps: &Steps, folder: &Path, service: &Service<'_>) {
    steps.run("mobile: C player", |step| {
        let program = compile(paths, step, "example/player", &CHECKED, &shared(folder))?;
        let output = service.with(paths, step, |told| {
            let address = told.server.address;
            let (host, port) = (address.ip().to_string(), address.port().to_string());
            let arguments = [&told.root, &host, &port, &told.user, &told.surface];
            shell::run(step, &mut shell::program(paths, &program, arguments))
        })?;
        follows(&output)
    });
}

/// Four lists, which the gestures between them changed.
fn follows(output: &str) -> anyhow::Result<()> {
    let lists: Vec<Vec<&str>> = output
        .split(" the first\n")
        .map(|part| part.lines().filter(|line| line.starts_with("  ")).collect())
        .filter(|list: &Vec<&str>| !list.is_empty())
        .collect();
    ensure!(lists.len() == 4, "the player showed {} lists, expected 4:\n{output}", lists.len());
    let changes = lists.windows(2).filter(|pair| pair[0] != pair[1]).count();
    ensure!(changes >= 2, "the queue did not follow the gestures:\n{output}");
    Ok(())
}

fn shared(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut path = std::ffi::OsString::from("-Wl,-rpath,");
    path.push(folder);
    vec![library::shared(folder).into_os_string(), path]
}

fn compile(
    paths: &Paths,
    step: &Step,
    name: &str,
    flags: &[&str],
    libraries: &[std::ffi::OsString],
) -> anyhow::Result<PathBuf> {
    let folder = paths.cache.join("mobile/c");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join(name.rsplit('/').next().unwrap_or(name));
    let mut command = shell::program(paths, compiler(), flags);
    command.arg("-I").arg(paths.file("mobile-ffi/include")).arg("-o").arg(&program);
    shell::run(step, command.arg(paths.file(SOURCES).join(format!("{name}.c"))).args(libraries))?;
    Ok(program)
}

fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

fn test(paths: &Paths, step: &Step, program: &Path, states: &States) -> anyhow::Result<((), Counts)> {
    let scratch = paths.cache.join("mobile/c/scratch");
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch)?;
    let mut command: Command = shell::program(paths, program, [""; 0]);
    command
        .envs(world::variables(paths)?)
        .env("SEGUE_FOLDER", &scratch)
        .env(States::VARIABLE, &states.0)
        // What was freed is kept away for a while, which would count as growth.
        .env("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=1");
    let counted = rust::counted(step, &mut command, summary::of_counts)?;
    if counted.1.passed == 0 {
        bail!("{} counted no test", program.display());
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_stays_as_it_is_is_noticed() {
        let list = |item: &str| format!("  {item}  x (y)\nskip the first\n");
        let moving: String = ["a", "b", "c", "c"].map(list).concat();
        assert!(follows(&moving).is_ok());
        assert!(follows(&["a", "a", "a", "a"].map(list).concat()).is_err());
        assert!(follows(&list("a")).is_err());
    }
}

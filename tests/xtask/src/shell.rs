//! Runs other programs: output goes to a log and, line by line, to the step's progress line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::paths::Paths;
use crate::steps::Step;

/// Between two looks at how much memory a program had.
const PEAK_PAUSE: Duration = Duration::from_millis(50);

/// Starts describing a program with its arguments, in the checkout, without standard input.
pub(crate) fn program<A: AsRef<OsStr>>(
    paths: &Paths,
    name: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(&paths.root).stdin(Stdio::null());
    command
}

/// Cargo, building into the shared target folder.
pub(crate) fn cargo<A: AsRef<OsStr>>(paths: &Paths, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = program(paths, "cargo", arguments);
    command.env("CARGO_TARGET_DIR", &paths.target);
    // What `cargo run` sets for us is not meant for the packages we build.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The line a person would type for `command`.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+%*".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
/// When the program cannot start or ends with a failure.
pub(crate) fn run(step: &Step, command: &mut Command) -> anyhow::Result<String> {
    let (status, output) = run_any(step, command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(output)
}

/// Like [`run`], for a program whose failure the caller judges.
///
/// # Errors
/// When the program cannot start.
pub(crate) fn run_any(step: &Step, command: &mut Command) -> anyhow::Result<(ExitStatus, String)> {
    let (status, output, ()) = run_watched(step, command, |_| ())?;
    Ok((status, output))
}

/// Like [`run`], and answers the most memory that the program had, where the system tells.
///
/// # Errors
/// When the program cannot start or ends with a failure.
pub(crate) fn run_peak(step: &Step, command: &mut Command) -> anyhow::Result<Option<u64>> {
    let (status, _, peak) = run_watched(step, command, watch_peak)?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(peak)
}

/// Looks again and again until the program has ended: its memory is gone then.
fn watch_peak(program: u32) -> Option<u64> {
    let mut peak = None;
    while let Some(so_far) = peak_bytes(program) {
        peak = Some(so_far);
        thread::sleep(PEAK_PAUSE);
    }
    peak
}

/// The most memory that a running program had so far.
fn peak_bytes(program: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{program}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

/// Runs a program, and beside it `watch` with its number.
fn run_watched<T: Default + Send>(
    step: &Step,
    command: &mut Command,
    watch: impl FnOnce(u32) -> T + Send,
) -> anyhow::Result<(ExitStatus, String, T)> {
    let mut log = step.open_log()?;
    writeln!(log, "$ {}", line(command))?;
    let log = Mutex::new(log);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    let (stdout, stderr, number) = (child.stdout.take(), child.stderr.take(), child.id());
    let (output, watched) = thread::scope(|scope| {
        let errors = scope.spawn(|| stderr.map(|pipe| follow(step, &log, pipe)));
        let watched = scope.spawn(move || watch(number));
        let output = stdout.map(|pipe| follow(step, &log, pipe)).unwrap_or_default();
        drop(errors.join());
        (output, watched.join().unwrap_or_default())
    });
    let status = child.wait().with_context(|| format!("cannot wait for `{}`", line(command)))?;
    Ok((status, output, watched))
}

fn follow(step: &Step, log: &Mutex<File>, pipe: impl Read) -> String {
    let mut collected = String::new();
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(progress) = text.strip_prefix("progress ") {
            step.progress(progress.trim_end());
            bytes.clear();
            continue;
        }
        step.message(text.trim_end());
        if let Ok(mut log) = log.lock() {
            // A full disk must not hide how the program itself ended.
            let _ = log.write_all(text.as_bytes());
        }
        collected.push_str(&text);
        bytes.clear();
    }
    collected
}

/// What a short command prints, or nothing when it fails or is missing.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The full path of an executable on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// The last line that is one JSON object.
///
/// # Errors
/// When there is none.
pub(crate) fn last_json(output: &str) -> anyhow::Result<serde_json::Value> {
    let last = output.lines().rev().map(str::trim).find(|line| line.starts_with('{'));
    let last = last.context("no line of the output is a JSON object")?;
    serde_json::from_str(last).with_context(|| format!("the last line is not JSON: {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("npm");
        command.args(["run", "it's here"]);
        assert_eq!(line(&command), r"npm run 'it'\''s here'");
    }

    #[test]
    fn the_last_json_line_is_found_below_other_output() {
        let value = last_json("reading\n{\"a\":1}\n{\"a\":2}\n\n").expect("there is one");
        assert_eq!(value["a"], 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_most_memory_of_a_program_is_known_until_it_has_ended() {
        assert!(peak_bytes(std::process::id()).is_some_and(|bytes| bytes > 1 << 20));
        let mut child = Command::new("sleep").arg("0.2").spawn().expect("there is a sleep");
        assert!(watch_peak(child.id()).is_some_and(|bytes| bytes > 0));
        assert!(child.wait().is_ok_and(|status| status.success()));
    }

    #[test]
    fn output_without_json_is_an_error() {
        assert!(last_json("reading\ndone\n").is_err());
    }
}

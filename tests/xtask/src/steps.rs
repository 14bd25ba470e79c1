//! Named steps with a progress line, a log each, and a count at the end.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::paths::Paths;

/// Lines of a failed step's log that are shown.
const SHOWN_LOG_LINES: usize = 80;

/// A step of which nobody knows how far it is, and one whose program says so.
const SPINNER: &str = "  {spinner} {prefix} [{elapsed_precise}] {wide_msg}";
const BAR: &str = "  {spinner} {prefix} [{elapsed_precise}] {bar:30} {human_pos}/{human_len} {wide_msg}";

/// How many checks a step made. A step that counts nothing counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Checks that held.
    pub(crate) passed: u64,
    /// Checks that did not.
    pub(crate) failed: u64,
    /// Checks that could not run here.
    pub(crate) skipped: u64,
}

impl Counts {
    /// One check that held.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0, skipped: 0 };

    /// Adds another count to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// The closing line that machines read.
    pub(crate) fn closing_line(self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

struct Record {
    name: String,
    result: &'static str,
    duration: Duration,
    counts: Counts,
    note: String,
}

/// All steps of one command.
pub(crate) struct Steps {
    progress: MultiProgress,
    interactive: bool,
    logs: PathBuf,
    records: Mutex<Vec<Record>>,
}

/// One running step.
pub(crate) struct Step {
    bar: ProgressBar,
    log: PathBuf,
}

impl Step {
    /// Shows how far the step's program is: `DONE/ALL WHAT`, or `DONE WHAT` where nobody knows how much there is.
    pub(crate) fn progress(&self, text: &str) {
        let (numbers, what) = text.split_once(' ').unwrap_or((text, ""));
        let Some((done, all)) = numbers.split_once('/') else { return self.message(text) };
        let (Ok(done), Ok(all)) = (done.parse(), all.parse()) else { return self.message(text) };
        if self.bar.length().is_none() {
            self.bar.set_style(style(BAR));
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    /// Shows what the step is doing now.
    pub(crate) fn message(&self, text: &str) {
        if self.bar.length().is_some() {
            self.bar.unset_length();
            self.bar.set_style(style(SPINNER));
        }
        let text: String = text.chars().filter(|c| !c.is_control()).take(70).collect();
        if !text.trim().is_empty() {
            self.bar.set_message(text);
        }
    }

    /// What the step's programs wrote so far.
    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Opens the step's log for another program's output.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open_log(&self) -> anyhow::Result<File> {
        let file = OpenOptions::new().create(true).append(true).open(&self.log);
        file.with_context(|| format!("cannot write {}", self.log.display()))
    }
}

impl Steps {
    /// Prepares the steps of `command`; logs of its last run are replaced.
    ///
    /// # Errors
    /// When the log folder cannot be made.
    pub(crate) fn new(paths: &Paths, command: &str) -> anyhow::Result<Self> {
        let logs = paths.cache.join("logs").join(command);
        if logs.exists() {
            fs::remove_dir_all(&logs).with_context(|| format!("cannot clear {}", logs.display()))?;
        }
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let interactive = std::io::stderr().is_terminal();
        let progress = MultiProgress::new();
        if !interactive {
            progress.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Ok(Self { progress, interactive, logs, records: Mutex::new(Vec::new()) })
    }

    /// Runs one step. `None` means that it failed; what went wrong has been shown.
    pub(crate) fn run<T>(&self, name: &str, work: impl FnOnce(&Step) -> anyhow::Result<T>) -> Option<T> {
        self.run_counted(name, |step| Ok((work(step)?, Counts::ONE)))
    }

    /// Runs one step that says how many checks it made.
    pub(crate) fn run_counted<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Step) -> anyhow::Result<(T, Counts)>,
    ) -> Option<T> {
        let step = self.start(name);
        let started = Instant::now();
        let result = work(&step);
        let duration = started.elapsed();
        step.bar.finish_and_clear();
        match result {
            Ok((value, counts)) if counts.failed == 0 => {
                self.say(&format!("  ok       {name}  ({})", seconds(duration)));
                self.record(name, "ok", duration, counts, String::new());
                Some(value)
            }
            Ok((_, counts)) => {
                self.show_failure(name, &step, &format!("{} of its checks failed", counts.failed));
                self.record(name, "FAILED", duration, counts, step.log.display().to_string());
                None
            }
            Err(error) => {
                self.show_failure(name, &step, &format!("{error:#}"));
                let counts = Counts { failed: 1, ..Counts::default() };
                self.record(name, "FAILED", duration, counts, step.log.display().to_string());
                None
            }
        }
    }

    /// Notes a step that cannot run, why, and what would run it.
    pub(crate) fn skip(&self, name: &str, reason: &str, command: &str) {
        let mut text = format!("  skipped  {name}: {reason}");
        if !command.is_empty() {
            let _ = write!(text, "\n           run it with: {command}");
        }
        self.say(&text);
        let counts = Counts { skipped: 1, ..Counts::default() };
        self.record(name, "skipped", Duration::ZERO, counts, reason.to_owned());
    }

    /// Prints a line above the progress lines. Standard output is kept for results.
    pub(crate) fn say(&self, text: &str) {
        self.progress.suspend(|| eprintln!("{text}"));
    }

    /// The sum over all steps so far.
    pub(crate) fn counts(&self) -> Counts {
        let mut total = Counts::default();
        for record in self.records().iter() {
            total.add(record.counts);
        }
        total
    }

    /// A table of the time each step took.
    pub(crate) fn table(&self) -> String {
        let records = self.records();
        let width = records.iter().map(|record| record.name.chars().count()).max().unwrap_or(0);
        let mut table = String::new();
        for record in records.iter() {
            let Record { name, result, duration, counts, note } = record;
            let checks = counts.passed + counts.failed + counts.skipped;
            let time = seconds(*duration);
            let _ = writeln!(table, "{name:<width$}  {result:<7}  {time:>8}  {checks:>5} checks  {note}");
        }
        table
    }

    /// Success only when no step failed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.counts().failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn start(&self, name: &str) -> Step {
        let bar = self.progress.add(ProgressBar::new_spinner());
        bar.set_style(style(SPINNER));
        bar.set_prefix(name.to_owned());
        if self.interactive {
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            self.say(&format!("  ...      {name}"));
        }
        let log = self.logs.join(format!("{}.log", file_name(name)));
        Step { bar, log }
    }

    fn show_failure(&self, name: &str, step: &Step, error: &str) {
        let log = fs::read_to_string(&step.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..];
        let mut text = String::new();
        for line in shown {
            let _ = writeln!(text, "    | {line}");
        }
        let _ = writeln!(text, "  FAILED   {name}: {error}");
        let _ = write!(text, "           whole log: {}", step.log.display());
        self.say(&text);
    }

    fn record(&self, name: &str, result: &'static str, duration: Duration, counts: Counts, note: String) {
        self.records().push(Record { name: name.to_owned(), result, duration, counts, note });
    }

    fn records(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Prints to standard output at once, so that a pipe keeps the order of both streams.
pub(crate) fn print_result(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

// A template that cannot be read leaves the plain bar.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 100.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

fn file_name(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_has_the_form_machines_read() {
        let mut counts = Counts::ONE;
        counts.add(Counts { passed: 2, failed: 1, skipped: 3 });
        assert_eq!(counts.closing_line(), "3 passed, 1 failed, 3 skipped");
    }

    #[test]
    fn a_log_is_named_after_its_step() {
        assert_eq!(file_name("Rust tests"), "rust-tests");
    }

    #[test]
    fn long_times_are_shown_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(1_500)), "1.5 s");
        assert_eq!(seconds(Duration::from_secs(150)), "2.5 min");
    }
}

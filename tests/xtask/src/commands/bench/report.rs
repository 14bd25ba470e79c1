//! The flat object and the table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::{AIMS, Figures, Group, KEYS};
use crate::paths::Paths;
use crate::shell;

/// Figures with what they were measured on.
pub(crate) struct Report {
    values: Figures,
}

impl Report {
    /// An empty report of this checkout on this machine.
    pub(crate) fn new(paths: &Paths) -> Self {
        let ask = |name: &str, arguments: &[&str]| {
            shell::answer(&mut shell::program(paths, name, arguments)).map_or(Value::Null, Value::from)
        };
        let mut values = Figures::new();
        let changes = shell::answer(&mut shell::program(paths, "git", ["status", "--porcelain"]));
        let cores =
            std::thread::available_parallelism().map_or(Value::Null, |count| Value::from(count.get()));
        values.insert("commit".to_owned(), ask("git", &["rev-parse", "HEAD"]));
        values.insert("dirty".to_owned(), changes.map_or(Value::Null, |text| Value::from(!text.is_empty())));
        values.insert("compiler".to_owned(), ask("rustc", &["--version"]));
        values.insert("node".to_owned(), ask("node", &["--version"]));
        values.insert("machine".to_owned(), Value::from(processor()));
        values.insert("machine_cores".to_owned(), cores);
        values.insert("machine_load".to_owned(), load());
        values.insert("date".to_owned(), ask("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]));
        Self { values }
    }

    /// Takes what a step measured or identified; other keys than the documented ones are left out.
    pub(crate) fn add(&mut self, figures: &Figures) {
        for (key, value) in figures {
            if KEYS.iter().any(|(known, _, _)| known == key) && (value.is_number() || value.is_string()) {
                self.values.insert(key.clone(), value.clone());
            }
        }
    }

    /// Notes why a key has no figure.
    pub(crate) fn skip(&mut self, key: &str, reason: &str) {
        self.values.insert(key.to_owned(), Value::Null);
        self.values.insert(format!("{key}_skipped"), Value::from(reason));
    }

    /// Gives every key of `group` that has neither figure nor reason this reason.
    pub(crate) fn explain_missing(&mut self, group: Group, reason: &str) {
        for (key, _, _) in KEYS.iter().filter(|(_, of, _)| *of == group) {
            if !self.values.contains_key(*key) {
                self.skip(key, reason);
            }
        }
    }

    /// Writes the object to `file`, never half of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.values)? + "\n";
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let partial = file.with_extension("partial");
        std::fs::write(&partial, text).with_context(|| format!("cannot write {}", partial.display()))?;
        std::fs::rename(&partial, file).with_context(|| format!("cannot write {}", file.display()))
    }

    /// One line for each key.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for (key, _, unit) in KEYS {
            let _ = match &self.values.get(key) {
                Some(Value::Number(value)) => {
                    let value = shown(value.as_f64().unwrap_or(f64::NAN));
                    writeln!(table, "{key:<32} {value:>14} {unit:<6} {}", aim(key))
                }
                Some(Value::String(value)) => {
                    writeln!(table, "{key:<32} {:>14}", &value[..value.len().min(14)])
                }
                _ => writeln!(table, "{key:<32} {:>14} {}", "-", self.reason(key)),
            };
        }
        table
    }

    fn reason(&self, key: &str) -> &str {
        self.values.get(&format!("{key}_skipped")).and_then(Value::as_str).unwrap_or("")
    }
}

/// What the figure is meant to be, if anything was said.
fn aim(key: &str) -> String {
    let aim = AIMS.iter().find(|(known, _)| *known == key);
    aim.map_or_else(String::new, |(_, aim)| format!("aim {aim}"))
}

/// Whole numbers whole, times to the microsecond.
fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.3}") }
}

/// How busy the machine is as measuring starts: its mean number of running programs in the last minute.
fn load() -> Value {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    first.map_or(Value::Null, Value::from)
}

/// The processor's name, as far as the system tells it.
fn processor() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut names = information.lines().filter(|line| line.starts_with("model name"));
    let name = names.next().and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{}, {system} {architecture}", name.unwrap_or("unknown processor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures(value: Value) -> Figures {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_key_without_a_figure_is_null_and_says_why() {
        let mut report = Report { values: Figures::new() };
        report.add(&figures(json!({"wasm_raw_bytes": 5, "something_else": 1})));
        report.explain_missing(Group::Browser, "no browser");
        assert_eq!(report.values["wasm_raw_bytes"], 5);
        assert!(!report.values.contains_key("something_else"));
        assert!(report.values["rerank_500x50_chromium_p50_ms"].is_null());
        assert_eq!(report.values["rerank_500x50_chromium_p50_ms_skipped"], "no browser");
    }

    #[test]
    fn every_key_is_defined_in_the_document() {
        let document = include_str!("../../../../../docs/BENCH.md");
        for (key, _, _) in KEYS {
            assert_eq!(document.matches(&format!("| `{key}` |")).count(), 1, "{key}");
        }
    }
}

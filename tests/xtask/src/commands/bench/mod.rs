//! `cargo xtask bench`.

mod browser;
mod cloud;
mod engine;
mod report;
mod size;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::paths::Paths;
use crate::steps::{self, Steps};
use report::Report;

/// What a group measured: key to number, and what it could not with the reason.
pub(crate) type Figures = Map<String, Value>;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The groups to measure; without one, all of them.
    #[arg(value_enum)]
    groups: Vec<Group>,
    /// The file that receives the flat JSON object.
    #[arg(long, value_name = "FILE")]
    json: PathBuf,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// The engine on this machine's processor, one core.
    Engine,
    /// The engine in Chromium, and the size of the download.
    Browser,
    /// Import and refresh.
    Cloud,
}

/// Every key, its group and its unit. `docs/BENCH.md` defines each.
pub(crate) const KEYS: [(&str, Group, &str); 9] = [
    ("rerank_500x50_native_p50_ms", Group::Engine, "ms"),
    ("rerank_500x50_native_p99_ms", Group::Engine, "ms"),
    ("rerank_500x50_chromium_p50_ms", Group::Browser, "ms"),
    ("rerank_500x50_chromium_p99_ms", Group::Browser, "ms"),
    ("wasm_raw_bytes", Group::Browser, "bytes"),
    ("wasm_gzip_bytes", Group::Browser, "bytes"),
    ("wasm_brotli_bytes", Group::Browser, "bytes"),
    ("refresh_users_per_second", Group::Cloud, "1/s"),
    ("import_rows_per_second", Group::Cloud, "1/s"),
];

/// Measures the chosen groups; the file is written even when one of them fails.
///
/// # Errors
/// When the project's folders cannot be used or the file cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "bench")?;
    let mut report = Report::new(&paths);
    let chosen = |group| arguments.groups.is_empty() || arguments.groups.contains(&group);
    for (group, measure) in [
        (Group::Engine, engine::measure as fn(&Paths, &Steps, &mut Report)),
        (Group::Browser, browser::measure),
        (Group::Cloud, cloud::measure),
    ] {
        if chosen(group) {
            measure(&paths, &steps, &mut report);
            report.explain_missing(group, "its step failed, see the log");
        } else {
            report.explain_missing(group, "its group was not asked for");
        }
        // After each group, so that an interrupted run keeps what it has.
        report.write(&arguments.json)?;
    }
    steps::print_result(&report.table());
    Ok(steps.exit_code())
}

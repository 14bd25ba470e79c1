//! `cargo xtask bench`.

mod browser;
mod cloud;
mod crossing;
mod engine;
mod keys;
mod mobile;
mod native;
mod report;
mod scaling;
mod size;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::paths::Paths;
use crate::steps::{self, Steps};
use cloud::Choice;
pub(crate) use keys::{AIMS, KEYS};
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
    /// Also what takes an hour and tens of gigabytes.
    #[arg(long)]
    all: bool,
    /// Of the group `cloud` only the steps whose names contain this, such as `packs`; without a group no other one.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

impl Arguments {
    /// Refuses what would be passed over without a word.
    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.only.is_none() || self.takes(Group::Cloud),
            "--only chooses among the steps of the group `cloud`; name that group too, or none"
        );
        Ok(())
    }

    /// Whether the group was asked for.
    fn takes(&self, group: Group) -> bool {
        match self.groups.as_slice() {
            [] => self.only.is_none() || group == Group::Cloud,
            groups => groups.contains(&group),
        }
    }
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// The engine on this machine's processor, one core, and ONNX Runtime beside it.
    Engine,
    /// The engine in Chromium, onnxruntime-web beside it, and the size of the download.
    Browser,
    /// Import and refresh.
    Cloud,
    /// One event over candidates and over events, with a plot beside the JSON file.
    Scaling,
    /// The mobile library: what it weighs and what its boundaries cost.
    Mobile,
    /// The edge worker on workerd: its size, its start, one event with its list.
    Worker,
}

/// Measures the chosen groups; the file is written even when one of them fails.
///
/// # Errors
/// When no step is called as asked or `--only` has no group to choose in, the project's folders cannot be used or the file cannot be written.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    let choice = Choice::new(arguments.all, arguments.only.as_deref())?;
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "bench")?;
    let mut report = Report::new(&paths);
    for group in [Group::Engine, Group::Browser, Group::Cloud, Group::Scaling, Group::Mobile, Group::Worker] {
        if arguments.takes(group) {
            match group {
                Group::Engine => engine::measure(&paths, &steps, &mut report),
                Group::Browser => browser::measure(&paths, &steps, &mut report),
                Group::Cloud => cloud::measure(&paths, &steps, &mut report, &choice),
                Group::Scaling => scaling::measure(&paths, &steps, &mut report, &arguments.json),
                Group::Mobile => mobile::measure(&paths, &steps, &mut report),
                Group::Worker => worker::measure(&paths, &steps, &mut report),
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_of_the_group_that_has_them_alone() {
        let arguments = |groups: &[Group], only: Option<&str>| Arguments {
            groups: groups.to_vec(),
            json: PathBuf::new(),
            all: false,
            only: only.map(str::to_owned),
        };
        for groups in [&[][..], &[Group::Cloud], &[Group::Engine, Group::Cloud]] {
            assert!(arguments(groups, Some("packs")).check().is_ok(), "{groups:?}");
        }
        assert!(arguments(&[Group::Engine], Some("packs")).check().is_err());
        assert!(arguments(&[Group::Engine], None).check().is_ok());
    }
}

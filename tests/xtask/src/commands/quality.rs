//! `cargo xtask quality`: makes the tables of `docs/QUALITY.md` from scratch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::paths::Paths;
use crate::shell;
use crate::steps::{self, Step, Steps};
use crate::tools::onnxruntime;
use crate::training;
use crate::whole_path::Segue;

/// The document, and the line after which it is written anew.
const DOCUMENT: &str = "docs/QUALITY.md";
const FOUND: &str = "## What was found\n";

/// Arguments of `cargo xtask quality`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only sets whose name contains this; the document is then left alone.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// One set of data and how it comes into a folder.
struct Set {
    name: &'static str,
    /// Arguments of `segue` that fill the folder; `SOURCE` is the folder beside the checkout, `TRUTH` a file.
    fill: &'static [&'static str],
    /// The folder beside the checkout, for imported sets.
    source: Option<&'static str>,
    /// Sessions judged; 0 is every one.
    limit: &'static str,
    /// What is judged: the demo's, the data's own (trained first), none.
    models: &'static [Model],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Model {
    Demo,
    Own,
    None,
}

const fn generated(name: &'static str, fill: &'static [&'static str]) -> Set {
    Set { name, fill, source: None, limit: "200", models: &[Model::Demo] }
}

const fn imported(
    name: &'static str,
    fill: &'static [&'static str],
    folder: &'static str,
    limit: &'static str,
) -> Set {
    Set { name, fill, source: Some(folder), limit, models: &[Model::Own, Model::None] }
}

/// Seeds that nothing was trained on, and every set of the public data; obd has no sessions, only propensities.
const SETS: [Set; 9] = [
    generated(
        "generated-21",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "21", "--truth", "TRUTH"],
    ),
    generated(
        "generated-22",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "22", "--truth", "TRUTH"],
    ),
    generated(
        "generated-23",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "23", "--truth", "TRUTH"],
    ),
    imported("lastfm", &["import", "lastfm", "SOURCE"], "lastfm", "0"),
    imported("cpcd", &["import", "cpcd", "SOURCE"], "cpcd", "0"),
    imported("segmm", &["import", "segmm", "SOURCE"], "segmm", "0"),
    imported("movielens", &["import", "movielens", "SOURCE"], "ml-latest-small", "500"),
    imported("eshop", &["import", "eshop", "SOURCE"], "eshop", "1000"),
    Set { models: &[Model::None], ..imported("obd", &["import", "obd", "SOURCE"], "obd-small", "0") },
];

/// Fills, trains, judges and writes the document.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "quality")?;
    let wanted = |set: &&Set| arguments.only.as_ref().is_none_or(|only| set.name.contains(only.as_str()));
    let Some((segue, python)) = prepare(&paths, &steps) else { return Ok(steps.exit_code()) };
    let mut text = String::new();
    for set in SETS.iter().filter(wanted) {
        text.extend(judged(&paths, &steps, &segue, &python, set));
    }
    eprint!("\n{}", steps.table());
    if arguments.only.is_none() && steps.counts().failed == 0 {
        write(&paths.file(DOCUMENT), &text)?;
    } else {
        steps::print_result(&text);
    }
    Ok(steps.exit_code())
}

/// The program that ships, with the core's scorer, and the Python that trains.
fn prepare(paths: &Paths, steps: &Steps) -> Option<(Segue, PathBuf)> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    steps.run("segue: compile", |step| {
        let arguments = ["build", "--locked", "--workspace", "--bin", "segue"];
        shell::run(step, &mut shell::cargo(paths, arguments))
    })?;
    let python = steps.run("training: Python packages", |step| training::packages(paths, step))?;
    Some((Segue { executable: paths.executable("debug", "segue"), library }, python))
}

/// The section of one set; none where its source is not there or a step failed.
fn judged(paths: &Paths, steps: &Steps, segue: &Segue, python: &Path, set: &Set) -> Option<String> {
    let folder = paths.cache.join("quality").join(set.name);
    let (data, truth) = (folder.join("data"), folder.join("truth.jsonl"));
    let source = set.source.map(|name| paths.public_data().join(name));
    if let Some(source) = source.as_ref().filter(|source| !source.is_dir()) {
        let command = format!("segue {} --data D", set.fill.join(" "));
        steps.skip(set.name, &format!("{} is not there", source.display()), &command);
        return None;
    }
    steps.run(&format!("{}: fill", set.name), |step| {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let argument = |word: &&str| match *word {
            "SOURCE" => source.clone().unwrap_or_default().into_os_string(),
            "TRUTH" => truth.clone().into_os_string(),
            word => word.into(),
        };
        let mut command = segue.command(paths, &set.fill[..1], &data);
        shell::run(step, command.args(set.fill[1..].iter().map(argument)))
    })?;
    let mut text = format!("\n### {}\n\n```sh\nsegue {} --data D\n```\n", set.name, set.fill.join(" "));
    for model in set.models {
        text += &steps.run(&format!("{}: judge {}", set.name, model.word()), |step| {
            model.judge(paths, step, segue, python, set, &folder)
        })?;
    }
    Some(text)
}

impl Model {
    fn word(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Own => "own",
            Self::None => "none",
        }
    }

    /// Trains where that is asked for, judges, and gives the command with the report below it.
    fn judge(
        self,
        paths: &Paths,
        step: &Step,
        segue: &Segue,
        python: &Path,
        set: &Set,
        folder: &Path,
    ) -> anyhow::Result<String> {
        let (data, report) = (folder.join("data"), folder.join(self.word()));
        let mut shown = String::new();
        let mut command = segue.command(paths, &["evaluate", "--limit", set.limit], &data);
        let truth = folder.join("truth.jsonl");
        if truth.exists() {
            command.arg("--truth").arg(&truth);
            shown += " --truth TRUTH";
        }
        if self == Self::Own {
            let mut train = segue.command(paths, &["train"], &data);
            train.arg("--training").arg(paths.file(training::FOLDER));
            shell::run(step, train.arg("--python").arg(python))?;
        } else {
            command.args(["--model", self.word()]);
            shown += &format!(" --model {}", self.word());
        }
        shell::run(step, command.arg("--report").arg(&report))?;
        let path = report.join("report.md");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let table = text.split_once("\n\n").map_or(text.as_str(), |(_, table)| table);
        Ok(format!("\n`segue evaluate --data D --limit {}{shown}`:\n\n{table}", set.limit))
    }
}

/// Writes the document anew.
fn write(document: &Path, found: &str) -> anyhow::Result<()> {
    let old = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let text = replaced(&old, found).with_context(|| format!("{DOCUMENT} lacks {FOUND:?}"))?;
    fs::write(document, text).with_context(|| format!("cannot write {}", document.display()))
}

/// The document with other findings behind the marker; none where there is no marker.
fn replaced(document: &str, found: &str) -> Option<String> {
    let (before, _) = document.split_once(FOUND)?;
    Some(format!("{before}{FOUND}\nMade by `cargo xtask quality`.\n{found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_is_replaced() {
        let once = replaced(&format!("# Q\n{FOUND}old\n"), "\nnew\n").unwrap();
        assert_eq!(once, format!("# Q\n{FOUND}\nMade by `cargo xtask quality`.\n\nnew\n"));
        assert_eq!(replaced(&once, "\nnew\n").unwrap(), once);
        assert_eq!(replaced("# Q\n", ""), None);
    }
}

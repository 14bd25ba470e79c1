//! `cargo xtask quality`: makes the tables of `docs/QUALITY.md` from scratch, set by set. A set that was judged already by the
//! same program with the same training is not judged again, so that a run that was cut off goes on.

mod document;
mod sets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use self::sets::{Model, SETS, Set};
use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::{Step, Steps};
use crate::tools::onnxruntime;
use crate::training;
use crate::whole_path::Segue;

/// Where the tables stand.
const DOCUMENT: &str = "docs/QUALITY.md";
/// What is kept of a set's section, all but its heading, and of what it was made.
const TABLES: &str = "tables.md";
const STAMP: &str = ".segue-judged";
/// The hidden truth of generated sets.
const TRUTH: &str = "truth.jsonl";
/// Digits of a hash that are enough to tell a ranker by.
const SHORT: usize = 12;
/// What follows the tables that the document shows in a report.
const REST: &str = "\n## All figures\n";

/// Arguments of `cargo xtask quality`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only sets whose name contains this; the document keeps the tables of the others.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Judge again what was judged already.
    #[arg(long)]
    again: bool,
}

/// Fills, trains, judges and writes the document.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "quality")?;
    let wanted = |set: &&Set| arguments.only.as_ref().is_none_or(|only| set.name.contains(only.as_str()));
    ensure!(
        SETS.iter().any(|set| wanted(&set)),
        "no set is called so: there are {:?}",
        SETS.map(|set| set.name)
    );
    let Some(judge) = Judge::prepare(&paths, &steps, arguments.again) else { return Ok(steps.exit_code()) };
    let made: Vec<(&str, String)> =
        SETS.iter().filter(wanted).filter_map(|set| Some((set.name, judge.section(set)?))).collect();
    let file = paths.file(DOCUMENT);
    let old = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
    let text = document::merged(&old, &made, &names)?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    eprint!("\n{}", steps.table());
    steps.say(&format!("reports and pictures are in {}", judge.folder.display()));
    Ok(steps.exit_code())
}

/// What judges.
struct Judge<'a> {
    paths: &'a Paths,
    steps: &'a Steps,
    segue: Segue,
    python: PathBuf,
    /// Hash of the program and of the training.
    made_by: String,
    again: bool,
    /// A folder for each set.
    folder: PathBuf,
}

impl<'a> Judge<'a> {
    /// The program that ships, with the core's scorer, and the Python that trains.
    fn prepare(paths: &'a Paths, steps: &'a Steps, again: bool) -> Option<Self> {
        let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
        steps.run("segue: compile", |step| {
            let arguments = ["build", "--locked", "--workspace", "--bin", "segue"];
            shell::run(step, &mut shell::cargo(paths, arguments))
        })?;
        let python = steps.run("training: Python packages", |step| training::packages(paths, step))?;
        let executable = paths.executable("debug", "segue");
        let made_by = steps.run("program and training: hash", |_| {
            let program = stamp::file_hash(&executable)?;
            Ok(format!("{program} {}", stamp::sources_hash(paths, &[training::FOLDER])?))
        })?;
        let (segue, folder) = (Segue { executable, library }, paths.cache.join("quality"));
        Some(Self { paths, steps, segue, python, made_by, again, folder })
    }

    /// The section of one set; none where its source is not there or a step failed.
    fn section(&self, set: &Set) -> Option<String> {
        Some(set.heading() + &self.tables(set)?)
    }

    /// What stands below the section's heading.
    fn tables(&self, set: &Set) -> Option<String> {
        let folder = self.folder.join(set.name);
        let (tables, stamp_file) = (folder.join(TABLES), folder.join(STAMP));
        let stamp = stamp::text_hash(&format!("{} {}", self.made_by, set.words()));
        if !self.again && stamp::is_current(&stamp_file, &stamp) {
            return self.steps.run(&format!("{}: judged already", set.name), |_| read(&tables));
        }
        self.fill(set, &folder)?;
        let mut text = String::new();
        for model in set.models {
            let name = format!("{}: judge {}", set.name, model.word());
            text += &self.steps.run(&name, |step| {
                if *model == Model::Smaller {
                    return self.smaller(step, set, &folder);
                }
                self.judge(*model, step, set, &folder)
            })?;
        }
        self.steps.run(&format!("{}: keep", set.name), |_| {
            fs::write(&tables, &text).with_context(|| format!("cannot write {}", tables.display()))?;
            stamp::write(&stamp_file, &stamp)
        })?;
        Some(text)
    }

    /// Fills the set's folder anew.
    fn fill(&self, set: &Set, folder: &Path) -> Option<()> {
        let source = set.source.map(|name| self.paths.public_data().join(name));
        if let Some(source) = source.as_ref().filter(|source| !source.is_dir()) {
            let command = format!("segue {} --data D", set.fill.join(" "));
            self.steps.skip(set.name, &format!("{} is not there", source.display()), &command);
            return None;
        }
        self.steps.run(&format!("{}: fill", set.name), |step| {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
            }
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let argument = |word: &&str| match *word {
                "SOURCE" => source.clone().unwrap_or_default().into_os_string(),
                "TRUTH" => folder.join(TRUTH).into_os_string(),
                word => word.into(),
            };
            let mut command = self.segue.command(self.paths, &set.fill[..1], &folder.join("data"));
            shell::run(step, command.args(set.fill[1..].iter().map(argument)))?;
            Ok(())
        })
    }

    /// Trains where that is asked for, judges, and gives the command with the report below it.
    fn judge(&self, model: Model, step: &Step, set: &Set, folder: &Path) -> anyhow::Result<String> {
        let (data, report) = (folder.join("data"), folder.join(model.word()));
        let (mut shown, before, after) = (String::new(), Self::beforehand(model), self.of_demo(model)?);
        let mut command = self.segue.command(self.paths, &["evaluate", "--limit", set.limit], &data);
        let truth = folder.join(TRUTH);
        if truth.exists() {
            command.arg("--truth").arg(&truth);
            shown += " --truth TRUTH";
        }
        if model == Model::Own {
            let mut train = self.segue.command(self.paths, &["train"], &data);
            train.arg("--training").arg(self.paths.file(training::FOLDER));
            shell::run(step, train.arg("--python").arg(&self.python))?;
        } else {
            command.args(["--model", model.word()]);
            shown += &format!(" --model {}", model.word());
        }
        command.arg("--json").arg(folder.join(format!("{}.json", model.word())));
        shell::run(step, command.arg("--report").arg(&report))?;
        let text = read(&report.join("report.md"))?;
        let (_, table) = text.split_once("\n\n").unwrap_or(("", text.as_str()));
        let (table, _) = table.split_once(REST).unwrap_or((table, ""));
        Ok(format!("\n{before}`segue evaluate --data D --limit {}{shown}`{after}:\n\n{table}", set.limit))
    }

    /// What stands before the command that judges: the one that trains.
    fn beforehand(model: Model) -> &'static str {
        if model == Model::Own { "`segue train --data D`, then " } else { "" }
    }

    /// Which ranker the demo's is, as its files may change and the program carries them; nothing of other models.
    fn of_demo(&self, model: Model) -> anyhow::Result<String> {
        if model != Model::Demo {
            return Ok(String::new());
        }
        let hash = stamp::file_hash(&self.paths.file(training::MODELS).join("ranker.onnx"))?;
        let short: String = hash.chars().take(SHORT).collect();
        Ok(format!(", the model of `{}` with the ranker `{short}`", training::MODELS))
    }

    /// Trains smaller rankers, has each judged, and gives the command with the table below it.
    fn smaller(&self, step: &Step, set: &Set, folder: &Path) -> anyhow::Result<String> {
        let out = folder.join(Model::Smaller.word());
        let mut command = shell::program(self.paths, &self.python, ["-m", "segue_training", "--segue"]);
        command.arg(&self.segue.executable).arg("compress").arg("--data").arg(folder.join("data"));
        command.arg("--out").arg(&out).args(["--limit", set.limit]);
        command.current_dir(self.paths.file(training::FOLDER));
        shell::run(step, command.env(onnxruntime::VARIABLE, &self.segue.library))?;
        let table = read(&out.join("table.md"))?;
        let shown = "python -m segue_training --segue SEGUE compress --data D --out OUT";
        Ok(format!("\n`{shown} --limit {}`:\n\n{table}", set.limit))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

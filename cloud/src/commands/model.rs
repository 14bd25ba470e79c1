//! `segue model`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::evaluate;
use crate::catalog::Catalogue;
use crate::evaluate::gate::{self, Finding, Limits};
use crate::evaluate::{Choice, Rows, ScorerKind};
use crate::towers::ModelDirectory;
use crate::train::fold_folder;

/// Arguments of `segue model`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with a model.
#[derive(clap::Subcommand)]
enum Action {
    /// Say whether a model may be served: files, operators and shapes, size, latency, and quality beside the served one.
    Check(Check),
}

/// Which model, and beside what.
#[derive(clap::Args)]
struct Check {
    /// The model's folder.
    #[arg(value_name = "DIR")]
    model: PathBuf,
    /// The data folder whose held-out sessions both models are judged on; without one quality is not looked at.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The served model: a folder, `demo` or `none`; the data's current one without it.
    #[arg(long, value_name = "DIR", requires = "data")]
    served: Option<String>,
    /// Label rules to judge both by, in place of the data folder's labels.json, else of those that ship.
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Held-out sessions to replay, spread evenly over all of them; 0 replays every one.
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit: usize,
    /// Most bytes of the ranker.
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    bytes: u64,
    /// Most milliseconds for 500 candidates after an event, in the median on this machine.
    #[arg(long, value_name = "MS", default_value_t = 10.0)]
    milliseconds: f64,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs `segue model`.
///
/// # Errors
/// `model_refused` with what falls short; when a file cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Action::Check(check) = &arguments.action;
    let limits = Limits { bytes: check.bytes, milliseconds: check.milliseconds };
    let mut findings = of_folders(&check.model, limits)?;
    findings.push(match (&check.data, findings.iter().all(|finding| finding.passed)) {
        (Some(data), true) => quality(check, data)?,
        (Some(_), false) => gate::no_quality("the model is refused without it"),
        (None, _) => gate::no_quality("--data names the sessions to judge both models on"),
    });
    for Finding { check, passed, detail, .. } in &findings {
        println!("{check:<10} {} {detail}", if *passed { "passed " } else { "refused" });
    }
    if let Some(path) = &check.json {
        let text = serde_json::to_string_pretty(&gate::json(&check.model, &findings))?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let short: Vec<&Finding> = findings.iter().filter(|finding| !finding.passed).collect();
    if let [first, ..] = short.as_slice() {
        bail!("model_refused: {}: {}", first.check, first.detail);
    }
    Ok(())
}

/// What can be said without data, of the model and of those of the folds; of these only what falls short.
fn of_folders(model: &Path, limits: Limits) -> anyhow::Result<Vec<Finding>> {
    let of = |folder: &Path| -> anyhow::Result<Vec<Finding>> {
        let mut findings = vec![gate::of_card(folder)];
        findings.extend(gate::of_file(&ModelDirectory::open(folder)?, limits, ScorerKind::shipped()));
        Ok(findings)
    };
    let mut findings = of(model)?;
    for (fold, folder) in (0..).map(|fold| (fold, fold_folder(model, fold))).take_while(|(_, at)| at.is_dir())
    {
        let short = of(&folder)?.into_iter().filter(|finding| !finding.passed);
        findings.extend(
            short.map(|finding| Finding { detail: format!("fold {fold}: {}", finding.detail), ..finding }),
        );
    }
    Ok(findings)
}

/// Both models on the same held-out sessions.
fn quality(check: &Check, data: &Path) -> anyhow::Result<Finding> {
    let served = Choice::of(check.served.as_deref(), data, || {
        bail!("{} has no current model: name one with --served", data.display())
    })?;
    let replay = |choice: &Choice| {
        let labels = check.labels.clone();
        let arguments = evaluate::Arguments { labels, ..evaluate::Arguments::of(data, check.limit) };
        let rows = Rows::ours();
        evaluate::tally(&arguments, &mut Catalogue::load(data)?, choice, None, &rows)
    };
    Ok(gate::quality(&replay(&Choice::Folder(check.model.clone()))?, &replay(&served)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::generate::{self, Options};

    #[test]
    fn both_models_are_judged_by_the_label_rules_that_are_named() {
        let data = tempfile::tempdir().unwrap();
        generate::run(&Options { tracks: 200, users: 2, seed: 7, truth: None }, data.path()).unwrap();
        let check = Check {
            model: "no-such-model".into(),
            data: Some(data.path().to_owned()),
            served: Some("none".to_owned()),
            labels: Some("no-such-rules.json".into()),
            limit: 1,
            bytes: 1,
            milliseconds: 1.0,
            json: None,
        };
        let text = format!("{:#}", quality(&check, data.path()).unwrap_err());
        assert!(text.contains("no-such-rules.json"), "{text}");
    }
}

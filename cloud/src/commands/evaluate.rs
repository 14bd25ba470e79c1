//! `segue evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::catalog::generate::truth::Truth;
use crate::catalog::{Catalogue, Rule, SessionLog};
use crate::evaluate::tasks::{Skipped, count};
use crate::evaluate::{
    Choice, Head, Judge, LabelRules, Report, Rows, ScorerKind, Source, Tally, bandit, own,
};
use crate::progress;
use crate::refresh::{Policies, Ranking};
use crate::train;

/// Arguments of `segue evaluate`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a readable report with pictures into this folder.
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// A model folder, `demo`, or `none`; by default the data's own, which is trained first where there is none.
    #[arg(long, value_name = "DIR")]
    pub model: Option<String>,
    /// The hidden truth that `segue generate --truth` wrote.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Judge these sessions instead of the held-out ones: a file of JSON lines, .csv or .parquet in the columns of events.
    #[arg(long, value_name = "FILE")]
    pub sessions: Option<PathBuf>,
    /// Judge what this preset of split.json holds out, instead of its own rule.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// Label rules in place of the data folder's labels.json, else of those that ship; a model that is trained first learns by
    /// them too.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// What runs the ranker.
    #[arg(long, value_enum, default_value_t = ScorerKind::shipped())]
    pub scorer: ScorerKind,
    /// Held-out sessions to replay, spread evenly over all of them; 0 replays every one.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub limit: usize,
    /// The Python to train with; SEGUE_PYTHON, else python3, without it.
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// The project's folder cloud/training, for training first; looked for around the program without it.
    #[arg(long, value_name = "DIR")]
    pub training: Option<PathBuf>,
}

/// Runs `segue evaluate`.
///
/// # Errors
/// When the data cannot be read, has no held-out sessions, or the model does not fit or saw them.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    make_room(arguments)?;
    let mut catalogue = Catalogue::load(&arguments.data)?;
    let mut events = catalogue.events.iter();
    let has_sessions = events.len() == 0 || events.any(|event| !event.context.contains_key("propensity"));
    if arguments.sessions.is_none() && !has_sessions {
        return off_policy(arguments, &catalogue);
    }
    catalogue.divide(catalogue.split.named(arguments.split.as_deref())?);
    let choice = Choice::of(arguments.model.as_deref(), &arguments.data, || train_first(arguments))?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let timed = catalogue.dataset.timed && catalogue.split.rule.boundary_ms().is_some();
    let rows = Rows::new(timed, truth.is_some(), choice.without_trees());
    let rule = catalogue.split.rule;
    let tally = tally(arguments, &mut catalogue, &choice, truth.as_ref(), &rows)?;
    let head = Head {
        dataset: catalogue.dataset.name.clone(),
        split: serde_json::to_value(rule)?,
        model: choice.name(),
        trained_until: choice.trained_until()?,
        scorer: arguments.scorer.name(),
        truth: truth.is_some(),
    };
    write(arguments, &Report::new(head, rows, &catalogue, tally))
}

impl Arguments {
    /// The held-out sessions of a data folder, at most `limit` of them, and nothing written.
    pub(super) fn of(data: &Path, limit: usize) -> Self {
        Self {
            data: data.to_owned(),
            limit,
            scorer: ScorerKind::shipped(),
            json: None,
            report: None,
            model: None,
            truth: None,
            sessions: None,
            split: None,
            labels: None,
            python: None,
            training: None,
        }
    }
}

/// What the replay of everything that is asked for adds up to, with every fold's own model.
///
/// # Errors
/// When the model does not fit or saw the sessions, or nothing can be judged.
pub(super) fn tally(
    arguments: &Arguments,
    catalogue: &mut Catalogue,
    choice: &Choice,
    truth: Option<&Truth>,
    rows: &Rows,
) -> anyhow::Result<Tally> {
    let surface = &catalogue.dataset.surface;
    let rules = LabelRules::of_data(&arguments.data, arguments.labels.as_deref(), surface)?;
    if let Some(remark) = choice.remark(&rules)? {
        eprintln!("remark: {remark}");
    }
    let mut tally = Tally::default();
    for part in parts(catalogue.split.rule, choice, arguments.sessions.is_some()) {
        catalogue.divide(part);
        tally = tally.merge(replay(arguments, catalogue, choice, &rules, truth, rows)?);
    }
    ensure!(
        tally.steps > 0,
        "nothing of {} can be judged; left out: {:?}",
        arguments.data.display(),
        tally.skipped
    );
    Ok(tally)
}

/// The splits to judge by: every fold that there is a model for, else the one rule.
fn parts(rule: Rule, choice: &Choice, own_sessions: bool) -> Vec<Rule> {
    match rule {
        Rule::Folds { folds, .. } if choice.has_folds() && !own_sessions => {
            (0..folds).map(|fold| rule.with_fold(fold)).collect()
        }
        _ => vec![rule],
    }
}

/// Replays what the catalogue's rule holds out, or the sessions of one's own.
fn replay(
    arguments: &Arguments,
    catalogue: &mut Catalogue,
    choice: &Choice,
    rules: &LabelRules,
    truth: Option<&Truth>,
    rows: &Rows,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let (sessions, source) = match &arguments.sessions {
        Some(path) => {
            let own::Own { sessions, remarks } = own::read(path, catalogue, &mut tally.skipped)?;
            for remark in remarks {
                eprintln!("remark: {}: {remark}", path.display());
            }
            (sessions, Source::Own)
        }
        None => (held_out(catalogue), Source::of(&catalogue.dataset.name)),
    };
    let surface = &catalogue.dataset.surface;
    let model = choice.open(catalogue)?;
    let policy = Policies::read(&arguments.data)?.of(surface)?;
    let ranking = Ranking::new(policy, model.as_ref())?;
    let all = sessions.len();
    let sessions = spread(&sessions, arguments.limit);
    count(&mut tally.skipped, "session_beyond_limit", all - sessions.len());
    let scorer = arguments.scorer;
    let judge = Judge { catalogue, model: model.as_ref(), ranking, rules, source, scorer, truth, rows };
    let bar = progress::bar("replaying sessions", sessions.len());
    let found = judge.replay(&sessions, &|| bar.inc(1))?;
    bar.finish_and_clear();
    Ok(tally.merge(found))
}

/// The data has no model: one is trained now.
fn train_first(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    eprintln!("{} has no model yet: training one", arguments.data.display());
    let options = train::Options {
        split: arguments.split.clone(),
        python: arguments.python.clone(),
        training: arguments.training.clone(),
        labels: arguments.labels.clone(),
        ..train::Options::default()
    };
    train::run(&arguments.data, &options)
        .context("without training, --model demo, --model none or --model DIR says what to judge")
}

/// The held-out sessions that the rule judges, in the order of time.
fn held_out(catalogue: &Catalogue) -> Vec<SessionLog> {
    let begins = |session: &SessionLog| catalogue.events[session.events[0] as usize].time_ms;
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.held_out && catalogue.split.rule.judges(begins(session)));
    sessions
}

/// At most `most` of them, evenly spread; all where it is 0.
fn spread(sessions: &[SessionLog], most: usize) -> Vec<&SessionLog> {
    let step = if most == 0 { 1 } else { sessions.len().div_ceil(most).max(1) };
    sessions.iter().step_by(step).collect()
}

/// Makes the folders that will be written to, so that a long replay does not end in an error.
fn make_room(arguments: &Arguments) -> anyhow::Result<()> {
    let beside = arguments.json.as_deref().and_then(Path::parent);
    for folder in beside.into_iter().chain(arguments.report.as_deref()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(())
}

fn write(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    print!("{report}");
    if let Some(folder) = &arguments.report {
        report.write(folder)?;
    }
    write_json(arguments, &report.json())
}

fn write_json(arguments: &Arguments, report: &Value) -> anyhow::Result<()> {
    let Some(path) = &arguments.json else { return Ok(()) };
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Impressions with propensities and without sessions: what policies would have earned.
fn off_policy(arguments: &Arguments, catalogue: &Catalogue) -> anyhow::Result<()> {
    ensure!(
        arguments.labels.is_none(),
        "label rules say nothing of impressions with propensities, whose clicks are counted: leave --labels out"
    );
    let mut skipped = Skipped::new();
    let estimates = bandit::estimates(catalogue, &mut skipped);
    ensure!(!estimates.is_empty(), "no impression tells its propensity and logging policy: {skipped:?}");
    let report = bandit::Report { dataset: catalogue.dataset.name.clone(), estimates, skipped };
    print!("{report}");
    if let Some(folder) = &arguments.report {
        report.write(folder)?;
    }
    write_json(arguments, &report.json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn label_rules_are_refused_where_nothing_goes_by_them() {
        let refused = |labels: Option<PathBuf>| {
            let arguments = Arguments { labels, ..Arguments::of(Path::new("no-data"), 0) };
            off_policy(&arguments, &samples::catalogue()).unwrap_err().to_string()
        };
        assert!(refused(Some("mine.json".into())).contains("leave --labels out"));
        assert!(!refused(None).contains("--labels"));
    }
}

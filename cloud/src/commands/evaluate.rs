//! `segue evaluate`.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::catalog::{Catalogue, SessionLog};
use crate::evaluate::{Choice, Head, Replay, Report, ScorerKind};
use crate::index::Kind;
use crate::progress;
use crate::refresh::{Moment, Policies, Prepared, Ranking};
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
    /// A model folder, `demo`, or `none`; by default the data's own, which is trained first where there is none.
    #[arg(long, value_name = "DIR")]
    pub model: Option<String>,
    /// Judge what this preset of split.json holds out, instead of its own rule.
    #[arg(long, value_name = "NAME")]
    pub split: Option<String>,
    /// The Python to train with; SEGUE_PYTHON, else python3, without it.
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// What runs the ranker.
    #[arg(long, value_enum, default_value_t = ScorerKind::shipped())]
    pub scorer: ScorerKind,
    /// Held-out sessions to replay, spread evenly over all of them; 0 replays every one.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub limit: usize,
}

/// Runs `segue evaluate`.
///
/// # Errors
/// When the data cannot be read, has no held-out sessions, or the model does not fit.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut catalogue = Catalogue::load(&arguments.data)?;
    catalogue.divide(catalogue.split.named(arguments.split.as_deref())?);
    let choice = Choice::of(arguments.model.as_deref(), &arguments.data, || train_first(arguments))?;
    let model = choice.open(&catalogue)?;
    let held_out = held_out(&catalogue, arguments.limit);
    ensure!(!held_out.is_empty(), "{} has no held-out sessions with a user", arguments.data.display());
    let until_ms = known_until(&catalogue);
    let policy = Policies::read(&arguments.data)?.of(&catalogue.dataset.surface)?;
    let moment = Moment { until_ms: Some(until_ms), now_ms: until_ms };
    let ranking = Ranking::new(policy, model.as_ref())?;
    let prepared = Prepared::new(&catalogue, model.as_ref(), ranking, Kind::Exact, moment, &|_| ())?;

    let bar = progress::bar("replaying sessions", held_out.len());
    let sessions: Vec<&SessionLog> = held_out.iter().collect();
    let tally = Replay::all(&prepared, arguments.scorer, &sessions, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let head = Head {
        dataset: catalogue.dataset.name.clone(),
        split: serde_json::to_value(catalogue.split.rule)?,
        model: choice.name(),
        trained_until: until_ms,
        scorer: arguments.scorer.name(),
    };
    let report = Report::new(head, &tally);
    print!("{report}");
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The data has no model: one is trained now.
fn train_first(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    eprintln!("{} has no model yet: training one", arguments.data.display());
    let options = train::Options {
        split: arguments.split.clone(),
        python: arguments.python.clone(),
        ..train::Options::default()
    };
    train::run(&arguments.data, &options)
        .context("without training, --model demo, --model none or --model DIR says what to judge")
}

/// Where knowledge ends: the boundary of a time split; under other splits the held-out events say so themselves.
fn known_until(catalogue: &Catalogue) -> i64 {
    let end = || catalogue.events.last().map_or(0, |event| event.time_ms.saturating_add(1));
    catalogue.split.rule.boundary_ms().unwrap_or_else(end)
}

/// At most `most` of the held-out sessions that have a user, evenly spread.
fn held_out(catalogue: &Catalogue, most: usize) -> Vec<SessionLog> {
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.held_out && session.user.is_some());
    let step = if most == 0 { 1 } else { sessions.len().div_ceil(most).max(1) };
    sessions.into_iter().step_by(step).collect()
}

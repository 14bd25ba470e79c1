//! `segue evaluate`.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::catalog::{Catalogue, Rule, SessionLog};
use crate::evaluate::{Head, Replay, Report, ScorerKind};
use crate::index::Kind;
use crate::progress;
use crate::refresh::{Moment, Policies, Prepared, Ranking};
use crate::towers::ModelDirectory;

/// Arguments of `segue evaluate`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Write the findings here as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// A model folder, `demo`, or `none`; by default the one a refresh would use.
    #[arg(long, value_name = "DIR")]
    pub model: Option<String>,
    /// What runs the ranker.
    #[arg(long, value_enum, default_value_t = ScorerKind::shipped())]
    pub scorer: ScorerKind,
    /// Held-out sessions to replay, spread evenly over all of them; 0 replays every one.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub sessions: usize,
}

/// Runs `segue evaluate`.
///
/// # Errors
/// When the data cannot be read, has no held-out sessions, or the model does not fit.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let catalogue = Catalogue::load(&arguments.data)?;
    let model = model(arguments, &catalogue)?;
    let held_out = held_out(&catalogue, arguments.sessions);
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
        split: serde_json::to_value(catalogue.split)?,
        model: model.as_ref().map_or_else(|| "none".to_owned(), |model| model.origin.clone()),
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

/// The model asked for, which must fit the data, or the one that a refresh would use.
fn model(arguments: &Arguments, catalogue: &Catalogue) -> anyhow::Result<Option<ModelDirectory>> {
    let model = match arguments.model.as_deref() {
        None => return ModelDirectory::find(&arguments.data, &catalogue.dataset),
        Some("none") => return Ok(None),
        Some("demo") => ModelDirectory::demo(),
        Some(folder) => ModelDirectory::open(folder.as_ref())?,
    };
    ensure!(
        model.fits(&catalogue.dataset)?,
        "the model {} was trained for other attributes and categories than {} has; --model none goes without",
        model.origin,
        arguments.data.display()
    );
    Ok(Some(model))
}

/// Where knowledge ends: the boundary of a time split; under other splits the held-out events say so themselves.
fn known_until(catalogue: &Catalogue) -> i64 {
    match catalogue.split.rule {
        Rule::Time { boundary_ms } => boundary_ms,
        _ => catalogue.events.last().map_or(0, |event| event.time_ms.saturating_add(1)),
    }
}

/// At most `most` of the held-out sessions that have a user, evenly spread.
fn held_out(catalogue: &Catalogue, most: usize) -> Vec<SessionLog> {
    let mut sessions = catalogue.sessions();
    sessions.retain(|session| session.held_out && session.user.is_some());
    let step = if most == 0 { 1 } else { sessions.len().div_ceil(most).max(1) };
    sessions.into_iter().step_by(step).collect()
}

//! `segue expire-events`.

use anyhow::Context as _;

use super::attended::{attend, give_way};
use super::settings::From;
use crate::clock::now_ms;
use crate::config::Settings;
use crate::expiry::{HeldBack, Options, UnderWay, expire};
use crate::refresh::HISTORY;

/// Arguments of `segue expire-events`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// How long events are kept, 3d at least; as serve.keep_events says, without it.
    #[arg(long, value_name = "SPAN")]
    keep: Option<String>,
    /// Go the whole way instead of two days further than the last run.
    #[arg(long)]
    at_once: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Ends when its input does, as the service's end does, and gives way to others.
    #[arg(long, hide = true)]
    attended: bool,
}

/// Runs `segue expire-events`: lets go of received events that are old. The service may be running.
///
/// # Errors
/// When somebody is being erased, or the log cannot be read or written; the next run goes on from there.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.attended {
        attend()?;
    }
    let settings = arguments.from.settings([("serve.keep_events", arguments.keep.clone())])?;
    let expired = expire(settings.data()?, now_ms(), options(&settings, arguments.at_once)?);
    if arguments.attended && expired.as_ref().is_err_and(anyhow::Error::is::<UnderWay>) {
        give_way();
    }
    let summary = expired?;
    if arguments.json {
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    println!("{} events that were old left the log", summary.gone);
    match summary.held_back {
        Some(HeldBack::Step) => {
            println!("  the next run goes two days further; --at-once goes the whole way")
        }
        Some(HeldBack::TrainingLog) => println!(
            "  more stays until the training log is written (serve.training_log_every, or `segue training-log`)"
        ),
        None => {}
    }
    Ok(())
}

fn options(settings: &Settings, at_once: bool) -> anyhow::Result<Options> {
    let keep = settings.serve.keep_events;
    Ok(Options {
        keep: keep.context("serve.keep_events says that all events are kept: name a time with --keep")?,
        dedup_window: settings.limits.events.dedup_window,
        at_once,
        // A refresh by hand may hold as many without a setting.
        history: settings.refresh.history.max(HISTORY),
        filter: settings.filter,
        is_training_log_written: settings.serve.training_log_every.is_some(),
    })
}

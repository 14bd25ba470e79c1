//! `segue training-log`.

use super::attended::attend;
use super::settings::From;
use crate::clock::now_ms;
use crate::training_log::{LABEL_HOURS, folder, write};

/// Arguments of `segue training-log`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Ends when its input does, as the service's end does, and gives way to others.
    #[arg(long, hide = true)]
    attended: bool,
}

/// Runs `segue training-log`: writes every hour whose label windows are over. The service may be running.
///
/// # Errors
/// When the log cannot be read or a file cannot be written; the next run goes on from there.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.attended {
        attend()?;
    }
    let settings = arguments.from.settings([])?;
    let data = settings.data()?;
    let summary = write(data, now_ms(), settings.filter)?;
    if summary.new_labels {
        // Beside what is printed: it reaches the service's log too, which takes no other word.
        eprintln!(
            "remark: hours from now on go by other label rules than those before, which stay as they are; `labels` of {} \
             tells which hours went by which",
            folder(data).join("state.json").display()
        );
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    let (rows, hours) = (summary.rows, summary.hours);
    println!("{rows} rows of {hours} hours written below {}", folder(data).display());
    println!(
        "  of {} it is known what became of them, {} with what the model saw",
        summary.labelled, summary.with_features
    );
    println!("  {} events wait until {LABEL_HOURS} hours are over", summary.waiting);
    if summary.left_out.all() > 0 {
        println!("  {}", summary.left_out);
    }
    if summary.cut_off > 0 {
        println!("  {} kept lists were cut off by a kill and are left out", summary.cut_off);
    }
    Ok(())
}

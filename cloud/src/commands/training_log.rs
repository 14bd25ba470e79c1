//! `segue training-log`.

use anyhow::Context as _;

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

/// How much less a processor is for it than for the service (nice).
const NICE: i32 = 10;

/// Ends this process with the service that began it, however that ends: nothing ever comes from there but the end.
fn attend() -> anyhow::Result<()> {
    // Where this is refused, the processors are shared as usual.
    let _ = rustix::process::nice(NICE);
    let thread = std::thread::Builder::new().name("service".to_owned()).spawn(wait_for_the_end);
    thread.map(drop).context("starting the thread that waits for the service's end")
}

fn wait_for_the_end() {
    // An input that cannot be read has ended.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    std::process::exit(1);
}

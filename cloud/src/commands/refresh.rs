//! `segue refresh`, in one process or shard by shard.

use std::path::{Path, PathBuf};

use crate::index::Kind;
use crate::packs::GENERATIONS;
use crate::refresh::{
    Gate, Options, Report, Terms, parse_duration, publish, repeat, run as refresh, run_shard,
};

/// Arguments of `segue refresh`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    step: Option<Step>,
    #[command(flatten)]
    whole: Whole,
}

/// One step of a run that several processes share.
#[derive(clap::Subcommand)]
enum Step {
    /// Make one shard of a run; a shard that is finished is left as it is.
    RunShard(Shard),
    /// Check the shards of a run, pass the gates and publish.
    Publish(Publish),
}

/// A whole refresh.
#[derive(clap::Args)]
struct Whole {
    /// The data folder.
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,
    /// Keep refreshing, such as every 30m; a failing run is reported and the next one tried.
    #[arg(long, value_name = "TIME")]
    every: Option<String>,
    /// Into how many shards; about one for every 10,000 users without it.
    #[arg(long, value_name = "N")]
    shards: Option<usize>,
    #[command(flatten)]
    making: Making,
    #[command(flatten)]
    publishing: Publishing,
}

/// How packs are made.
#[derive(clap::Args)]
struct Making {
    /// A trained model's folder; without one the model that fits the data is used, if there is one.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// How candidates are retrieved.
    #[arg(long, value_enum, default_value = "hnsw")]
    index: Kind,
    /// How long packs and manifest are accepted by clients.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    lifetime: String,
    /// When to stop making lists anew; who is left then keeps the one before. Who was seen last comes first.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// How old the list of somebody about whom nothing changed may be; `none` makes all of them anew.
    #[arg(long, value_name = "TIME", default_value = "6h")]
    reuse: String,
}

/// How a run is published.
#[derive(clap::Args)]
struct Publishing {
    /// How many generations are kept, to roll back to.
    #[arg(long, value_name = "N", default_value_t = GENERATIONS)]
    keep: usize,
    /// Publish whatever this gate finds; may be given several times.
    #[arg(long, value_enum, value_name = "GATE")]
    waive: Vec<Gate>,
    /// Print the report as one line of JSON, last.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Shard {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The run's name; the first process of a run plans it.
    #[arg(long)]
    run: String,
    /// Which shard, from 0.
    #[arg(long)]
    shard: usize,
    /// Of how many.
    #[arg(long)]
    of: usize,
    #[command(flatten)]
    making: Making,
}

#[derive(clap::Args)]
struct Publish {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The run's name.
    #[arg(long)]
    run: String,
    #[command(flatten)]
    publishing: Publishing,
}

/// Runs `segue refresh`.
///
/// # Errors
/// Says what could not be read or written, or which gate was not passed.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match (&arguments.step, &arguments.whole.data) {
        (Some(Step::RunShard(step)), _) => {
            let report = run_shard(&step.data, &step.run, (step.shard, step.of), &step.making.options()?)?;
            println!("{report}");
            Ok(())
        }
        (Some(Step::Publish(step)), _) => {
            print(&publish(&step.data, &step.run, &step.publishing.terms())?, step.publishing.json)
        }
        (None, Some(data)) => arguments.whole.run(data),
        (None, None) => anyhow::bail!("name the data folder with --data"),
    }
}

impl Whole {
    fn run(&self, data: &Path) -> anyhow::Result<()> {
        let options =
            Options { shards: self.shards, terms: self.publishing.terms(), ..self.making.options()? };
        let once = || print(&refresh(data, &options)?, self.publishing.json);
        let Some(every) = &self.every else { return once() };
        let failed = |error: &anyhow::Error| {
            eprintln!("refresh failed, the generation before is still served: {error:#}")
        };
        repeat(parse_duration(every)?, once, failed, |wait| {
            std::thread::sleep(wait);
            true
        });
        Ok(())
    }
}

impl Making {
    fn options(&self) -> anyhow::Result<Options> {
        let reuse_ms = if self.reuse == "none" { 0 } else { milliseconds(&self.reuse)? };
        Ok(Options {
            // The run's other processes may work elsewhere.
            model: self.model.as_deref().map(std::path::absolute).transpose()?,
            index: self.index,
            lifetime_ms: milliseconds(&self.lifetime)?,
            deadline_ms: self.deadline.as_deref().map(milliseconds).transpose()?,
            reuse_ms,
            ..Options::default()
        })
    }
}

impl Publishing {
    fn terms(&self) -> Terms {
        Terms { keep: self.keep, waived: self.waive.clone() }
    }
}

fn milliseconds(text: &str) -> anyhow::Result<i64> {
    Ok(i64::try_from(parse_duration(text)?.as_millis())?)
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    println!("{report}");
    if json {
        println!("{}", serde_json::to_string(report)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.arguments)
    }

    #[test]
    fn the_whole_and_its_steps_each_name_the_data_folder() {
        let whole = parse("refresh --json --data D").unwrap();
        assert_eq!(whole.whole.data.as_deref(), Some(Path::new("D")));
        assert!(whole.step.is_none() && whole.whole.publishing.json);
        let shard = parse("refresh run-shard --data D --run R --shard 0 --of 2").unwrap();
        assert!(matches!(shard.step, Some(Step::RunShard(Shard { of: 2, .. }))));
        let publish = parse("refresh publish --data D --run R").unwrap();
        assert!(matches!(publish.step, Some(Step::Publish(_))));
        assert!(parse("refresh --json").is_err());
    }
}

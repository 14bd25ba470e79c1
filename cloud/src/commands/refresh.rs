//! `segue refresh`, in one process or shard by shard.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{Flag, From};
use crate::config::Settings;
use crate::onnx::card;
use crate::refresh::{
    Gate, Options, Report, Terms, parse_duration, publish, repeat, run as refresh, run_shard,
};

/// Arguments of `segue refresh`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
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
    #[command(flatten)]
    from: From,
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
    /// How candidates are retrieved: hnsw, usearch or exact; hnsw without it.
    #[arg(long, value_name = "KIND")]
    index: Option<String>,
    /// How long packs and manifest are accepted by clients; 7d without it.
    #[arg(long, value_name = "TIME")]
    lifetime: Option<String>,
    /// When to stop making lists anew; who is left then keeps the one before. Who was seen last comes first.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// How old the list of somebody about whom nothing changed may be; `none` makes all of them anew, 6h without it.
    #[arg(long, value_name = "TIME")]
    reuse: Option<String>,
    /// How many of a person's latest events of each kind are held while reading; 1000 without it.
    #[arg(long, value_name = "N")]
    history: Option<usize>,
    /// How many of nobody's latest events that say what was taken up or refused are held likewise; 4000000 without it.
    #[arg(long, value_name = "N")]
    nobodys_history: Option<usize>,
}

/// How a run is published.
#[derive(clap::Args)]
struct Publishing {
    /// How many generations are kept, to roll back to; 3 without it.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Publish whatever this gate finds; may be given several times.
    #[arg(long, value_enum, value_name = "GATE")]
    waive: Vec<Gate>,
    /// Print the report as one line of JSON, last.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Shard {
    #[command(flatten)]
    from: From,
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
    #[command(flatten)]
    from: From,
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
    match &arguments.step {
        Some(Step::RunShard(step)) => {
            let settings = step.from.settings(step.making.flags())?;
            card::use_so(settings.refresh.card);
            let options = step.making.options(&settings)?;
            println!("{}", run_shard(settings.data()?, &step.run, (step.shard, step.of), &options)?);
            Ok(())
        }
        Some(Step::Publish(step)) => {
            let settings = step.from.settings(step.publishing.flags())?;
            let terms = step.publishing.terms(&settings);
            print(&publish(settings.data()?, &step.run, &terms)?, step.publishing.json)
        }
        None => arguments.whole.run(),
    }
}

impl Whole {
    fn run(&self) -> anyhow::Result<()> {
        let settings = self.from.settings(self.making.flags().into_iter().chain(self.publishing.flags()))?;
        card::use_so(settings.refresh.card);
        let data = settings.data()?;
        let terms = self.publishing.terms(&settings);
        let options = Options { shards: self.shards, terms, ..self.making.options(&settings)? };
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
    fn flags(&self) -> [Flag; 6] {
        [
            ("refresh.index", self.index.clone()),
            ("refresh.lifetime", self.lifetime.clone()),
            ("refresh.deadline", self.deadline.clone()),
            ("refresh.reuse", self.reuse.clone()),
            ("refresh.history", self.history.map(|history| history.to_string())),
            ("refresh.nobodys_history", self.nobodys_history.map(|history| history.to_string())),
        ]
    }

    fn options(&self, settings: &Settings) -> anyhow::Result<Options> {
        let set = &settings.refresh;
        Ok(Options {
            // The run's other processes may work elsewhere.
            model: self.model.as_deref().map(std::path::absolute).transpose()?,
            index: set.index,
            lifetime_ms: milliseconds(set.lifetime)?,
            deadline_ms: set.deadline.map(milliseconds).transpose()?,
            reuse_ms: set.reuse.map_or(Ok(0), milliseconds)?,
            history: set.history,
            nobodys_history: set.nobodys_history,
            filter: settings.filter,
            ..Options::default()
        })
    }
}

impl Publishing {
    fn flags(&self) -> [Flag; 1] {
        [("refresh.keep", self.keep.map(|keep| keep.to_string()))]
    }

    fn terms(&self, settings: &Settings) -> Terms {
        Terms { keep: settings.refresh.keep, waived: self.waive.clone() }
    }
}

fn milliseconds(time: Duration) -> anyhow::Result<i64> {
    Ok(i64::try_from(time.as_millis())?)
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
        let folder = |from: &From| from.data.as_deref().map(|data| data.display().to_string());
        let whole = parse("refresh --json --data D").unwrap();
        assert_eq!(folder(&whole.whole.from).as_deref(), Some("D"));
        assert!(whole.step.is_none() && whole.whole.publishing.json);
        let shard = parse("refresh run-shard --data D --run R --shard 0 --of 2").unwrap();
        let Some(Step::RunShard(shard)) = shard.step else { panic!("no shard") };
        assert_eq!((folder(&shard.from).as_deref(), shard.of), (Some("D"), 2));
        let publish = parse("refresh publish --data D --run R").unwrap();
        assert!(matches!(publish.step, Some(Step::Publish(_))));
    }

    #[test]
    fn flags_stand_above_the_settings_and_what_is_wrong_is_named() {
        let arguments = parse("refresh --data D --index exact --reuse none --keep 5").unwrap().whole;
        let flags = || arguments.making.flags().into_iter().chain(arguments.publishing.flags());
        let settings = arguments.from.settings(flags()).unwrap();
        let options = arguments.making.options(&settings).unwrap();
        assert_eq!((options.index, options.reuse_ms), (crate::index::Kind::Exact, 0));
        assert_eq!(arguments.publishing.terms(&settings).keep, 5);
        let wrong = parse("refresh --data D --index quick").unwrap().whole;
        let error = wrong.from.settings(wrong.making.flags()).unwrap_err().to_string();
        assert!(error.contains("quick") && error.contains("usearch"), "{error}");
    }
}

//! `segue config`: what is set, where it comes from, and whether it can be taken.

use serde_json::json;

use super::settings::From;
use crate::config::{KEYS, Layers, Origin};

/// Arguments of `segue config`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with the settings.
#[derive(clap::Subcommand)]
enum Action {
    /// Look whether all settings can be taken; status 1 and what to correct where not.
    Check(Asked),
    /// Print every setting in force and where it comes from.
    Show(Asked),
}

#[derive(clap::Args)]
struct Asked {
    #[command(flatten)]
    from: From,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue config`.
///
/// # Errors
/// Says how many settings cannot be taken; each was printed.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.action {
        Action::Check(asked) => check(asked),
        Action::Show(asked) => show(asked),
    }
}

fn check(asked: &Asked) -> anyhow::Result<()> {
    let mut layers = asked.from.layers([]);
    layers.check_places();
    let (file, problems) = (&layers.file, &layers.problems);
    if asked.json {
        println!("{}", json!({"ok": problems.is_empty(), "file": file, "problems": problems}));
    } else {
        problems.iter().for_each(|problem| println!("{problem}"));
    }
    anyhow::ensure!(problems.is_empty(), "settings that cannot be taken: {}", problems.len());
    if !asked.json {
        let set = KEYS.iter().filter(|key| layers.origin(key) != Origin::Default).count();
        let file = file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
        println!("all {set} settings that are given can be taken ({file})");
    }
    Ok(())
}

fn show(asked: &Asked) -> anyhow::Result<()> {
    let layers = asked.from.layers([]);
    if asked.json {
        println!("{}", as_json(&layers));
        return Ok(());
    }
    layers.problems.iter().for_each(|problem| eprintln!("{problem}"));
    for key in KEYS {
        let value = (key.get)(&layers.settings);
        println!("{:<26} {value:<18} {}", key.name, layers.origin(key));
    }
    Ok(())
}

fn as_json(layers: &Layers) -> serde_json::Value {
    let settings = KEYS.iter().map(|key| {
        let value = (key.get)(&layers.settings);
        let origin = layers.origin(key).to_string();
        json!({"key": key.name, "value": value, "origin": origin, "variable": key.variable(), "help": key.help})
    });
    json!({"file": layers.file, "settings": settings.collect::<Vec<_>>(), "problems": layers.problems})
}

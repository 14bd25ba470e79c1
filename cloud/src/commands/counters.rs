//! `segue counters`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::settings::From;
use crate::catalog::{Catalogue, Item};
use crate::clock::now_ms;
use crate::consumers::{By, Consumer, Sum, Window};

/// Arguments of `segue counters`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// What is counted apart.
    #[arg(long, value_enum, default_value = "item")]
    by: By,
    /// The time that counts.
    #[arg(long, value_enum, default_value = "decayed")]
    window: Window,
    /// How many are shown, those taken up most first.
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// Count the whole log anew instead of going on from the service's state.
    #[arg(long)]
    replay: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue counters`: what received events come to. Nothing is changed; the service may be running.
///
/// # Errors
/// When the log, the tables or the tombstones cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = arguments.from.settings([])?;
    let data = settings.data()?;
    let mut consumer = match arguments.replay {
        true => Consumer::replaying(data, settings.filter)?,
        false => Consumer::open(data, u64::MAX, settings.filter)?,
    };
    while !consumer.catch_up(u64::MAX)? {}
    let rows = Catalogue::load(data)?.items;
    let rows: HashMap<&str, &Item> = rows.iter().map(|row| (row.item.as_str(), row)).collect();
    let row = |item: &str| rows.get(item).copied();
    let sums = consumer.counters().sums((arguments.window, now_ms()), arguments.by, row);
    let mut sums: Vec<(String, Sum)> = sums.into_iter().collect();
    sums.sort_by(|one, other| other.1.worth().total_cmp(&one.1.worth()));
    sums.truncate(arguments.count);
    match arguments.json {
        true => println!(
            "{}",
            json!({"events": consumer.seen(), "left_out": consumer.left_out(),
                   "counters": sums.iter().map(object).collect::<Vec<_>>()})
        ),
        false => print(&sums, &consumer),
    }
    Ok(())
}

fn object((name, sum): &(String, Sum)) -> Value {
    json!({"name": name, "shown": sum.shown(), "played": sum.played(), "well": sum.well(),
           "liked": sum.liked(), "worth": sum.worth()})
}

fn print(sums: &[(String, Sum)], consumer: &Consumer) {
    let (events, left_out) = (consumer.seen(), consumer.left_out());
    println!(
        "{:>12} {:>12} {:>12} {:>12} {:>12}  of {events} events",
        "shown", "played", "well", "liked", "worth"
    );
    if left_out.all() > 0 {
        println!("{left_out}");
    }
    for (name, sum) in sums {
        let (shown, played, well) = (sum.shown(), sum.played(), sum.well());
        println!(
            "{shown:>12.1} {played:>12.1} {well:>12.1} {:>12.1} {:>12.1}  {name}",
            sum.liked(),
            sum.worth()
        );
    }
}

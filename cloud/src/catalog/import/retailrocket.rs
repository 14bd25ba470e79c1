//! RetailRocket: what visitors of a shop looked at, put into the cart and bought.

use std::collections::HashMap;
use std::path::Path;

use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::csv_file::{Row, for_each_row};
use super::reject::{Reason, Reject};
use super::{named, required};
use crate::catalog::Item;

/// The columns of both files, for those without header rows.
const EVENTS: [&str; 5] = ["timestamp", "visitorid", "event", "itemid", "transactionid"];
const PROPERTIES: [&str; 4] = ["timestamp", "itemid", "property", "value"];

/// `events.csv`, with `item_properties*.csv` beside it, of which the latest category of each item is taken.
pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let mut categories: HashMap<String, (i64, String)> = HashMap::new();
    for file in named(path, "item_properties", ".csv") {
        for_each_row(&file, "item_properties", &PROPERTIES, &mut builder, |_, row| {
            if row.text("property")? == "categoryid" {
                let (time_ms, value) = (row.integer("timestamp")?, row.text("value")?);
                let entry = categories.entry(row.text("itemid")?.to_owned()).or_default();
                if time_ms >= entry.0 {
                    *entry = (time_ms, value.to_owned());
                }
            }
            Ok(())
        })?;
    }
    for file in required(path, "events", ".csv")? {
        for_each_row(&file, "events", &EVENTS, &mut builder, |builder, row| {
            visit(builder, row, &categories)
        })?;
    }
    builder.finish(Description { surface: "shop", timed: true, rule: None }, data)
}

fn visit(
    builder: &mut Builder,
    row: &Row<'_>,
    categories: &HashMap<String, (i64, String)>,
) -> Result<(), Reject> {
    let item = row.text("itemid")?;
    let kind = match row.text("event")? {
        "view" => EventKind::Click,
        "addtocart" => EventKind::AddToCart,
        "transaction" => EventKind::Purchase,
        other => {
            let detail = format!("`event` is {other}, not view, addtocart or transaction");
            return Err(Reject::new(Reason::ValueInvalid, detail));
        }
    };
    let (visitor, time_ms) = (row.text("visitorid")?, row.integer("timestamp")?);
    // Whose, of what, when and what it was: a row told again is one event.
    let id = format!("r{visitor}-{item}-{time_ms}-{}", kind.name());
    let mut event = Event::new(id, item, kind, time_ms);
    event.user = visitor.to_owned();
    if !builder.has_item(item) {
        let category = categories.get(item).map(|(_, category)| format!("category {category}"));
        builder.item(Item {
            item: item.to_owned(),
            categories: category.into_iter().collect(),
            ..Item::default()
        })?;
    }
    builder.event(event)
}

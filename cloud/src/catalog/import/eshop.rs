//! E-shop clothing 2008: clicks of anonymous visitors, one row each.

use std::path::Path;

use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::midnight_ms;
use super::csv_file::{Row, for_each_row};
use super::files;
use super::reject::{Reason, Reject};
use crate::catalog::{AttributeValue, Item};

const COLUMNS: [&str; 14] = [
    "year",
    "month",
    "day",
    "order",
    "country",
    "session_id",
    "page1_main_category",
    "page2_clothing_model_idx",
    "colour",
    "location",
    "model_photography",
    "price",
    "price_2",
    "page",
];

const CATEGORIES: [&str; 4] = ["trousers", "skirts", "blouses", "sale"];
const COLOURS: [&str; 14] = [
    "beige",
    "black",
    "blue",
    "brown",
    "burgundy",
    "grey",
    "green",
    "navy blue",
    "many colours",
    "olive",
    "pink",
    "red",
    "violet",
    "white",
];
const LOCATIONS: [&str; 6] =
    ["top left", "top middle", "top right", "bottom left", "bottom middle", "bottom right"];
const PHOTOGRAPHY: [&str; 2] = ["en face", "profile"];

/// Countries by their number in the data; empty where it is not a country.
const COUNTRIES: [&str; 47] = [
    "AU", "AT", "BE", "VG", "KY", "CX", "HR", "CY", "CZ", "DK", "EE", "", "FO", "FI", "FR", "DE", "GR", "HU",
    "IS", "IN", "IE", "IT", "LV", "LT", "LU", "MX", "NL", "NO", "PL", "PT", "RO", "RU", "SM", "SK", "SI",
    "ES", "SE", "CH", "UA", "AE", "GB", "US", "", "", "", "", "",
];

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    for file in files(path, ".csv")? {
        for_each_row(&file, "clicks", &COLUMNS, &mut builder, click)?;
    }
    builder.finish(Description { surface: "shop", timed: true, rule: None }, data)
}

fn click(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let item = item(row)?;
    let order = within("order", row.integer("order")?, 1, 1_440)?;
    let month = within("month", row.integer("month")?, 1, 12)?;
    let day = within("day", row.integer("day")?, 1, 31)?;
    let year = within("year", row.integer("year")?, 1990, 2100)?;
    let session = row.integer("session_id")?;
    // The data has the day and the order within the session: one click a minute from noon.
    let time_ms = midnight_ms(year, month, day) + (12 * 60 + order) * 60_000;
    let mut event = Event::new(format!("c{session}-{order}"), item.item.as_str(), EventKind::Click, time_ms);
    event.session = session.to_string();
    let country = label("country", row.integer("country")?, &COUNTRIES)?;
    if !country.is_empty() {
        event.context.insert("region".to_owned(), country.to_owned());
    }
    if !builder.has_item(&item.item) {
        builder.item(item)?;
    }
    builder.event(event)
}

// A product is what its first click says about it.
fn item(row: &Row<'_>) -> Result<Item, Reject> {
    let model = row.integer("page2_clothing_model_idx")?;
    let category = label("page1_main_category", row.integer("page1_main_category")?, &CATEGORIES)?;
    let colour = label("colour", row.integer("colour")?, &COLOURS)?;
    let price = row.number("price")?;
    let word = |name: &str, value: &str| (name.to_owned(), AttributeValue::Text(value.to_owned()));
    let attributes = [
        word("colour", colour),
        word("location", label("location", row.integer("location")?, &LOCATIONS)?),
        word(
            "model_photography",
            label("model_photography", row.integer("model_photography")?, &PHOTOGRAPHY)?,
        ),
        word("above_average_price", label("price_2", row.integer("price_2")?, &["yes", "no"])?),
        ("page".to_owned(), AttributeValue::Number(row.number("page")?)),
        ("price".to_owned(), AttributeValue::Number(price)),
    ];
    let kind = if category == "sale" { "sale item" } else { category };
    Ok(Item {
        item: format!("p{model}"),
        title: format!("{} {kind} no. {model}", capitalised(colour)),
        categories: vec![category.to_owned()],
        attributes: attributes.into_iter().collect(),
        price: Some(price),
        ..Item::default()
    })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn within(column: &str, value: i64, least: i64, most: i64) -> Result<i64, Reject> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Reject::new(Reason::ValueOutOfRange, format!("`{column}` is {value}, outside {least}..={most}")))
}

fn label(column: &str, number: i64, labels: &'static [&'static str]) -> Result<&'static str, Reject> {
    let number = within(column, number, 1, i64::try_from(labels.len()).unwrap_or(i64::MAX))?;
    Ok(usize::try_from(number - 1).ok().and_then(|place| labels.get(place)).copied().unwrap_or_default())
}

//! MovieLens: `movies.csv` and `ratings.csv`, with or without header rows.

use std::path::Path;

use anyhow::ensure;
use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::midnight_ms;
use super::csv_file::{Row, for_each_row};
use super::reject::{Reason, Reject};
use crate::catalog::Item;

const NO_GENRE: &str = "(no genres listed)";

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let (movies, ratings) = (path.join("movies.csv"), path.join("ratings.csv"));
    ensure!(movies.is_file() && ratings.is_file(), "{}: needs movies.csv and ratings.csv", path.display());
    builder.items_are_given();
    for_each_row(&movies, "movies", &["movieId", "title", "genres"], &mut builder, movie)?;
    let columns = ["userId", "movieId", "rating", "timestamp"];
    for_each_row(&ratings, "ratings", &columns, &mut builder, rating)?;
    builder.finish(Description { surface: "home", timed: true, rule: None }, data)
}

fn movie(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let (title, year) = title_and_year(row.text("title")?);
    let genres = row.optional("genres").filter(|genres| *genres != NO_GENRE).unwrap_or_default();
    builder.item(Item {
        item: row.integer("movieId")?.to_string(),
        title: title.to_owned(),
        categories: genres.split('|').filter(|genre| !genre.is_empty()).map(str::to_owned).collect(),
        released_ms: year.map(|year| midnight_ms(year, 1, 1)),
        ..Item::default()
    })
}

// "Heat (1995)" is the title "Heat" of 1995; some editions leave the year out.
fn title_and_year(text: &str) -> (&str, Option<i64>) {
    let Some((title, rest)) = text.rsplit_once('(') else { return (text, None) };
    let year = rest.strip_suffix(')').and_then(|year| year.parse().ok());
    match year {
        Some(year) if (1870..2100).contains(&year) => (title.trim_end(), Some(year)),
        _ => (text, None),
    }
}

fn rating(builder: &mut Builder, row: &Row<'_>) -> Result<(), Reject> {
    let (user, movie) = (row.integer("userId")?, row.integer("movieId")?);
    let seconds = row.integer("timestamp")?;
    let time_ms = seconds
        .checked_mul(1_000)
        .ok_or_else(|| Reject::new(Reason::ValueOutOfRange, format!("`timestamp` is {seconds}")))?;
    let mut event = Event::new(format!("r{user}-{movie}"), movie.to_string(), EventKind::Rating, time_ms);
    event.user = user.to_string();
    event.value = Some(row.number("rating")?);
    builder.event(event)
}

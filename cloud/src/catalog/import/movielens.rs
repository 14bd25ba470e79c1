//! MovieLens: `movies.csv` and `ratings.csv`, with or without header rows; or the `.dat` files of the 1M edition.

use std::path::Path;

use anyhow::ensure;
use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::midnight_ms;
use super::csv_file::for_each_row;
use super::lines::Lines;
use super::reject::{Reason, Reject};
use crate::catalog::Item;

const NO_GENRE: &str = "(no genres listed)";

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let tables = |ending: &str| ["movies", "ratings"].map(|name| path.join(format!("{name}.{ending}")));
    let ([movies, ratings], [old_movies, old_ratings]) = (tables("csv"), tables("dat"));
    builder.items_are_given();
    if movies.is_file() && ratings.is_file() {
        for_each_row(&movies, "movies", &["movieId", "title", "genres"], &mut builder, |builder, row| {
            let genres = row.optional("genres").unwrap_or_default();
            movie(builder, row.text("movieId")?, row.text("title")?, genres)
        })?;
        let columns = ["userId", "movieId", "rating", "timestamp"];
        for_each_row(&ratings, "ratings", &columns, &mut builder, |builder, row| {
            let cells = ["userId", "movieId", "rating", "timestamp"].map(|column| row.text(column));
            let [user, movie, value, time] = cells;
            rating(builder, [user?, movie?, value?, time?])
        })?;
    } else {
        ensure!(
            old_movies.is_file() && old_ratings.is_file(),
            "{}: needs movies.csv and ratings.csv, or movies.dat and ratings.dat",
            path.display()
        );
        for_each_line(&old_movies, "movies", &mut builder, |builder, [id, title, genres]| {
            movie(builder, id, title, genres)
        })?;
        for_each_line(&old_ratings, "ratings", &mut builder, rating)?;
    }
    builder.finish(Description { surface: "home", timed: true, rule: None }, data)
}

/// Calls `each` for every line of `::`-separated cells in Latin-1, as the 1M edition is written.
fn for_each_line<const N: usize>(
    path: &Path,
    table: &str,
    builder: &mut Builder,
    each: impl Fn(&mut Builder, [&str; N]) -> Result<(), Reject>,
) -> anyhow::Result<()> {
    let mut lines = Lines::open(path)?;
    let before = builder.counted();
    while let Some(line) = lines.next_line()? {
        builder.count_row();
        let text: String = line.bytes.iter().map(|byte| char::from(*byte)).collect();
        let cells: Vec<&str> = text.split("::").map(str::trim).collect();
        let added = match <[&str; N]>::try_from(cells) {
            Ok(cells) => each(builder, cells),
            Err(cells) => {
                let detail = format!("{} cells between `::` where {N} are wanted", cells.len());
                Err(Reject::new(Reason::NotCsv, detail))
            }
        };
        if let Err(reject) = added {
            builder.reject(table, line.number, reject, &text);
        }
    }
    builder.end_of(table, before);
    Ok(())
}

fn movie(builder: &mut Builder, id: &str, title: &str, genres: &str) -> Result<(), Reject> {
    let (title, year) = title_and_year(title);
    let genres = if genres == NO_GENRE { "" } else { genres };
    builder.item(Item {
        item: whole("movieId", id)?.to_string(),
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

fn rating(builder: &mut Builder, [user, movie, value, time]: [&str; 4]) -> Result<(), Reject> {
    let (user, movie) = (whole("userId", user)?, whole("movieId", movie)?);
    let seconds = whole("timestamp", time)?;
    let time_ms = seconds
        .checked_mul(1_000)
        .ok_or_else(|| Reject::new(Reason::ValueOutOfRange, format!("`timestamp` is {seconds}")))?;
    let mut event = Event::new(format!("r{user}-{movie}"), movie.to_string(), EventKind::Rating, time_ms);
    event.user = user.to_string();
    let number: Option<f64> = value.parse().ok().filter(|number: &f64| number.is_finite());
    event.value = Some(number.ok_or_else(|| Reject::invalid("rating", value, "a number"))?);
    builder.event(event)
}

fn whole(column: &str, text: &str) -> Result<i64, Reject> {
    text.parse().map_err(|_| Reject::invalid(column, text, "a whole number"))
}

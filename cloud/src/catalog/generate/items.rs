//! Artists and tracks, and how a hidden style shows in the metadata.

use std::collections::{BTreeMap, HashSet};

use super::genres::{GENRES, MOODS, neighbours};
use super::laws::{DIMENSION, HiddenItem, Style, sigmoid};
use super::people::COUNTRIES;
use super::random::{Random, running_sum};
use super::{DURATION_MS, START_MS, names};
use crate::catalog::{Attribute, AttributeKind, AttributeValue, Item};

const TRACKS_PER_ARTIST: usize = 12;
const ARTIST_DEVIATION: f64 = 0.45;
const TRACK_DEVIATION: f64 = 0.4;
const HIDDEN_DEVIATION: f64 = 0.3;
const QUALITY_DEVIATION: f64 = 0.4;
const DAY_MS: f64 = 86_400_000.0;

/// The random stream of the catalogue; listeners use the streams above it.
const STREAM: u64 = 0;

/// Every track: what is written and what is hidden, by the same index.
#[derive(Debug)]
pub struct Tracks {
    /// The rows of `items.jsonl`.
    pub rows: Vec<Item>,
    /// What no row shows.
    pub hidden: Vec<HiddenItem>,
    /// How often each is drawn, relative to the others.
    pub popularity: Vec<f64>,
    /// The tracks of each genre, to draw from.
    pub by_genre: Vec<Pool>,
    /// Every track, to draw from.
    pub all: Pool,
}

/// Tracks with weights to draw by.
#[derive(Debug, Default)]
pub struct Pool {
    /// Indices of tracks.
    pub tracks: Vec<u32>,
    sums: Vec<f64>,
}

impl Pool {
    /// A pool of tracks and weights.
    #[must_use]
    pub fn new(entries: &[(u32, f64)]) -> Self {
        Self {
            tracks: entries.iter().map(|(track, _)| *track).collect(),
            sums: running_sum(entries.iter().map(|(_, weight)| *weight)),
        }
    }

    /// A track, in proportion to the weights; none in an empty pool.
    pub fn draw(&self, random: &mut Random) -> Option<u32> {
        self.tracks.get(random.weighted(&self.sums)).copied()
    }
}

struct Artist {
    name: String,
    genre: usize,
    offset: Style,
    fame: f64,
    titles: HashSet<String>,
}

/// The attributes that tracks have; the same for every seed.
#[must_use]
pub fn attributes() -> Vec<Attribute> {
    let number = |name: &str, minimum, maximum| Attribute {
        name: name.into(),
        kind: AttributeKind::Number { minimum, maximum },
    };
    let category = |name: &str, values: Vec<String>| Attribute {
        name: name.into(),
        kind: AttributeKind::Category { values },
    };
    vec![
        number("acousticness", 0.0, 1.0),
        number("danceability", 0.0, 1.0),
        number("energy", 0.0, 1.0),
        number("instrumentalness", 0.0, 1.0),
        number("loudness", -24.0, 0.0),
        category("mode", vec!["major".into(), "minor".into()]),
        category("mood", MOODS.iter().map(|mood| mood.0.into()).collect()),
        number("tempo", 60.0, 190.0),
        number("valence", 0.0, 1.0),
    ]
}

/// Makes the catalogue of a seed.
#[must_use]
pub fn make(count: usize, seed: u64) -> Tracks {
    let mut random = Random::new(seed, STREAM);
    let mut artists = artists(count, &mut random);
    let productivity = running_sum((0..artists.len()).map(|_| libm::exp(0.7 * random.normal())));
    let near: Vec<Vec<usize>> = (0..GENRES.len()).map(neighbours).collect();
    let mut tracks = Tracks {
        rows: Vec::with_capacity(count),
        hidden: Vec::with_capacity(count),
        popularity: Vec::with_capacity(count),
        by_genre: Vec::new(),
        all: Pool::default(),
    };
    let mut entries: Vec<Vec<(u32, f64)>> = vec![Vec::new(); GENRES.len()];
    for index in 0..count {
        let place = random.weighted(&productivity);
        let artist = &mut artists[place];
        let genre = artist.genre;
        let visible = add(&add(&GENRES[genre].centre, &artist.offset), &random.normals(TRACK_DEVIATION));
        let hidden = HiddenItem {
            style: add(&visible, &random.normals(HIDDEN_DEVIATION)),
            quality: QUALITY_DEVIATION * random.normal(),
            creator: u32::try_from(place).unwrap_or(u32::MAX),
        };
        let popularity = artist.fame * libm::exp(1.3 * random.normal() + 0.8 * hidden.quality);
        let mut row = row(index, place, artist, &visible, &mut random);
        row.categories = categories(genre, &visible, &near[genre], &mut random);
        entries[genre].push((u32::try_from(index).unwrap_or(u32::MAX), popularity));
        tracks.rows.push(row);
        tracks.hidden.push(hidden);
        tracks.popularity.push(popularity);
    }
    tracks.all = Pool::new(&entries.concat());
    tracks.by_genre = entries.iter().map(|entries| Pool::new(entries)).collect();
    tracks
}

fn artists(tracks: usize, random: &mut Random) -> Vec<Artist> {
    let weights = running_sum(GENRES.iter().map(|genre| genre.weight));
    let mut used = HashSet::new();
    (0..(tracks / TRACKS_PER_ARTIST).max(GENRES.len()))
        .map(|index| Artist {
            // The first artists cover every genre, so that no genre is empty in a small catalogue.
            genre: if index < GENRES.len() { index } else { random.weighted(&weights) },
            offset: random.normals(ARTIST_DEVIATION),
            fame: libm::exp(0.9 * random.normal()),
            name: names::artist(random, &mut used),
            titles: HashSet::new(),
        })
        .collect()
}

fn add(a: &Style, b: &Style) -> Style {
    std::array::from_fn(|axis| a[axis] + b[axis])
}

fn categories(genre: usize, visible: &Style, near: &[usize], random: &mut Random) -> Vec<String> {
    let distance = |other: usize| -> f64 {
        GENRES[other].centre.iter().zip(visible).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let mut categories = vec![GENRES[genre].name.to_owned()];
    let second = near.iter().take(5).copied().min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
    if let Some(second) = second.filter(|second| distance(*second) < 1.6 * distance(genre) + 1.0)
        && random.chance(0.6)
    {
        categories.push(GENRES[second].name.to_owned());
    }
    categories
}

fn row(index: usize, place: usize, artist: &mut Artist, visible: &Style, random: &mut Random) -> Item {
    let title = names::title(random, &mut artist.titles);
    let duration = (205.0 + 30.0 * visible[7]) * libm::exp(0.22 * random.normal());
    let mut item = Item {
        item: format!("t{index}"),
        title,
        creator: format!("a{place}"),
        creator_name: Some(artist.name.clone()),
        attributes: observe(visible, random),
        duration_ms: Some((duration.clamp(90.0, 600.0) * 1_000.0) as u64),
        picture: Some(format!("hue:{}", hue(artist.genre, random))),
        ..Item::default()
    };
    availability(&mut item, artist.genre, random);
    item
}

fn hue(genre: usize, random: &mut Random) -> u32 {
    ((genre * 15) as f64 + random.between(-12.0, 12.0)).rem_euclid(360.0) as u32
}

// Rounded as a catalogue would have them, which also keeps the file small.
fn observe(visible: &Style, random: &mut Random) -> BTreeMap<String, AttributeValue> {
    let noisy: [f64; DIMENSION] = add(visible, &random.normals(0.2));
    let [energy, bright, electronic, dance, voice, tempo, rough, _] = noisy;
    let share = |value: f64| (1_000.0 * sigmoid(value)).round() / 1_000.0;
    let mood = mood(visible, random);
    let loudness = (-10.0 + 2.2 * energy + 2.4 * rough + 0.6 * random.normal()).clamp(-24.0, 0.0);
    let numbers = [
        ("acousticness", share(-1.4 * electronic - 0.3 * energy)),
        ("danceability", share(1.3 * dance + 0.2 * bright)),
        ("energy", share(1.3 * energy + 0.3 * rough)),
        ("instrumentalness", share(-1.6 * voice)),
        ("loudness", (10.0 * loudness).round() / 10.0),
        ("tempo", (10.0 * (116.0 + 26.0 * tempo).clamp(60.0, 190.0)).round() / 10.0),
        ("valence", share(1.3 * bright)),
    ];
    let mode = if random.chance(sigmoid(1.2 * bright + 0.2)) { "major" } else { "minor" };
    numbers
        .map(|(name, value)| (name.to_owned(), AttributeValue::Number(value)))
        .into_iter()
        .chain([
            ("mode".to_owned(), AttributeValue::Text(mode.to_owned())),
            ("mood".to_owned(), AttributeValue::Text(mood.to_owned())),
        ])
        .collect()
}

fn mood(visible: &Style, random: &mut Random) -> &'static str {
    let score = |direction: &Style, random: &mut Random| -> f64 {
        let length = libm::sqrt(direction.iter().map(|value| value * value).sum());
        direction.iter().zip(visible).map(|(a, b)| a * b / length).sum::<f64>() + 0.25 * random.normal()
    };
    let mut best = ("", f64::NEG_INFINITY);
    for (name, direction) in &MOODS {
        let score = score(direction, random);
        if score > best.1 {
            best = (name, score);
        }
    }
    best.0
}

fn availability(item: &mut Item, genre: usize, random: &mut Random) {
    let end_ms = START_MS + DURATION_MS;
    let age_days = -libm::log(1.0 - random.unit()) * 9.0 * 365.0;
    let mut released = START_MS - (age_days.min(60.0 * 365.0) * DAY_MS) as i64;
    match random.unit() {
        draw if draw < 0.03 => released = START_MS + (random.unit() * DURATION_MS as f64) as i64,
        draw if draw < 0.04 => released = end_ms + (random.between(1.0, 28.0) * DAY_MS) as i64,
        draw if draw < 0.05 => item.available_until_ms = Some(end_ms),
        _ => {}
    }
    item.released_ms = Some(released);
    if released >= START_MS {
        item.available_from_ms = Some(released);
    }
    if random.chance(0.06) {
        let open = COUNTRIES.iter().filter(|_| random.chance(0.5)).map(|country| country.code.to_owned());
        item.regions = open.collect();
        if item.regions.is_empty() {
            item.regions.push(COUNTRIES[0].code.to_owned());
        }
    }
    let explicit = matches!(GENRES[genre].name, "hip hop" | "metal" | "punk");
    if explicit && random.chance(0.12) {
        item.age_rating = Some(16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_within_its_declaration() {
        let tracks = make(2_000, 5);
        for attribute in attributes() {
            for row in &tracks.rows {
                let value = &row.attributes[&attribute.name];
                match &attribute.kind {
                    AttributeKind::Number { minimum, maximum } => {
                        let number = value.number().unwrap();
                        assert!((*minimum..=*maximum).contains(&number), "{} {number}", attribute.name);
                    }
                    AttributeKind::Category { values } => {
                        assert!(values.iter().any(|known| Some(known.as_str()) == value.text()));
                    }
                    AttributeKind::Vector { .. } => unreachable!("{} is no vector", attribute.name),
                }
            }
        }
    }

    #[test]
    fn popularity_has_a_long_tail_and_no_genre_is_empty() {
        let tracks = make(2_000, 5);
        let mut popularity = tracks.popularity.clone();
        popularity.sort_by(|a, b| b.total_cmp(a));
        let top: f64 = popularity[..200].iter().sum();
        let share = top / popularity.iter().sum::<f64>();
        assert!((0.4..0.9).contains(&share), "{share}");
        assert!(tracks.by_genre.iter().all(|pool| !pool.tracks.is_empty()));
    }

    #[test]
    fn metadata_shows_the_style_but_not_all_of_it() {
        let tracks = make(3_000, 5);
        let pairs: Vec<(f64, f64)> = tracks
            .rows
            .iter()
            .zip(&tracks.hidden)
            .map(|(row, hidden)| (row.attributes["tempo"].number().unwrap(), hidden.style[5]))
            .collect();
        let correlation = correlation(&pairs);
        assert!((0.7..0.99).contains(&correlation), "{correlation}");
    }

    fn correlation(pairs: &[(f64, f64)]) -> f64 {
        let count = pairs.len() as f64;
        let (x, y) =
            (pairs.iter().map(|p| p.0).sum::<f64>() / count, pairs.iter().map(|p| p.1).sum::<f64>() / count);
        let sum = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
        let covariance = sum(&|p| (p.0 - x) * (p.1 - y));
        covariance / (sum(&|p| (p.0 - x).powi(2)) * sum(&|p| (p.1 - y).powi(2))).sqrt()
    }
}

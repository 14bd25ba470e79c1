//! Listeners: profile, tastes and habits.

use super::genres::GENRES;
use super::laws::Style;
use super::random::{Random, running_sum};
use super::{DURATION_MS, START_MS};
use crate::catalog::User;

const TASTE_DEVIATION: f64 = 0.4;
const DAY_MS: f64 = 86_400_000.0;

/// The random stream of all profiles; catalogue and sessions use others.
const STREAM: u64 = 1;

/// Where listeners live.
#[derive(Debug, Clone, Copy)]
pub struct Country {
    /// ISO 3166-1 alpha-2 code.
    pub code: &'static str,
    language: &'static str,
    utc_offset_hours: i64,
    weight: f64,
}

const fn country(code: &'static str, language: &'static str, utc_offset_hours: i64, weight: f64) -> Country {
    Country { code, language, utc_offset_hours, weight }
}

/// Every country, the most common first; offsets are fixed over the year.
pub const COUNTRIES: [Country; 12] = [
    country("US", "en", -6, 20.0),
    country("GB", "en", 0, 12.0),
    country("DE", "de", 1, 12.0),
    country("BR", "pt", -3, 10.0),
    country("FR", "fr", 1, 8.0),
    country("IN", "en", 5, 8.0),
    country("MX", "es", -6, 7.0),
    country("ES", "es", 1, 6.0),
    country("JP", "ja", 9, 6.0),
    country("NG", "en", 1, 4.0),
    country("SE", "sv", 1, 4.0),
    country("NL", "nl", 1, 3.0),
];

const AGE_GROUPS: [(&str, f64); 6] =
    [("13-17", 6.0), ("18-24", 24.0), ("25-34", 28.0), ("35-44", 20.0), ("45-54", 13.0), ("55+", 9.0)];

const DEVICES: [&str; 4] = ["phone", "desktop", "speaker", "car"];

/// One kind of music a listener likes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taste {
    /// Index of its genre.
    pub genre: usize,
    /// The style that is liked most.
    pub style: Style,
    /// How often a session begins with it, relative to the others.
    pub weight: f64,
}

/// One listener.
#[derive(Debug, Clone)]
pub struct Person {
    /// The row of `users.jsonl`.
    pub row: User,
    /// Two to four tastes of different genres.
    pub tastes: Vec<Taste>,
    /// Number of sessions in the history.
    pub sessions: usize,
    /// Added to UTC for the local hour.
    pub utc_offset_ms: i64,
    /// First moment with a session.
    pub from_ms: i64,
    /// Whether items rated 16 are kept away.
    pub minor: bool,
    /// Relative use of `phone`, `desktop`, `speaker` and `car`.
    device_sums: Vec<f64>,
}

impl Person {
    /// The device of a session.
    pub fn device(&self, random: &mut Random) -> &'static str {
        DEVICES[random.weighted(&self.device_sums)]
    }
}

/// Makes the listeners of a seed.
#[must_use]
pub fn make(count: usize, seed: u64) -> Vec<Person> {
    let mut random = Random::new(seed, STREAM);
    let countries = running_sum(COUNTRIES.iter().map(|country| country.weight));
    let ages = running_sum(AGE_GROUPS.iter().map(|group| group.1));
    let genres = running_sum(GENRES.iter().map(|genre| genre.weight));
    (0..count)
        .map(|index| {
            let country = COUNTRIES[random.weighted(&countries)];
            let age_group = AGE_GROUPS[random.weighted(&ages)].0;
            let newcomer = random.chance(0.1);
            let before = if newcomer { -0.85 * DURATION_MS as f64 } else { 4.0 * 365.0 * DAY_MS };
            let signed_up_ms = START_MS - (random.unit() * before) as i64;
            Person {
                row: User {
                    user: format!("u{index}"),
                    country: Some(country.code.to_owned()),
                    age_group: Some(age_group.to_owned()),
                    language: Some(country.language.to_owned()),
                    signed_up_ms: Some(signed_up_ms),
                },
                tastes: tastes(&genres, &mut random),
                sessions: (9.5 * libm::exp(0.5 * random.normal())).clamp(3.0, 40.0) as usize,
                utc_offset_ms: country.utc_offset_hours * 3_600_000,
                from_ms: signed_up_ms.max(START_MS),
                minor: age_group == "13-17",
                device_sums: running_sum(
                    [2.0, 0.8, 0.4, 0.4].map(|weight| weight * libm::exp(0.8 * random.normal())),
                ),
            }
        })
        .collect()
}

fn tastes(genres: &[f64], random: &mut Random) -> Vec<Taste> {
    let count = 2 + random.below(3);
    let mut tastes: Vec<Taste> = Vec::with_capacity(count);
    while tastes.len() < count {
        let genre = random.weighted(genres);
        if tastes.iter().any(|taste| taste.genre == genre) {
            continue;
        }
        let noise: Style = random.normals(TASTE_DEVIATION);
        let style = std::array::from_fn(|axis| GENRES[genre].centre[axis] + noise[axis]);
        tastes.push(Taste { genre, style, weight: libm::exp(0.5 * random.normal()) });
    }
    tastes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_two_to_four_tastes_of_different_genres() {
        for person in make(300, 5) {
            assert!((2..=4).contains(&person.tastes.len()));
            let mut genres: Vec<usize> = person.tastes.iter().map(|taste| taste.genre).collect();
            genres.sort_unstable();
            genres.dedup();
            assert_eq!(genres.len(), person.tastes.len());
            assert!(person.from_ms < START_MS + DURATION_MS);
        }
    }
}

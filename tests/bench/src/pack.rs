//! The pack that is measured: made of formulas, so that it needs no file and no randomness of the machine.

use anyhow::Result;
use segue_core::pack::{CandidateSource, PackSource};
use segue_core::trust::PrivateKey;

use crate::artefacts::{CREATED_MS, EXPIRES_MS, GENERATION, SUBJECT};

/// Genres are directions that vectors gather around.
const GENRES: usize = 24;
/// Artists, each of one genre.
const ARTISTS: usize = 192;
/// One track in so many may be shown to be tried.
const EXPLORED: usize = 10;
/// How far a track lies from its genre's direction.
const SPREAD: f32 = 0.8;

/// The id of the candidate in the pack's place `at`.
pub(crate) fn item(at: usize) -> String {
    format!("track-{at:04}")
}

/// A signed pack of `count` candidates.
pub(crate) fn sealed(count: usize, dimension: usize, key: &PrivateKey) -> Result<Vec<u8>> {
    let tracks: Vec<Track> = (0..count).map(|at| Track::new(at, dimension)).collect();
    let source = PackSource {
        generation: GENERATION,
        subject: SUBJECT,
        created_ms: CREATED_MS,
        expires_ms: EXPIRES_MS,
        ranker: None,
        towers: "none",
        user: &wave(usize::MAX >> 40, dimension),
        profile: Vec::new(),
        candidates: tracks.iter().enumerate().map(|(at, track)| track.source(at, count)).collect(),
    };
    Ok(source.seal(key)?)
}

struct Track {
    item: String,
    title: String,
    artist: String,
    genres: Vec<String>,
    vector: Vec<f32>,
}

impl Track {
    fn new(at: usize, dimension: usize) -> Self {
        let artist = at * 61 % ARTISTS;
        let genre = artist % GENRES;
        let directions = wave(1_000_000 + genre, dimension).into_iter().zip(wave(at, dimension));
        Self {
            item: item(at),
            title: format!("A title of ordinary length {at}"),
            artist: format!("Artist number {artist}"),
            genres: vec![format!("genre-{genre}"), format!("mood-{}", at % 7)],
            vector: unit(directions.map(|(genre, own)| genre + SPREAD * own).collect()),
        }
    }

    fn source(&self, at: usize, count: usize) -> CandidateSource<'_> {
        // Below 0: not in the pool of items to be tried.
        let explored = |count| if at.is_multiple_of(EXPLORED) { count } else { -1.0 };
        let share = |prime: usize| (at * 37 % prime) as f32 / prime as f32;
        CandidateSource {
            item: &self.item,
            vector: &self.vector,
            score: 1.0 - at as f32 / count as f32,
            creator: &self.artist,
            categories: &self.genres,
            regions: &[],
            columns: vec![
                ("popularity", share(101)),
                ("popularity_rank", share(97)),
                ("completion_rate", share(89)),
                ("age_days", (at * 13 % 1_500) as f32),
                ("duration_seconds", 150.0 + (at % 120) as f32),
                ("explore_successes", explored((at % 9) as f32)),
                ("explore_failures", explored((at % 31) as f32)),
            ],
            ends_ms: None,
            display: Some((&self.title, &self.artist)),
        }
    }
}

/// A direction that belongs to `row` alone.
fn wave(row: usize, dimension: usize) -> Vec<f32> {
    unit((0..dimension).map(|at| ((row * 31 + at * 17) as f32 * 0.7).sin()).collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|entry| entry * entry).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|entry| *entry /= length);
    vector
}

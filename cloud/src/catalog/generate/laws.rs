//! What a listener feels about a track, and what follows from it.
//!
//! These are the laws of `docs/GENERATED.md`. The simulation and the reader of
//! the truth file call the same functions; models and features never do.

/// Dimensions of the hidden style space.
pub const DIMENSION: usize = 8;

/// A point of the hidden style space. The axes, in order: energy, brightness,
/// electronic (against acoustic), dance, voice (against instrumental), tempo,
/// roughness, dreaminess.
pub type Style = [f64; DIMENSION];

/// Squared distance at which the affinity has fallen to 1/e.
pub const AFFINITY_WIDTH: f64 = 7.0;
/// Utility of a track that nobody minds and nobody asked for.
pub const BASE: f64 = -2.3;
/// Weight of the affinity to the session's mood.
pub const MOOD_WEIGHT: f64 = 5.2;
/// Weight of the affinity to the nearest of the listener's tastes.
pub const TASTE_WEIGHT: f64 = 0.9;
/// Taken off for a track that the session already played.
pub const REPEAT_FATIGUE: f64 = 3.0;
/// Taken off for each of the last [`CREATOR_WINDOW`] tracks that has the same creator.
pub const CREATOR_FATIGUE: f64 = 0.5;
/// Number of last tracks that creator fatigue looks at.
pub const CREATOR_WINDOW: usize = 5;

/// How strongly the mood stays where it was from one track to the next.
pub const MOOD_PERSISTENCE: f64 = 0.94;
/// Standard deviation, on each axis, of the mood about its taste in the long run.
pub const MOOD_DEVIATION: f64 = 0.7;
/// Probability, at each track, that the mood moves over to another taste.
pub const MOOD_SWITCH: f64 = 0.035;
/// How far such a move goes at once.
pub const MOOD_JUMP: f64 = 0.6;

/// What is hidden about a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HiddenItem {
    /// Where it lies in the style space; metadata shows it with noise.
    pub style: Style,
    /// What everyone likes about it; no metadata shows it.
    pub quality: f64,
    /// Its artist.
    pub creator: u32,
}

/// What is hidden about a moment of a session, before a track is played.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// What the listener wants now.
    pub mood: &'a Style,
    /// What the listener likes at other times, too.
    pub tastes: &'a [Style],
    /// The session's tracks so far with their creators, oldest first.
    pub played: &'a [(u32, u32)],
}

/// 1 for a track that is exactly what was wanted, towards 0 far from it.
#[must_use]
pub fn affinity(style: &Style, wanted: &Style) -> f64 {
    let squared: f64 = style.iter().zip(wanted).map(|(a, b)| (a - b) * (a - b)).sum();
    libm::exp(-squared / AFFINITY_WIDTH)
}

/// The expected utility of playing a track next.
#[must_use]
pub fn expected_utility(state: &State<'_>, track: u32, item: &HiddenItem) -> f64 {
    let taste = state.tastes.iter().map(|taste| affinity(&item.style, taste)).fold(0.0, f64::max);
    BASE + MOOD_WEIGHT * affinity(&item.style, state.mood) + TASTE_WEIGHT * taste + item.quality
        - fatigue(state.played, track, item.creator)
}

fn fatigue(played: &[(u32, u32)], track: u32, creator: u32) -> f64 {
    let repeat = played.iter().any(|(other, _)| *other == track);
    let recent = &played[played.len().saturating_sub(CREATOR_WINDOW)..];
    let creators = recent.iter().filter(|(_, other)| *other == creator).count();
    creators as f64 * CREATOR_FATIGUE + if repeat { REPEAT_FATIGUE } else { 0.0 }
}

/// Probability that the track is played to the end; a skip otherwise. `patience`
/// is what the device adds (see [`patience`]).
#[must_use]
pub fn complete_probability(utility: f64, patience: f64) -> f64 {
    sigmoid(1.5 * utility + patience)
}

/// Probability that a track played to the end is liked.
#[must_use]
pub fn like_probability(utility: f64) -> f64 {
    sigmoid(1.3 * utility - 4.1)
}

/// Probability that a track played to the end is saved.
#[must_use]
pub fn save_probability(utility: f64) -> f64 {
    sigmoid(1.5 * utility - 5.6)
}

/// Probability that a skipped track is also marked as not interesting.
#[must_use]
pub fn not_interested_probability(utility: f64) -> f64 {
    sigmoid(-1.4 * utility - 4.2)
}

/// The share of a skipped track that was heard, from a uniform draw: the worse
/// the track, the sooner it is left.
#[must_use]
pub fn skipped_share(utility: f64, draw: f64) -> f64 {
    let haste = 2.0 + 4.0 * sigmoid(-1.5 * utility);
    0.01 + 0.8 * libm::pow(draw, haste)
}

/// Skipping takes a hand: people skip less where none is free.
#[must_use]
pub fn patience(device: &str) -> f64 {
    match device {
        "speaker" => 0.5,
        "car" => 0.3,
        "desktop" => -0.1,
        _ => 0.0,
    }
}

/// How the hour and the day move what is wanted: lively on weekday mornings and
/// in the evening of a weekend, dreamy late at night.
#[must_use]
pub fn circumstance(local_hour: u32, weekday: u32) -> Style {
    let angle = std::f64::consts::TAU * (f64::from(local_hour) - 17.0) / 24.0;
    let lively = 0.4 * libm::cos(angle) + if weekday >= 4 { 0.15 } else { 0.0 };
    [lively, 0.0, 0.0, 0.7 * lively, 0.0, 0.0, 0.0, -0.8 * lively]
}

/// One step of the mood's drift about `anchor`; `noise` is standard normal.
#[must_use]
pub fn drift(mood: &Style, anchor: &Style, noise: &Style) -> Style {
    let scale = MOOD_DEVIATION * libm::sqrt(1.0 - MOOD_PERSISTENCE * MOOD_PERSISTENCE);
    std::array::from_fn(|axis| {
        anchor[axis] + MOOD_PERSISTENCE * (mood[axis] - anchor[axis]) + scale * noise[axis]
    })
}

/// The logistic function.
#[must_use]
pub fn sigmoid(value: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: HiddenItem = HiddenItem { style: [0.5; DIMENSION], quality: 0.0, creator: 3 };

    fn utility(mood: &Style, played: &[(u32, u32)]) -> f64 {
        expected_utility(&State { mood, tastes: &[[0.0; DIMENSION]], played }, 1, &ITEM)
    }

    #[test]
    fn a_track_is_worth_more_the_closer_it_is_to_the_mood() {
        let near = utility(&[0.5; DIMENSION], &[]);
        let far = utility(&[-0.5; DIMENSION], &[]);
        assert!(near > far + 2.0, "{near} {far}");
        assert!(complete_probability(near, 0.0) > complete_probability(far, 0.0));
        assert!(skipped_share(near, 0.5) > skipped_share(far, 0.5));
    }

    #[test]
    fn repeats_and_the_same_artist_tire() {
        let mood = [0.5; DIMENSION];
        let fresh = utility(&mood, &[(2, 4)]);
        assert!((fresh - utility(&mood, &[(2, 3)]) - CREATOR_FATIGUE).abs() < 1e-9);
        assert!((fresh - utility(&mood, &[(1, 3)]) - CREATOR_FATIGUE - REPEAT_FATIGUE).abs() < 1e-9);
        let long_ago: Vec<(u32, u32)> = std::iter::once((9, 3)).chain((10..15).map(|t| (t, 5))).collect();
        assert!((fresh - utility(&mood, &long_ago)).abs() < 1e-9);
    }

    #[test]
    fn a_mood_without_noise_returns_to_its_anchor() {
        let mut mood = [2.0; DIMENSION];
        for _ in 0..200 {
            mood = drift(&mood, &[1.0; DIMENSION], &[0.0; DIMENSION]);
        }
        assert!(mood.iter().all(|value| (value - 1.0).abs() < 1e-3));
    }
}

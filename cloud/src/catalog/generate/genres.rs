//! The fixed centres of genres and moods in the hidden style space.

use super::laws::Style;

/// One genre: where its tracks gather and how much of the catalogue it makes.
#[derive(Debug, Clone, Copy)]
pub struct Genre {
    /// Its category name.
    pub name: &'static str,
    /// The centre of its tracks.
    pub centre: Style,
    /// Its share of tracks and listeners, relative to the others.
    pub weight: f64,
}

const fn genre(name: &'static str, weight: f64, centre: Style) -> Genre {
    Genre { name, centre, weight }
}

/// Every genre, in the order of the artists' draws.
pub const GENRES: [Genre; 24] = [
    //                            energy bright electr dance voice tempo rough dream
    genre("pop", 10.0, [0.5, 1.1, 0.5, 0.8, 1.1, 0.1, -0.6, -0.2]),
    genre("rock", 9.0, [1.1, 0.1, -0.2, -0.3, 0.7, 0.4, 1.1, -0.6]),
    genre("indie rock", 7.0, [0.4, 0.0, -0.4, -0.2, 0.6, 0.3, 0.4, 0.7]),
    genre("metal", 4.0, [1.8, -1.2, 0.1, -1.1, 0.1, 0.9, 2.0, -0.7]),
    genre("punk", 3.0, [1.7, 0.2, -0.3, -0.5, 0.8, 1.6, 1.5, -1.2]),
    genre("hip hop", 8.0, [0.6, -0.2, 0.9, 1.1, 1.5, -0.6, 0.4, -0.7]),
    genre("r&b", 5.0, [-0.3, 0.2, 0.5, 0.7, 1.3, -0.9, -0.6, 0.8]),
    genre("soul", 4.0, [0.0, 0.7, -0.7, 0.4, 1.4, -0.5, -0.1, 0.1]),
    genre("funk", 3.0, [0.8, 1.2, -0.3, 1.4, 0.4, -0.1, 0.3, -0.9]),
    genre("disco", 2.5, [1.0, 1.6, 0.3, 1.6, 0.6, 0.2, -0.7, -0.1]),
    genre("house", 5.0, [1.0, 0.6, 1.6, 1.5, -0.4, 0.4, -0.3, 0.2]),
    genre("techno", 4.0, [1.2, -0.7, 1.9, 1.2, -1.4, 0.7, 0.5, 0.1]),
    genre("drum and bass", 2.5, [1.5, -0.2, 1.6, 0.5, -0.8, 2.0, 0.4, 0.0]),
    genre("ambient", 3.0, [-1.9, -0.4, 1.0, -1.6, -1.7, -1.1, -1.0, 1.8]),
    genre("electronic", 6.0, [0.1, 0.0, 1.6, 0.3, -0.6, 0.0, -0.2, 1.1]),
    genre("jazz", 4.0, [-0.6, 0.3, -1.4, -0.1, -1.0, 0.1, -0.8, 0.3]),
    genre("blues", 2.5, [-0.2, -0.6, -1.2, -0.3, 0.7, -0.7, 0.6, -0.2]),
    genre("classical", 4.0, [-1.4, -0.1, -2.0, -1.6, -1.9, -0.4, -1.1, 0.6]),
    genre("folk", 4.0, [-1.0, 0.2, -1.7, -0.7, 0.8, -0.3, -0.9, 0.8]),
    genre("country", 4.0, [0.1, 0.8, -1.3, 0.1, 1.2, 0.3, -0.3, -0.6]),
    genre("reggae", 2.5, [-0.2, 1.2, -0.4, 1.1, 0.8, -1.2, -0.2, 0.3]),
    genre("latin", 5.0, [0.9, 1.4, -0.1, 1.5, 0.9, -0.4, -0.2, -0.6]),
    genre("afrobeat", 2.5, [0.7, 1.0, 0.0, 1.7, 0.1, 0.5, -0.1, 0.2]),
    genre("soundtrack", 3.0, [-0.7, -0.9, -0.3, -1.5, -1.6, -0.2, 0.1, 1.3]),
];

/// Moods: a track gets the one whose direction it goes furthest in.
pub const MOODS: [(&str, Style); 10] = [
    ("angry", [0.6, -0.5, 0.0, -0.1, 0.0, 0.1, 0.7, -0.1]),
    ("calm", [-0.7, 0.2, -0.2, -0.2, 0.0, -0.3, -0.5, 0.1]),
    ("dark", [0.1, -0.9, 0.3, 0.0, -0.2, 0.0, 0.2, 0.2]),
    ("dreamy", [-0.2, 0.0, 0.2, -0.1, -0.1, -0.1, -0.1, 0.9]),
    ("energetic", [0.7, 0.1, 0.1, 0.2, 0.0, 0.7, 0.1, -0.1]),
    ("focused", [-0.2, 0.0, 0.3, -0.1, -0.9, 0.0, -0.2, 0.0]),
    ("happy", [0.2, 0.9, 0.0, 0.3, 0.2, 0.1, -0.2, -0.1]),
    ("melancholic", [-0.4, -0.6, -0.5, -0.3, 0.3, -0.2, 0.0, 0.4]),
    ("party", [0.4, 0.3, 0.3, 0.8, 0.1, 0.1, 0.0, -0.2]),
    ("romantic", [-0.3, 0.3, -0.2, 0.1, 0.8, -0.4, -0.4, 0.3]),
];

/// For each genre the others by distance of their centres, nearest first.
#[must_use]
pub fn neighbours(genre: usize) -> Vec<usize> {
    let distance = |other: usize| -> f64 {
        GENRES[genre].centre.iter().zip(&GENRES[other].centre).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let mut others: Vec<usize> = (0..GENRES.len()).filter(|other| *other != genre).collect();
    others.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn related_genres_are_neighbours() {
        let place = |name: &str| GENRES.iter().position(|genre| genre.name == name).unwrap();
        assert!(neighbours(place("house"))[..3].contains(&place("techno")));
        assert!(neighbours(place("metal"))[..2].contains(&place("punk")));
        assert_eq!(neighbours(0).len(), GENRES.len() - 1);
    }

    #[test]
    fn moods_are_sorted_and_unique() {
        assert!(MOODS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

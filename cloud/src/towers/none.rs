//! Vectors without a trained model: metadata and co-occurrence, reduced by truncated SVD.
//!
//! Each item is a row of TF-IDF weights over what is known about it (categories,
//! attribute values, creator) and over who took it up (users and sessions before
//! the moment asked for). The row's leading directions are its vector, so that an
//! item nobody has played yet still lies beside what it resembles. Newcomers
//! ([`Catalogue::add_newcomers`]) are folded in: placed along the directions of the
//! others by what is known about them (Deerwester et al., 1990).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::history::{Histories, Signal};
use super::svd::{self, Matrix, Sparse};
use super::unit::{add_scaled, normalise_rows};
use super::{DIMENSION, Embeddings};
use crate::catalog::{AttributeKind, AttributeValue, Catalogue, Item};

/// Start of the random projection: part of the definition of these vectors.
const SEED: u64 = 0x5e60e;
/// How much metadata weighs beside co-occurrence, which is scaled to 1 where there is any.
const METADATA_SHARE: f32 = 0.7;
/// Equal parts that the range of a number is cut into.
const NUMBER_PARTS: f64 = 8.0;
/// Signals after which an older one counts half.
const HALF_LIFE: f32 = 50.0;
/// Items that stand in for a history where there is none.
const POPULAR: usize = 100;

/// Vectors given with the data where every item has one, else those of metadata and co-occurrence.
#[must_use]
pub fn embed(catalogue: &Catalogue, histories: &Histories) -> Embeddings {
    let given = given(catalogue).map(|(dimension, items)| (dimension, items, None));
    let (dimension, items, directions) = given.unwrap_or_else(|| decomposed(catalogue, histories));
    let users = user_vectors(histories, &items, dimension);
    Embeddings {
        dimension,
        items,
        users,
        towers: "none".into(),
        reused: 0,
        directions: directions.map(Arc::new),
    }
}

/// What places a newcomer: the words of the others, how much each weighs, and where it leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Directions {
    words: BTreeMap<String, u32>,
    weights: Vec<f32>,
    /// A row for each word.
    right: Vec<f32>,
    rank: usize,
}

impl Directions {
    /// The vector of an item of which nothing is known but its row, as [`embed`] gives it to a newcomer.
    pub(crate) fn place(&self, catalogue: &Catalogue, item: &Item) -> Vec<f32> {
        let known = item_words(catalogue, item).into_iter().filter_map(|word| self.words.get(&word));
        let mut row: Vec<(u32, f32)> = known.map(|word| (*word, self.weights[*word as usize])).collect();
        scale(&mut row, METADATA_SHARE);
        let matrix = Sparse { width: self.words.len(), entries: vec![row] };
        let mut vector = matrix.times(&self.right, self.rank);
        normalise_rows(&mut vector, self.rank);
        vector
    }
}

/// The vector that comes with an item, where it has one of this dimension.
pub(crate) fn given_to(item: &Item, dimension: usize) -> Option<Vec<f32>> {
    let mut vector = item.vector.clone().filter(|vector| vector.len() == dimension && dimension > 0)?;
    normalise_rows(&mut vector, dimension);
    Some(vector)
}

/// The items' own vectors, when all of them have one of the same length, newcomers included.
fn given(catalogue: &Catalogue) -> Option<(usize, Vec<f32>)> {
    let dimension = catalogue.items.first()?.vector.as_ref()?.len();
    let mut items = Vec::with_capacity(catalogue.items.len() * dimension);
    for item in &catalogue.items {
        let vector = item.vector.as_ref().filter(|vector| vector.len() == dimension && dimension > 0)?;
        items.extend_from_slice(vector);
    }
    normalise_rows(&mut items, dimension);
    Some((dimension, items))
}

fn decomposed(catalogue: &Catalogue, histories: &Histories) -> (usize, Vec<f32>, Option<Directions>) {
    let (all, settled) = (catalogue.items.len(), catalogue.settled());
    let (known, words, weights) = metadata(catalogue);
    let mut matrix = joined(&known, &co_occurrence(histories, all, settled));
    let newcomers = Sparse { width: matrix.width, entries: matrix.entries.split_off(settled) };
    let basis = svd::basis(&matrix, DIMENSION, SEED);
    if basis.rank == 0 {
        return (1, vec![1.0; all], None);
    }
    let mut items = matrix.times(&basis.right, basis.rank);
    items.extend(newcomers.times(&basis.right, basis.rank));
    normalise_rows(&mut items, basis.rank);
    let right = basis.right[..words.len() * basis.rank].to_vec();
    (basis.rank, items, Some(Directions { words, weights, right, rank: basis.rank }))
}

/// What is known about each item, as weighted words, of newcomers those that others have too; the words, and what each
/// weighs.
fn metadata(catalogue: &Catalogue) -> (Sparse, BTreeMap<String, u32>, Vec<f32>) {
    let (settled, newcomers) = catalogue.items.split_at(catalogue.settled());
    let mut words: BTreeMap<String, u32> = BTreeMap::new();
    let mut rows = Vec::with_capacity(catalogue.items.len());
    for item in settled {
        let mut row = Vec::new();
        for word in item_words(catalogue, item) {
            let next = words.len() as u32;
            row.push((*words.entry(word).or_insert(next), 1.0));
        }
        rows.push(row);
    }
    for item in newcomers {
        let known = item_words(catalogue, item).into_iter().filter_map(|word| words.get(&word));
        rows.push(known.map(|word| (*word, 1.0)).collect());
    }
    let mut matrix = Sparse { width: words.len(), entries: rows };
    let weights = weigh(&mut matrix, METADATA_SHARE, settled.len());
    (matrix, words, weights)
}

/// What is known about an item beforehand, as words: its categories, creator and declared attributes.
pub(crate) fn item_words(catalogue: &Catalogue, item: &Item) -> Vec<String> {
    let mut words: Vec<String> = item.categories.iter().map(|name| format!("category={name}")).collect();
    if !item.creator.is_empty() {
        words.push(format!("creator={}", item.creator));
    }
    for attribute in &catalogue.dataset.attributes {
        match (&attribute.kind, item.attributes.get(&attribute.name)) {
            (AttributeKind::Number { minimum, maximum }, Some(AttributeValue::Number(value))) => {
                let part = (value - minimum) / (maximum - minimum).max(f64::MIN_POSITIVE) * NUMBER_PARTS;
                words.push(format!("{}={}", attribute.name, part.clamp(0.0, NUMBER_PARTS - 1.0) as u32));
            }
            (AttributeKind::Category { .. }, Some(AttributeValue::Text(value))) => {
                words.push(format!("{}={value}", attribute.name));
            }
            _ => {}
        }
    }
    words
}

/// Who took each item up, newcomers aside: one column per user and per session with at least two items.
fn co_occurrence(histories: &Histories, items: usize, settled: usize) -> Sparse {
    let mut rows: Vec<BTreeMap<u32, f32>> = vec![BTreeMap::new(); items];
    let mut width = 0;
    for group in histories.users.iter().chain(&histories.sessions) {
        let liked = || group.iter().filter(move |signal| signal.weight > 0.0 && signal.item < settled);
        if !holds_two_items(liked()) {
            continue;
        }
        for signal in liked() {
            *rows[signal.item].entry(width).or_insert(0.0) += signal.weight;
        }
        width += 1;
    }
    let damped = |(column, weight): (u32, f32)| (column, libm::log1pf(weight));
    let entries = rows.into_iter().map(|row| row.into_iter().map(damped).collect()).collect();
    let mut matrix = Sparse { width: width as usize, entries };
    weigh(&mut matrix, 1.0, settled);
    matrix
}

fn holds_two_items<'a>(liked: impl Iterator<Item = &'a Signal>) -> bool {
    let mut liked = liked.map(|signal| signal.item);
    liked.next().is_some_and(|first| liked.any(|item| item != first))
}

/// Columns that are rare among the first `settled` rows weigh more (inverse document frequency); then each row gets the
/// length `share`. Returns what each column weighs.
fn weigh(matrix: &mut Sparse, share: f32, settled: usize) -> Vec<f32> {
    let mut frequency = vec![0.0_f32; matrix.width];
    matrix.entries[..settled].iter().flatten().for_each(|&(column, _)| frequency[column as usize] += 1.0);
    let rows = settled as f32;
    let weight = |frequency: &f32| libm::logf((1.0 + rows) / (1.0 + frequency)) + 1.0;
    let weights: Vec<f32> = frequency.iter().map(weight).collect();
    for row in &mut matrix.entries {
        row.iter_mut().for_each(|(column, value)| *value *= weights[*column as usize]);
        scale(row, share);
    }
    weights
}

/// Gives a row the length `share`; zeros stay zeros.
fn scale(row: &mut [(u32, f32)], share: f32) {
    let length = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|(_, value)| *value *= share / length);
    }
}

fn joined(left: &Sparse, right: &Sparse) -> Sparse {
    let shift = left.width as u32;
    let shifted = |&(column, value): &(u32, f32)| (column + shift, value);
    let rows = left.entries.iter().zip(&right.entries);
    Sparse {
        width: left.width + right.width,
        entries: rows
            .map(|(left, right)| left.iter().copied().chain(right.iter().map(shifted)).collect())
            .collect(),
    }
}

/// The weighted mean of each history; without one, of the most popular items.
pub(crate) fn user_vectors(histories: &Histories, items: &[f32], dimension: usize) -> Vec<f32> {
    let popular = popular_signals(&histories.counts);
    let mut users = vec![0.0; histories.users.len() * dimension];
    for (user, signals) in users.chunks_exact_mut(dimension).zip(&histories.users) {
        pool(user, known_or(signals, &popular), items);
    }
    normalise_rows(&mut users, dimension);
    users
}

/// A history that says what its person likes; `popular` in the place of one that does not.
pub(crate) fn known_or<'a>(signals: &'a [Signal], popular: &'a [Signal]) -> &'a [Signal] {
    if signals.iter().any(|signal| signal.weight > 0.0) { signals } else { popular }
}

/// The vector of somebody with this history, oldest first, over items of `dimension` entries.
pub(crate) fn user_vector(signals: &[Signal], items: &[f32], dimension: usize) -> Vec<f32> {
    let mut user = vec![0.0; dimension];
    pool(&mut user, signals, items);
    normalise_rows(&mut user, dimension);
    user
}

/// What stands in for a history: the most popular items by how often each was taken up.
pub(crate) fn popular_signals(counts: &[f32]) -> Vec<Signal> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|&left, &right| counts[right].total_cmp(&counts[left]).then(left.cmp(&right)));
    order.into_iter().take(POPULAR).map(|item| Signal { item, time_ms: 0, weight: 1.0 }).collect()
}

fn pool(user: &mut [f32], signals: &[Signal], items: &[f32]) {
    for (age, signal) in signals.iter().rev().enumerate() {
        let recency = libm::exp2f(-(age as f32) / HALF_LIFE);
        add_scaled(user, &items[signal.item * user.len()..][..user.len()], signal.weight * recency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    fn cosine(embeddings: &Embeddings, left: usize, right: usize) -> f32 {
        embeddings.item(left).iter().zip(embeddings.item(right)).map(|(left, right)| left * right).sum()
    }

    fn embedded() -> Embeddings {
        let catalogue = samples::catalogue();
        embed(&catalogue, &Histories::before(&catalogue, None))
    }

    #[test]
    fn items_of_one_genre_lie_closer_than_items_of_two() {
        let embeddings = embedded();
        assert!(cosine(&embeddings, 0, 2) > cosine(&embeddings, 0, 1));
    }

    #[test]
    fn a_new_item_gets_the_vector_of_its_metadata() {
        let embeddings = embedded();
        let unplayed = samples::ITEMS - 1;
        let length: f32 = embeddings.item(unplayed).iter().map(|entry| entry * entry).sum();
        assert!((length - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_newcomer_lies_beside_what_it_resembles_and_moves_nobody() {
        let before = embedded();
        let mut catalogue = samples::catalogue();
        let like = catalogue.items[0].clone();
        catalogue.add_newcomers(vec![
            like.clone(),
            Item { item: "new".into(), ..like },
            Item { item: "unheard".into(), categories: vec!["none".into()], ..Item::default() },
        ]);
        let mut liked = samples::event("late", 0, 0, 1_000_000);
        liked.item = "new".into();
        catalogue.add_events(vec![liked]);
        let after = embed(&catalogue, &Histories::before(&catalogue, None));
        assert_eq!(after.items[..before.items.len()], before.items);
        let new = samples::ITEMS;
        assert_eq!(after.items.len() / after.dimension, new + 2);
        assert!(cosine(&after, new, 0) > cosine(&after, new, 1));
        for place in [new, new + 1] {
            let alone = before.directions.as_ref().unwrap().place(&catalogue, &catalogue.items[place]);
            assert_eq!(alone, after.item(place), "by itself as with all of them");
        }
    }

    #[test]
    fn every_run_gives_the_same_vectors() {
        assert_eq!(embedded(), embedded());
    }

    #[test]
    fn a_user_without_history_resembles_what_is_popular() {
        let embeddings = embedded();
        let stranger = embeddings.user(samples::USERS - 1);
        let popular: f32 = stranger.iter().zip(embeddings.item(0)).map(|(left, right)| left * right).sum();
        assert!(popular > 0.0, "{popular}");
    }

    #[test]
    fn given_vectors_take_precedence() {
        let mut catalogue = samples::catalogue();
        for (index, item) in catalogue.items.iter_mut().enumerate() {
            item.vector = Some(vec![3.0, index as f32, 0.0]);
        }
        let embeddings = embed(&catalogue, &Histories::before(&catalogue, None));
        assert_eq!((embeddings.dimension, embeddings.item(0)), (3, [1.0, 0.0, 0.0].as_slice()));
    }

    #[test]
    fn events_after_the_moment_change_nothing() {
        let catalogue = samples::catalogue();
        let mut longer = catalogue.clone();
        longer.add_events(vec![samples::event("late", 0, 5, 1_000_000)]);
        let until = Some(900_000);
        let earlier = embed(&catalogue, &Histories::before(&catalogue, until));
        assert_eq!(earlier, embed(&longer, &Histories::before(&longer, until)));
    }
}

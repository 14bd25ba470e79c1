//! Matrix factorisation of what did well, by alternating least squares on implicit feedback (Hu, Koren and Volinsky, 2008).
//!
//! Rows are people with all that did well for them, and sessions of people without a name. Somebody's row is solved anew
//! at each question, from what did well before and in the session so far.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::{Method, Question, Ranked, Sitting, Stage};

/// Factors of a row.
const RANK: usize = 32;
/// How much more an entry counts than a missing one.
const CONFIDENCE: f64 = 20.0;
/// Keeps factors small.
const REGULARISATION: f64 = 1.0;
/// Times that both sides are solved.
const ROUNDS: usize = 6;
const SEED: u64 = 0xa15;

type Square = [[f64; RANK]; RANK];
type Row = [f64; RANK];

/// Factors of the items.
#[derive(Debug, Clone)]
pub struct Factors {
    items: Vec<Row>,
    gram: Square,
}

impl Factors {
    /// Learns from what a stage knows.
    #[must_use]
    pub fn new(stage: &Stage<'_>) -> Self {
        let catalogue = stage.catalogue();
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for index in &stage.known {
            let event = &catalogue.events[*index];
            let Some(item) = catalogue.event_items[*index].filter(|_| stage.rules.is_positive(event)) else {
                continue;
            };
            let session = if event.user.is_empty() { event.session.as_str() } else { "" };
            let place = *places.entry((&event.user, session)).or_insert(rows.len());
            rows.resize_with(places.len(), Vec::new);
            rows[place].push(item);
        }
        rows.iter_mut().for_each(|row| {
            row.sort_unstable();
            row.dedup();
        });
        Self::learn(&rows, catalogue.items.len())
    }

    fn learn(rows: &[Vec<u32>], items: usize) -> Self {
        let mut columns: Vec<Vec<u32>> = vec![Vec::new(); items];
        for (row, entries) in rows.iter().enumerate() {
            entries.iter().for_each(|item| columns[*item as usize].push(row as u32));
        }
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let mut draw = || (f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5) / RANK as f64;
        let mut factors: Vec<Row> = (0..items).map(|_| std::array::from_fn(|_| draw())).collect();
        for _ in 0..ROUNDS {
            let people = solve_all(rows, &factors);
            factors = solve_all(&columns, &people);
        }
        Self { gram: gram(&factors), items: factors }
    }

    /// The factors of somebody for whom these items did well.
    fn person(&self, items: &[u32]) -> Row {
        solve(items, &self.items, &self.gram)
    }
}

fn solve_all(rows: &[Vec<u32>], others: &[Row]) -> Vec<Row> {
    let gram = gram(others);
    rows.par_iter().map(|row| solve(row, others, &gram)).collect()
}

fn gram(factors: &[Row]) -> Square {
    let mut gram = [[0.0; RANK]; RANK];
    factors.iter().for_each(|row| add_square(&mut gram, row, 1.0));
    gram
}

/// Adds `weight * row * row'`; only the lower half is kept.
fn add_square(square: &mut Square, row: &Row, weight: f64) {
    for (at, line) in square.iter_mut().enumerate() {
        let scaled = weight * row[at];
        line[..=at].iter_mut().zip(row).for_each(|(sum, value)| *sum += scaled * value);
    }
}

/// The row that fits these entries best: `(Y'Y + CONFIDENCE Y_e'Y_e + REGULARISATION I) x = (1 + CONFIDENCE) Y_e'1`.
fn solve(entries: &[u32], others: &[Row], gram: &Square) -> Row {
    if entries.is_empty() {
        return [0.0; RANK];
    }
    let (mut square, mut right) = (*gram, [0.0; RANK]);
    (0..RANK).for_each(|at| square[at][at] += REGULARISATION);
    for entry in entries {
        let other = &others[*entry as usize];
        add_square(&mut square, other, CONFIDENCE);
        right.iter_mut().zip(other).for_each(|(sum, value)| *sum += (1.0 + CONFIDENCE) * value);
    }
    cholesky(&mut square);
    substitute(&square, right)
}

/// Replaces the lower half of a positive definite matrix by its Cholesky factor.
fn cholesky(square: &mut Square) {
    for row in 0..RANK {
        for column in 0..=row {
            let products: f64 = (0..column).map(|at| square[row][at] * square[column][at]).sum();
            let rest = square[row][column] - products;
            square[row][column] = if row == column { rest.sqrt() } else { rest / square[column][column] };
        }
    }
}

/// Solves `L L' x = right`.
fn substitute(lower: &Square, mut right: Row) -> Row {
    for row in 0..RANK {
        let known: f64 = (0..row).map(|at| lower[row][at] * right[at]).sum();
        right[row] = (right[row] - known) / lower[row][row];
    }
    for row in (0..RANK).rev() {
        let known: f64 = (row + 1..RANK).map(|at| lower[at][row] * right[at]).sum();
        right[row] = (right[row] - known) / lower[row][row];
    }
    right
}

/// Orders by the product of factors.
pub(super) struct Mf<'a> {
    factors: &'a Factors,
    /// What did well for the person before the session.
    before: Vec<u32>,
}

impl<'a> Mf<'a> {
    pub(super) fn new(factors: &'a Factors) -> Self {
        Self { factors, before: Vec::new() }
    }
}

impl Method for Mf<'_> {
    fn begin(&mut self, stage: &Stage<'_>, sitting: &Sitting<'_>) -> anyhow::Result<()> {
        let signals = sitting.viewer.user.map_or(&[][..], |user| stage.histories.users[user].as_slice());
        let positive = signals.iter().filter(|signal| signal.weight > 0.0);
        self.before = positive.map(|signal| signal.item as u32).collect();
        Ok(())
    }

    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let mut items = self.before.clone();
        items.extend(question.did_well());
        items.sort_unstable();
        items.dedup();
        let person = self.factors.person(&items);
        Ok(question.by_score(|item| {
            let factors = &self.factors.items[item as usize];
            person.iter().zip(factors).map(|(left, right)| left * right).sum::<f64>() as f32
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_taste_are_recommended_to_who_shares_it() {
        let row = |taste: u32, left_out: u32| {
            (0..6).filter(|item| *item != left_out).map(|item| taste * 6 + item).collect::<Vec<u32>>()
        };
        let rows: Vec<Vec<u32>> = (0..40).map(|person| row(person % 2, person % 6)).collect();
        let factors = Factors::learn(&rows, 12);
        let person = factors.person(&[0, 1]);
        let score = |item: usize| -> f64 {
            person.iter().zip(&factors.items[item]).map(|(left, right)| left * right).sum()
        };
        let (mine, others) = ((2..6).map(score), (6..12).map(score));
        let (worst, best) = (mine.fold(f64::MAX, f64::min), others.fold(f64::MIN, f64::max));
        assert!(worst > best + 0.3, "{worst} {best}");
        assert_eq!(factors.person(&[]), [0.0; RANK]);
    }

    #[test]
    fn a_row_solves_its_equations() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut draw = || f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
        let others: Vec<Row> = (0..50).map(|_| std::array::from_fn(|_| draw())).collect();
        let entries = [3, 7, 20];
        let solved = solve(&entries, &others, &gram(&others));
        let mut square = gram(&others);
        entries.iter().for_each(|entry| add_square(&mut square, &others[*entry as usize], CONFIDENCE));
        for row in 0..RANK {
            let entry = |at: usize| if at <= row { square[row][at] } else { square[at][row] };
            let left: f64 =
                (0..RANK).map(|at| entry(at) * solved[at]).sum::<f64>() + REGULARISATION * solved[row];
            let right: f64 =
                entries.iter().map(|entry| (1.0 + CONFIDENCE) * others[*entry as usize][row]).sum();
            assert!((left - right).abs() < 1e-9, "{left} {right}");
        }
    }
}

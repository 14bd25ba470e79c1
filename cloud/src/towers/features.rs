//! The towers' inputs: dense rows whose columns follow from `dataset.json` alone.
//!
//! An item's row, in this order:
//! 1. `category:NAME` for each declared category: 1 where the item has it;
//! 2. for each declared attribute, in the file's order, either `attribute:NAME=VALUE` for each
//!    declared value (1 where it holds), or for a number `attribute:NAME` (scaled to 0..1 within
//!    its range, 0.5 when missing) and `attribute:NAME:square` (the square of its distance from
//!    the middle, so that a tower can prefer the middle of a range), or for the given vectors (of sound,
//!    text or picture) `attribute:NAME:0` and so on: the item's at unit length, zeros where it has none;
//! 3. `log_popularity` (1 for the most popular item), `age` (logarithm of days since release) and
//!    `duration` (logarithm of minutes), all within 0..1; the first two in steps of 1/256, so that
//!    half an hour and a few events leave nearly every row as it was.
//!
//! A user's row: the item columns averaged over the weighted positive history (`all:`), over the
//! last 20 positive signals (`recent:`) and over the negative ones (`refused:`), then
//! `history_length`, `refused_share` and the profile, hashed into buckets (`country:N`,
//! `age_group:N`, `language:N`). No id of an item or user is a feature, so a model serves any
//! catalogue with the same declarations.

use super::history::{Histories, Signal};
use super::unit::add_scaled;
use crate::catalog::{Attribute, AttributeKind, AttributeValue, Catalogue, Dataset, Item, User};
use crate::index::normalise;

/// Positive signals that count as recent.
pub const RECENT: usize = 20;
/// Profile fields and the buckets that each is hashed into.
const PROFILE: [(&str, usize); 3] = [("country", 16), ("age_group", 8), ("language", 8)];
/// Item columns that do not come from a declaration.
const MEASURED: [&str; 3] = ["log_popularity", "age", "duration"];
/// User columns between the averages and the profile.
const COUNTED: [&str; 2] = ["history_length", "refused_share"];
const DAY_MS: f32 = 86_400_000.0;
/// Steps of popularity and age within 0..1. A row is off by half of one at most: by 2 % of an age, and by at most 1.4 % of
/// the plays where the most popular item has a thousand. That is less than chance decides, since even a thousand plays have
/// a standard deviation of 3 %; so no model can have learned from it.
const STEPS: f32 = 256.0;

/// A dense matrix with named columns, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMatrix {
    /// Name of each column.
    pub columns: Vec<String>,
    /// The values.
    pub values: Vec<f32>,
}

impl FeatureMatrix {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// One row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns.len()..][..self.columns.len()]
    }
}

/// Names of an item's columns.
#[must_use]
pub fn item_columns(dataset: &Dataset) -> Vec<String> {
    let mut columns: Vec<String> = dataset.categories.iter().map(|name| format!("category:{name}")).collect();
    for Attribute { name, kind } in &dataset.attributes {
        match kind {
            AttributeKind::Number { .. } => {
                columns.extend([format!("attribute:{name}"), format!("attribute:{name}:square")]);
            }
            AttributeKind::Category { values } => {
                columns.extend(values.iter().map(|value| format!("attribute:{name}={value}")));
            }
            AttributeKind::Vector { dimension } => {
                columns.extend((0..*dimension).map(|entry| format!("attribute:{name}:{entry}")));
            }
        }
    }
    columns.extend(MEASURED.map(str::to_owned));
    columns
}

/// Names of a user's columns.
#[must_use]
pub fn user_columns(dataset: &Dataset) -> Vec<String> {
    let items = item_columns(dataset);
    let mut columns = Vec::new();
    for part in ["all", "recent", "refused"] {
        columns.extend(items.iter().map(|name| format!("{part}:{name}")));
    }
    columns.extend(COUNTED.map(str::to_owned));
    for (field, buckets) in PROFILE {
        columns.extend((0..buckets).map(|bucket| format!("{field}:{bucket}")));
    }
    columns
}

/// Every item's row.
#[must_use]
pub fn item_matrix(catalogue: &Catalogue, histories: &Histories) -> FeatureMatrix {
    let columns = item_columns(&catalogue.dataset);
    let mut values = Vec::with_capacity(columns.len() * catalogue.items.len());
    for (item, popularity) in catalogue.items.iter().zip(histories.popularity()) {
        push_item(&catalogue.dataset, item, (popularity, histories.reference_ms), &mut values);
    }
    FeatureMatrix { columns, values }
}

/// The row of one item as popular as this, its age counted to a moment.
#[must_use]
pub fn item_row(dataset: &Dataset, item: &Item, measured: (f32, i64)) -> Vec<f32> {
    let mut row = Vec::new();
    push_item(dataset, item, measured, &mut row);
    row
}

/// Adds the row of an item as popular as this, its age counted to `reference_ms`.
fn push_item(dataset: &Dataset, item: &Item, (popularity, reference_ms): (f32, i64), values: &mut Vec<f32>) {
    let age_days = item.released_ms.map_or(0.0, |time| (reference_ms - time) as f32 / DAY_MS);
    let minutes = item.duration_ms.map_or(0.0, |duration| duration as f32 / 60_000.0);
    declared_values(dataset, item, values);
    values.push(in_steps(popularity));
    values.push(in_steps((libm::log1pf(age_days.max(0.0)) / 10.0).min(1.0)));
    values.push((libm::log1pf(minutes) / 6.0).min(1.0));
}

/// The nearest of the [`STEPS`].
fn in_steps(value: f32) -> f32 {
    (value * STEPS).round() / STEPS
}

fn declared_values(dataset: &Dataset, item: &Item, row: &mut Vec<f32>) {
    row.extend(dataset.categories.iter().map(|name| f32::from(u8::from(item.categories.contains(name)))));
    for Attribute { name, kind } in &dataset.attributes {
        let value = item.attributes.get(name);
        match kind {
            AttributeKind::Number { minimum, maximum } => {
                let scaled = scaled(value.and_then(AttributeValue::number), *minimum, *maximum);
                row.extend([scaled, 4.0 * (scaled - 0.5) * (scaled - 0.5)]);
            }
            AttributeKind::Category { values } => {
                let word = value.and_then(AttributeValue::text);
                row.extend(values.iter().map(|value| f32::from(u8::from(word == Some(value)))));
            }
            AttributeKind::Vector { dimension } => given_vector(item, *dimension, row),
        }
    }
}

/// The item's given vector at unit length; zeros where it has none of this length.
fn given_vector(item: &Item, dimension: usize, row: &mut Vec<f32>) {
    let begin = row.len();
    match item.vector.as_deref().filter(|vector| vector.len() == dimension) {
        Some(vector) => row.extend(vector),
        None => row.resize(begin + dimension, 0.0),
    }
    normalise(&mut row[begin..]);
}

fn scaled(value: Option<f64>, minimum: f64, maximum: f64) -> f32 {
    match value {
        Some(value) if maximum > minimum => ((value - minimum) / (maximum - minimum)).clamp(0.0, 1.0) as f32,
        _ => 0.5,
    }
}

/// The rows of the users at these places.
#[must_use]
pub fn user_matrix(
    catalogue: &Catalogue,
    histories: &Histories,
    items: &FeatureMatrix,
    users: &[usize],
) -> FeatureMatrix {
    let columns = user_columns(&catalogue.dataset);
    let mut values = Vec::with_capacity(columns.len() * users.len());
    for user in users {
        values.extend(user_row(&catalogue.users[*user], &histories.users[*user], items));
    }
    FeatureMatrix { columns, values }
}

/// One user's row from the signals given, oldest first.
#[must_use]
pub fn user_row(user: &User, signals: &[Signal], items: &FeatureMatrix) -> Vec<f32> {
    let positive = signals.iter().filter(|signal| signal.weight > 0.0);
    let refused: Vec<&Signal> = signals.iter().filter(|signal| signal.weight < 0.0).collect();
    let mut row = mean(items, positive.clone());
    row.extend(mean(items, positive.rev().take(RECENT)));
    row.extend(mean(items, refused.iter().copied()));
    row.push((libm::log1pf(signals.len() as f32) / 8.0).min(1.0));
    row.push(refused.len() as f32 / signals.len().max(1) as f32);
    let fields = [&user.country, &user.age_group, &user.language];
    for (value, (_, buckets)) in fields.into_iter().zip(PROFILE) {
        let bucket = value.as_ref().map(|value| bucket(value, buckets));
        row.extend((0..buckets).map(|at| f32::from(u8::from(bucket == Some(at)))));
    }
    row
}

/// The mean row, each signal counting by the size of its weight.
fn mean<'a>(items: &FeatureMatrix, signals: impl Iterator<Item = &'a Signal>) -> Vec<f32> {
    let mut sum = vec![0.0; items.columns.len()];
    let mut total = 0.0;
    for signal in signals {
        add_scaled(&mut sum, items.row(signal.item), signal.weight.abs());
        total += signal.weight.abs();
    }
    if total > 0.0 {
        sum.iter_mut().for_each(|entry| *entry /= total);
    }
    sum
}

/// The bucket of a word: 32-bit FNV-1a modulo the number of buckets.
fn bucket(value: &str, buckets: usize) -> usize {
    let hash =
        value.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize % buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn every_row_has_a_value_for_each_named_column() {
        let catalogue = samples::catalogue();
        let histories = Histories::before(&catalogue, None);
        let items = item_matrix(&catalogue, &histories);
        let users = user_matrix(&catalogue, &histories, &items, &(0..samples::USERS).collect::<Vec<_>>());
        assert_eq!((items.rows(), items.columns.len()), (samples::ITEMS, 9));
        assert_eq!((users.rows(), users.columns.len()), (samples::USERS, 3 * 9 + 2 + 32));
        assert!(items.values.iter().chain(&users.values).all(|value| (0.0..=1.0).contains(value)));
        let measured = (histories.popularity()[3], histories.reference_ms);
        assert_eq!(item_row(&catalogue.dataset, &catalogue.items[3], measured), items.row(3));
    }

    #[test]
    fn columns_are_named_in_the_declared_order() {
        let catalogue = samples::catalogue();
        let columns = item_columns(&catalogue.dataset);
        assert_eq!(
            columns[..4],
            ["category:jazz", "category:rock", "attribute:tempo", "attribute:tempo:square"]
        );
        assert_eq!(columns[4..6], ["attribute:mood=calm", "attribute:mood=wild"]);
    }

    #[test]
    fn a_user_is_the_mean_of_what_he_took_up() {
        let catalogue = samples::catalogue();
        let items = item_matrix(&catalogue, &Histories::before(&catalogue, None));
        let signal = |item, weight| Signal { item, time_ms: 0, weight };
        let row = user_row(&catalogue.users[0], &[signal(0, 3.0), signal(1, 1.0), signal(3, -0.5)], &items);
        assert_eq!(row[..2], [0.25, 0.75]);
        assert_eq!(row[18..20], [1.0, 0.0]);
    }

    #[test]
    fn a_step_is_half_a_step_off_at_most_and_the_ends_stay() {
        assert_eq!([0.0, 1.0].map(in_steps), [0.0, 1.0]);
        let off = |at: u32| (in_steps(at as f32 / 1_000.0) - at as f32 / 1_000.0).abs();
        assert!((0..=1_000).all(|at| off(at) <= 0.5 / STEPS + f32::EPSILON));
    }

    #[test]
    fn given_vectors_are_columns_of_unit_length_and_zeros_where_there_is_none() {
        let mut catalogue = samples::catalogue();
        let kind = AttributeKind::Vector { dimension: 2 };
        catalogue.dataset.attributes.push(Attribute { name: "vector".into(), kind });
        catalogue.items[1].vector = Some(vec![3.0, 4.0]);
        catalogue.items[2].vector = Some(vec![1.0]);
        let items = item_matrix(&catalogue, &Histories::before(&catalogue, None));
        let at = items.columns.iter().position(|name| name == "attribute:vector:0").unwrap();
        assert_eq!(items.columns[at + 1], "attribute:vector:1");
        let row = &items.row(1)[at..at + 2];
        assert!((row[0] - 0.6).abs() < 1e-6 && (row[1] - 0.8).abs() < 1e-6, "{row:?}");
        assert!([0, 2].iter().all(|item| items.row(*item)[at..at + 2] == [0.0, 0.0]));
    }

    #[test]
    fn a_missing_number_lies_in_the_middle() {
        assert_eq!(scaled(None, 60.0, 180.0), 0.5);
        assert_eq!(scaled(Some(500.0), 60.0, 180.0), 1.0);
    }
}

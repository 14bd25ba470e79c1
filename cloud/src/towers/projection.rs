//! Vectors for packs: at most 64 dimensions, with the loss that the shortening costs.

use super::svd::{self, Dense, Matrix};
use super::unit::{dot, normalise_rows};
use super::{DIMENSION, Embeddings};

const SEED: u64 = 0x9407;
/// Users whose best ten are compared before and after, and whom an index is checked with.
const SAMPLE: usize = 200;
/// Places that are compared.
const PLACES: usize = 10;

/// Embeddings of at most 64 dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The shortened vectors; those given when they were short enough.
    pub embeddings: Embeddings,
    /// Share of the best ten items by the whole vectors that are among the best ten by the short ones.
    pub recall_at_10: f64,
}

/// Every how manyth of so many users is looked at where a sample is enough, beginning with the first.
#[must_use]
pub fn step(users: usize) -> usize {
    users.div_ceil(SAMPLE).max(1)
}

/// Projects on the items' 64 leading directions where there are more.
#[must_use]
pub fn project(embeddings: &Embeddings) -> Projection {
    if embeddings.dimension <= DIMENSION {
        return Projection { embeddings: embeddings.clone(), recall_at_10: 1.0 };
    }
    let items = Dense { width: embeddings.dimension, values: &embeddings.items };
    let basis = svd::basis(&items, DIMENSION, SEED);
    let short = |values: &[f32]| {
        let mut rows = Dense { width: embeddings.dimension, values }.times(&basis.right, basis.rank);
        normalise_rows(&mut rows, basis.rank);
        rows
    };
    let projected = Embeddings {
        dimension: basis.rank,
        items: short(&embeddings.items),
        users: short(&embeddings.users),
        towers: embeddings.towers.clone(),
        reused: embeddings.reused,
        directions: None,
    };
    Projection { recall_at_10: recall(embeddings, &projected), embeddings: projected }
}

/// Recall over users spread evenly over the table, or over items where there are no users.
fn recall(whole: &Embeddings, short: &Embeddings) -> f64 {
    let users = whole.users.len() / whole.dimension;
    let items = whole.items.len() / whole.dimension;
    let queries = if users > 0 { users } else { items };
    let query = |of: &Embeddings, at| best(of, if users > 0 { of.user(at) } else { of.item(at) });
    let (mut found, mut wanted) = (0, 0);
    for at in (0..queries).step_by(step(queries)) {
        let (left, right) = (query(whole, at), query(short, at));
        found += left.iter().filter(|item| right.contains(item)).count();
        wanted += left.len();
    }
    if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 }
}

fn best(embeddings: &Embeddings, query: &[f32]) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> = embeddings
        .items
        .chunks_exact(embeddings.dimension)
        .enumerate()
        .map(|(item, vector)| (dot(vector, query), item))
        .collect();
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    scored.into_iter().take(PLACES).map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(rank: usize) -> Embeddings {
        let entry = |row: usize, column: usize| {
            (0..rank)
                .map(|at| ((row * (at + 1)) as f32).sin() * ((column * (at + 2)) as f32).cos())
                .sum::<f32>()
        };
        let mut rows: Vec<f32> = (0..60)
            .flat_map(|row| (0..100).map(move |column| (row, column)))
            .map(|(r, c)| entry(r, c))
            .collect();
        normalise_rows(&mut rows, 100);
        Embeddings {
            dimension: 100,
            users: rows[..1000].to_vec(),
            items: rows,
            towers: "none".into(),
            reused: 0,
            directions: None,
        }
    }

    #[test]
    fn short_vectors_are_left_alone() {
        let given = Embeddings {
            dimension: 2,
            items: vec![1.0, 0.0],
            users: vec![],
            towers: "none".into(),
            reused: 0,
            directions: None,
        };
        assert_eq!(project(&given), Projection { embeddings: given, recall_at_10: 1.0 });
    }

    #[test]
    fn vectors_of_low_rank_lose_nothing() {
        let projection = project(&wide(8));
        assert!(projection.embeddings.dimension <= DIMENSION);
        assert!(projection.recall_at_10 > 0.99, "{}", projection.recall_at_10);
    }
}

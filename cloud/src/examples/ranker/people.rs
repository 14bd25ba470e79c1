//! Vectors of the items, and of the people whose sessions are learned from.

use std::path::Path;

use anyhow::{Context, ensure};

use super::Retrieval;
use crate::catalog::{Catalogue, SessionLog};
use crate::examples::choice::Vectors;
use crate::examples::{Snapshot, npy};
use crate::index::normalise;
use crate::towers::features::{FeatureMatrix, user_columns};
use crate::towers::{Tower, none};

/// Popular items whose mean stands for the taste of somebody unknown.
const TASTE: usize = 100;

/// Vectors of the items, and of each session's person just before the steps that are learned from.
pub(super) fn vectors(
    catalogue: &Catalogue,
    snapshot: &Snapshot,
    sessions: &[SessionLog],
    retrieval: &Retrieval,
    part: usize,
) -> anyhow::Result<(Vectors, Vec<f32>)> {
    let (dimension, items, mut users) = match retrieval {
        Retrieval::Towers(folder) => {
            let (dimension, items) = tower(folder, "item")?.run(&snapshot.items)?;
            (dimension, items, towered(catalogue, snapshot, sessions, folder)?)
        }
        Retrieval::Baskets(folder) => {
            let (dimension, items) = npy::read_rows(&folder.join(part.to_string()), "vectors")?;
            let popular = none::popular_signals(&snapshot.counts);
            let of = |session| {
                let history = none::known_or(snapshot.history(catalogue, session), &popular);
                none::user_vector(history, &items, dimension)
            };
            let users = sessions.iter().flat_map(of).collect();
            (dimension, items, users)
        }
    };
    ensure!(users.len() == sessions.len() * dimension, "the towers give vectors of different dimensions");
    ensure!(items.len() == catalogue.items.len() * dimension, "there must be one vector for each item");
    let taste = taste(&items, dimension, &snapshot.counts);
    for (session, user) in sessions.iter().zip(users.chunks_exact_mut(dimension)) {
        if session.user.is_none() {
            user.copy_from_slice(&taste);
        }
    }
    Ok((Vectors { dimension, items }, users))
}

fn tower(folder: &Path, name: &'static str) -> anyhow::Result<Tower> {
    let path = folder.join(format!("{name}_tower.onnx"));
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}: train the towers first", path.display()))?;
    Tower::open(&bytes, name)
}

fn towered(
    catalogue: &Catalogue,
    snapshot: &Snapshot,
    sessions: &[SessionLog],
    towers: &Path,
) -> anyhow::Result<Vec<f32>> {
    let mut rows = FeatureMatrix { columns: user_columns(&catalogue.dataset), values: Vec::new() };
    for session in sessions {
        rows.values.extend(snapshot.user_row(catalogue, session));
    }
    Ok(tower(towers, "user")?.run(&rows)?.1)
}

/// What a refresh takes for the vector of people about whom nothing is known: the mean of what is most popular.
fn taste(items: &[f32], dimension: usize, counts: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|one, other| counts[*other].total_cmp(&counts[*one]).then(one.cmp(other)));
    let mut mean = vec![0.0; dimension];
    for item in order.into_iter().take(TASTE) {
        let vector = &items[item * dimension..][..dimension];
        mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    normalise(&mut mean);
    mean
}

//! Vectors of items and users: by the model's two towers or its table of item vectors, without a model from metadata and
//! history.
//!
//! [`embed`] is the one way in. Whatever made the vectors is named in
//! [`Embeddings::towers`] and travels with the manifest and every pack.

use std::sync::Arc;

use crate::catalog::Catalogue;

mod cache;
pub mod features;
pub mod history;
pub mod model;
pub mod none;
pub mod person;
mod placer;
pub mod projection;
#[cfg(test)]
pub(crate) mod samples;
pub mod svd;
pub mod table;
mod tower;
mod unit;

pub use model::{ModelDirectory, Retriever};
pub(crate) use placer::{ItemPlacer, Placed};
pub use tower::Tower;

/// Dimension of the vectors made here.
pub const DIMENSION: usize = 64;

/// A unit vector for each item and each user.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Entries of one vector.
    pub dimension: usize,
    /// One row per item, in catalogue order.
    pub items: Vec<f32>,
    /// One row per user, in catalogue order.
    pub users: Vec<f32>,
    /// Hash of the towers or the table that made them, or `none`.
    pub towers: String,
    /// How many of the items' vectors were kept from before, since nothing that towers read of them changed.
    pub reused: usize,
    /// What places one item more, where vectors are made of all items together.
    pub(crate) directions: Option<Arc<none::Directions>>,
}

impl Embeddings {
    /// The vector of an item.
    #[must_use]
    pub fn item(&self, index: usize) -> &[f32] {
        &self.items[index * self.dimension..][..self.dimension]
    }

    /// The vector of a user.
    #[must_use]
    pub fn user(&self, index: usize) -> &[f32] {
        &self.users[index * self.dimension..][..self.dimension]
    }
}

/// Vectors from what happened before `until_ms` (all of it when absent), by `model` when one is given.
///
/// With a moment given, events that a split by fold or by user holds out are left out as well.
///
/// # Errors
/// When the model is for other data, its table is damaged, or ONNX Runtime cannot be loaded for its towers.
pub fn embed(
    catalogue: &Catalogue,
    until_ms: Option<i64>,
    model: Option<&ModelDirectory>,
) -> anyhow::Result<Embeddings> {
    embed_some(catalogue, until_ms, model, &|_| true)
}

/// As [`embed`], with a tower's vectors only of the users whose place `is_wanted` says; those of others are all zero.
///
/// # Errors
/// As [`embed`].
pub fn embed_some(
    catalogue: &Catalogue,
    until_ms: Option<i64>,
    model: Option<&ModelDirectory>,
    is_wanted: &dyn Fn(usize) -> bool,
) -> anyhow::Result<Embeddings> {
    let histories = history::Histories::before(catalogue, until_ms);
    match model {
        Some(model) => by_model(catalogue, &histories, model, is_wanted),
        None => Ok(none::embed(catalogue, &histories)),
    }
}

fn by_model(
    catalogue: &Catalogue,
    histories: &history::Histories,
    model: &ModelDirectory,
    is_wanted: &dyn Fn(usize) -> bool,
) -> anyhow::Result<Embeddings> {
    anyhow::ensure!(
        model.fits(&catalogue.dataset)?,
        "the model of {} was trained for other attributes and categories than this data has",
        model.origin
    );
    match &model.retriever {
        Retriever::Towers { item, user, .. } => {
            tower::embed(catalogue, histories, model, (item, user), is_wanted)
        }
        Retriever::Table(bytes) => {
            let table = table::ItemTable::from_bytes(bytes)?;
            Ok(table::embed(catalogue, histories, &table, model.towers_hash()))
        }
    }
}

//! One person's vector, made anew from their history while everything else stays.

use anyhow::Context as _;

use super::features::{self, FeatureMatrix};
use super::history::{Histories, Signal};
use super::{Embeddings, ModelDirectory, Retriever, Tower, none};
use crate::catalog::{Catalogue, User};

/// What makes a person's vector.
pub struct PersonEncoder(How);

enum How {
    /// The user tower, and the item rows that its inputs are averages of.
    Tower(Box<Tower>, FeatureMatrix),
    /// The mean of the history.
    Mean,
}

impl PersonEncoder {
    /// By the user tower of `model`, over items as `histories` know them; by the mean of the history without towers.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded or refuses the tower.
    pub fn new(
        catalogue: &Catalogue,
        histories: &Histories,
        model: Option<&ModelDirectory>,
    ) -> anyhow::Result<Self> {
        Ok(Self(match model.map(|model| &model.retriever) {
            Some(Retriever::Towers { user, .. }) => How::Tower(
                Box::new(Tower::for_single_rows(user, "user")?),
                features::item_matrix(catalogue, histories),
            ),
            Some(Retriever::Table(_)) | None => How::Mean,
        }))
    }

    /// Takes in the tower's input of the item at `place`, which is new and the last one, or has another row now.
    pub fn put(&mut self, place: usize, row: &[f32]) {
        let How::Tower(_, rows) = &mut self.0 else { return };
        let width = rows.columns.len();
        match rows.values.get_mut(place * width..(place + 1) * width) {
            Some(known) => known.copy_from_slice(row),
            None => rows.values.extend_from_slice(row),
        }
    }

    /// The unit vector of `person` with this history, oldest first; none while nothing in it says what they like.
    ///
    /// # Errors
    /// When the tower takes other inputs.
    pub fn encode(
        &mut self,
        person: &User,
        history: &[Signal],
        embeddings: &Embeddings,
    ) -> anyhow::Result<Option<Vec<f32>>> {
        if history.iter().all(|signal| signal.weight <= 0.0) {
            return Ok(None);
        }
        Ok(Some(match &mut self.0 {
            How::Tower(tower, rows) => {
                tower.one(&features::user_row(person, history, rows)).context("the user tower")?
            }
            How::Mean => none::user_vector(history, &embeddings.items, embeddings.dimension),
        }))
    }
}

//! Item vectors in one block, each of length one.

use anyhow::ensure;
use ndarray::{ArrayView2, ShapeError};

/// Item vectors in one block, each of length one (or all zeros for an item nothing is known about).
#[derive(Debug, Clone)]
pub struct ItemVectors {
    dimension: usize,
    values: Vec<f32>,
}

impl ItemVectors {
    /// Row after row of `dimension` values, brought to length one.
    ///
    /// # Errors
    /// When the block is no whole number of rows or a value is not finite.
    pub fn normalised(dimension: usize, mut values: Vec<f32>) -> anyhow::Result<Self> {
        ensure!(
            dimension > 0 && values.len().is_multiple_of(dimension),
            "{} values in rows of {dimension}",
            values.len()
        );
        for (row, vector) in values.chunks_exact_mut(dimension).enumerate() {
            ensure!(vector.iter().all(|value| value.is_finite()), "the vector of item {row} is not finite");
            normalise(vector);
        }
        Ok(Self { dimension, values })
    }

    /// The vectors of some items, in this order.
    #[must_use]
    pub fn of_items(&self, items: &[u32]) -> Self {
        let values = items.iter().flat_map(|item| self.get(*item as usize).iter().copied()).collect();
        Self { dimension: self.dimension, values }
    }

    /// Entries of one vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The vector of item `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..(index + 1) * self.dimension]
    }

    /// All of them, a row each.
    pub(crate) fn matrix(&self) -> Result<ArrayView2<'_, f32>, ShapeError> {
        ArrayView2::from_shape((self.len(), self.dimension), &self.values)
    }
}

/// Brings `vector` to length one; zeros stay zeros.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_length_one_and_zeros_stay() {
        let vectors = ItemVectors::normalised(2, vec![3.0, 4.0, 0.0, 0.0]).unwrap();
        assert_eq!(vectors.get(0), [0.6, 0.8]);
        assert_eq!(vectors.get(1), [0.0, 0.0]);
    }

    #[test]
    fn a_value_that_is_not_finite_and_a_ragged_block_are_refused() {
        assert!(ItemVectors::normalised(2, vec![f32::NAN, 1.0]).is_err());
        assert!(ItemVectors::normalised(2, vec![1.0; 3]).is_err());
    }
}

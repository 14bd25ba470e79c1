//! Features with their sources resolved and their columns placed, so that nothing is looked up by name per event.

use std::ops::Range;

use super::source::{Source, find};
use super::transform::Raw;
use super::{Feature, Transform};

/// One feature of a table, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Column<S> {
    pub(super) source: S,
    /// The text in the place of `NAME`.
    pub(super) argument: String,
    transform: Transform,
    range: Range<usize>,
}

impl<S: Copy> Column<S> {
    /// The table's features in column order; one of an unknown source keeps its columns, which stay zero.
    pub(super) fn resolve(features: &[Feature], table: &[Source<S>], dimension: usize) -> Vec<Self> {
        let mut at = 0;
        let place = |feature: &Feature| {
            let range = at..at + feature.width(dimension);
            at = range.end;
            let (source, argument) = find(table, &feature.source)?;
            Some(Self { source, argument: argument.to_owned(), transform: feature.transform.clone(), range })
        };
        features.iter().filter_map(place).collect()
    }

    /// Writes a raw value into its columns of `row`.
    pub(super) fn write(&self, raw: Raw<'_>, row: &mut [f32]) {
        self.transform.write(raw, &mut row[self.range.clone()]);
    }

    /// Copies a vector as it is; one of another model's dimension is no use and leaves zeros.
    pub(super) fn copy(&self, vector: &[f32], row: &mut [f32]) {
        let columns = &mut row[self.range.clone()];
        match vector.len() == columns.len() {
            true => columns.copy_from_slice(vector),
            false => columns.fill(0.0),
        }
    }
}

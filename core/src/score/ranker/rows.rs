//! Where the candidates are in each value of a graph, and whether any operator mixes them.
//!
//! A graph may be run on some candidates at a time only if no row of its output depends on another candidate's row.
//! That is decided by its shapes: each operator says which axis of its input becomes which axis of its output.

use crate::score::names;

/// How a value depends on candidates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rows {
    /// Not at all.
    Apart,
    /// One candidate for each place of this axis.
    Along(usize),
    /// In a way that no axis tells.
    Mixed,
}

/// What an operator does with one of its inputs: what it depends on, its shape, and the axis of the output that each of
/// its axes becomes; `None` where it is summed over or taken apart.
pub(super) struct Input<'a> {
    pub(super) rows: Rows,
    pub(super) shape: &'a [usize],
    pub(super) axes: Vec<Option<usize>>,
}

impl Rows {
    /// Of an input of the model.
    pub(super) fn of(name: &str) -> Self {
        match name {
            names::CANDIDATES | names::LIVE => Self::Along(0),
            _ => Self::Apart,
        }
    }

    /// Of an operator's output.
    ///
    /// What does not depend on candidates may meet them only with one place along their axis: with more, it would tell
    /// them apart by their number.
    pub(super) fn after(inputs: &[Input<'_>]) -> Self {
        let mut found = Self::Apart;
        for input in inputs {
            let there = match input.rows {
                Self::Apart => continue,
                Self::Mixed => return Self::Mixed,
                Self::Along(axis) => input.axes.get(axis).copied().flatten(),
            };
            match (there, found) {
                (Some(axis), Self::Apart) => found = Self::Along(axis),
                (Some(axis), Self::Along(known)) if axis == known => {}
                _ => return Self::Mixed,
            }
        }
        let Self::Along(axis) = found else { return found };
        match inputs.iter().all(|input| input.is_alone_at(axis)) {
            true => found,
            false => Self::Mixed,
        }
    }
}

impl Input<'_> {
    /// Whether only candidates, or one place, end at this axis of the output.
    fn is_alone_at(&self, axis: usize) -> bool {
        let here = self.axes.iter().enumerate().filter(|(_, there)| **there == Some(axis));
        here.into_iter().all(|(at, _)| match self.rows {
            Rows::Along(own) => own == at,
            _ => self.shape.get(at) == Some(&1),
        })
    }
}

/// The axes of a value of this rank, aligned at the last axis of an output.
pub(super) fn aligned(rank: usize, output: usize) -> Vec<Option<usize>> {
    (0..rank).map(|axis| (axis + output).checked_sub(rank)).collect()
}

/// The axes that keep their places when a value is given another shape: as much lies before them as did, and they are
/// as long as they were.
pub(super) fn reshaped(from: &[usize], to: &[usize]) -> Vec<Option<usize>> {
    let before = |shape: &[usize], axis: usize| shape[..axis].iter().product::<usize>();
    let same = |one: usize, other: usize| from[one] == to[other] && before(from, one) == before(to, other);
    (0..from.len()).map(|one| (0..to.len()).find(|other| from[one] > 1 && same(one, *other))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows, shape and axes.
    type Given<'a> = (Rows, &'a [usize], &'a [Option<usize>]);

    fn after(inputs: &[Given<'_>]) -> Rows {
        let inputs =
            inputs.iter().map(|(rows, shape, axes)| Input { rows: *rows, shape, axes: axes.to_vec() });
        Rows::after(&inputs.collect::<Vec<_>>())
    }

    #[test]
    fn a_table_of_candidates_meets_rows_but_no_other_table() {
        let table = (Rows::Along(0), &[128, 3][..], &[Some(0), Some(1)][..]);
        assert_eq!(after(&[table, (Rows::Apart, &[1, 3], &[Some(0), Some(1)])]), Rows::Along(0));
        assert_eq!(after(&[table, (Rows::Apart, &[128, 3], &[Some(0), Some(1)])]), Rows::Mixed);
        assert_eq!(after(&[table, (Rows::Along(1), &[3, 128], &[Some(0), Some(1)])]), Rows::Mixed);
        assert_eq!(after(&[table, table]), Rows::Along(0));
    }

    #[test]
    fn what_is_summed_over_candidates_is_mixed() {
        assert_eq!(after(&[(Rows::Along(1), &[3, 128], &[Some(0), None])]), Rows::Mixed);
    }

    #[test]
    fn an_axis_keeps_its_place_when_others_are_joined() {
        assert_eq!(reshaped(&[128, 6], &[128, 3, 2]), [Some(0), None]);
        assert_eq!(reshaped(&[2, 128, 3], &[2, 128, 1, 3]), [Some(0), Some(1), Some(3)]);
        assert_eq!(reshaped(&[128, 3], &[384]), [None, None]);
    }
}

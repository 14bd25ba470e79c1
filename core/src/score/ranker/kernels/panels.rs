//! The right side of a product, laid out for [`super::multiply`]: panels of as many columns as are computed together,
//! each row of a panel after the other, the last panel filled up with zeros.

use fearless_simd::{Level, dispatch, prelude::*};

/// Most columns of a panel on any machine.
pub(super) const WIDEST: usize = 32;

/// Columns of a panel: two of the machine's widest vectors.
pub(super) fn columns() -> usize {
    dispatch!(Level::new(), simd => columns_of(simd))
}

#[inline(always)]
pub(super) fn columns_of<S: Simd>(_: S) -> usize {
    2 * S::f32s::LEN
}

/// Most numbers that a matrix of this size has in panels on any machine.
pub(in super::super) fn most_packed(inner: usize, columns: usize) -> usize {
    columns.next_multiple_of(WIDEST).saturating_mul(inner)
}

/// Numbers that a matrix of this size has in panels on this machine.
pub(in super::super) fn packed_length(inner: usize, columns: usize) -> usize {
    columns.next_multiple_of(self::columns()) * inner
}

/// Lays out a matrix whose rows and columns have these steps in `numbers`.
pub(in super::super) fn pack(
    out: &mut [f32],
    [inner, columns]: [usize; 2],
    numbers: &[f32],
    [row, column]: [usize; 2],
) {
    let width = self::columns();
    for (panel, first) in out.chunks_exact_mut(width * inner).zip((0..columns).step_by(width)) {
        let own = width.min(columns - first);
        for (at, line) in panel.chunks_exact_mut(width).enumerate() {
            let from = at * row + first * column;
            let (kept, rest) = line.split_at_mut(own);
            match column {
                1 => kept.copy_from_slice(&numbers[from..from + own]),
                _ => kept.iter_mut().enumerate().for_each(|(at, place)| *place = numbers[from + at * column]),
            }
            rest.fill(0.0);
        }
    }
}

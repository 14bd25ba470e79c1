//! Products of a row-major table and a matrix in panels.
//!
//! Four rows times one panel are summed in registers, as in K. Goto and R. van de Geijn, "Anatomy of high-performance
//! matrix multiplication" (2008), without their blocks for caches: a ranker's matrices fit the first one.

use fearless_simd::{Level, dispatch, prelude::*};

use super::panels::{WIDEST, columns_of};

/// The sizes of a product: rows and inner length of the left side, columns of the right side, and the step from one row
/// of the left side to the next.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sizes {
    pub(in super::super) rows: usize,
    pub(in super::super) inner: usize,
    pub(in super::super) columns: usize,
    pub(in super::super) step: usize,
}

/// Two vectors of sums for each of some rows.
type Sums<S, const ROWS: usize> = [[<S as Simd>::f32s; 2]; ROWS];

/// Writes `left · right + start`, row-major; `start` is a row, or empty for zeros.
pub(in super::super) fn multiply(out: &mut [f32], sizes: Sizes, left: &[f32], panels: &[f32], start: &[f32]) {
    dispatch!(Level::new(), simd => multiply_by(simd, out, sizes, left, panels, start));
}

#[inline(always)]
fn multiply_by<S: Simd>(simd: S, out: &mut [f32], sizes: Sizes, left: &[f32], panels: &[f32], start: &[f32]) {
    let width = columns_of(simd);
    for (panel, first) in panels.chunks_exact(width * sizes.inner).zip((0..sizes.columns).step_by(width)) {
        let mut row = [0.0; WIDEST];
        row.iter_mut().zip(start.iter().skip(first)).for_each(|(place, number)| *place = *number);
        let start = two(simd, &row[..width]);
        let place = Place { first, columns: sizes.columns };
        let line = |at: usize| &left[at * sizes.step..][..sizes.inner];
        let mut at = 0;
        while at + 4 <= sizes.rows {
            let sums = four(simd, [line(at), line(at + 1), line(at + 2), line(at + 3)], panel, start);
            place.write(simd, out, at, sums);
            at += 4;
        }
        for at in at..sizes.rows {
            place.write(simd, out, at, single(simd, line(at), panel, start));
        }
    }
}

/// Four rows times a panel.
#[inline(always)]
fn four<S: Simd>(simd: S, rows: [&[f32]; 4], panel: &[f32], start: [S::f32s; 2]) -> Sums<S, 4> {
    let [a, b, c, d] = rows;
    // One by one, as a loop over them would keep them in memory where the compiler unrolls none for size.
    let [mut of_a, mut of_b, mut of_c, mut of_d] = [start; 4];
    let factors = a.iter().zip(b).zip(c).zip(d);
    for (line, (((a, b), c), d)) in panel.chunks_exact(columns_of(simd)).zip(factors) {
        let line = two(simd, line);
        of_a = add(simd, of_a, *a, line);
        of_b = add(simd, of_b, *b, line);
        of_c = add(simd, of_c, *c, line);
        of_d = add(simd, of_d, *d, line);
    }
    [of_a, of_b, of_c, of_d]
}

/// A row times a panel.
#[inline(always)]
fn single<S: Simd>(simd: S, row: &[f32], panel: &[f32], start: [S::f32s; 2]) -> Sums<S, 1> {
    let mut sum = start;
    for (line, factor) in panel.chunks_exact(columns_of(simd)).zip(row) {
        sum = add(simd, sum, *factor, two(simd, line));
    }
    [sum]
}

#[inline(always)]
fn add<S: Simd>(simd: S, sum: [S::f32s; 2], factor: f32, line: [S::f32s; 2]) -> [S::f32s; 2] {
    let factor = S::f32s::splat(simd, factor);
    [factor.mul_add(line[0], sum[0]), factor.mul_add(line[1], sum[1])]
}

#[inline(always)]
fn two<S: Simd>(simd: S, line: &[f32]) -> [S::f32s; 2] {
    let (one, other) = line.split_at(S::f32s::LEN);
    [S::f32s::from_slice(simd, one), S::f32s::from_slice(simd, other)]
}

/// The columns of the output that a panel gives.
struct Place {
    first: usize,
    columns: usize,
}

impl Place {
    #[inline(always)]
    fn write<S: Simd, const ROWS: usize>(&self, simd: S, out: &mut [f32], row: usize, sums: Sums<S, ROWS>) {
        let own = columns_of(simd).min(self.columns - self.first);
        for (at, [one, other]) in sums.into_iter().enumerate() {
            let line = &mut out[(row + at) * self.columns + self.first..][..own];
            let (low, high) = line.split_at_mut(own.min(S::f32s::LEN));
            store(simd, low, one);
            store(simd, high, other);
        }
    }
}

/// The first numbers of a vector.
#[inline(always)]
fn store<S: Simd>(_: S, out: &mut [f32], vector: S::f32s) {
    match out.len() == S::f32s::LEN {
        true => vector.store_slice(out),
        false => out.iter_mut().zip(vector.as_slice()).for_each(|(place, number)| *place = *number),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{pack, packed_length};
    use super::*;

    fn wave(length: usize, step: f32) -> Vec<f32> {
        (0..length).map(|at| libm::sinf(at as f32 * step)).collect()
    }

    #[test]
    fn products_of_every_size_are_sums_of_products() {
        for rows in [1, 3, 4, 9] {
            for inner in [1, 5, 24] {
                for columns in [1, 7, 16, 33, 60] {
                    let sizes = Sizes { rows, inner, columns, step: inner + 2 };
                    let (left, right, start) =
                        (wave(rows * sizes.step, 0.7), wave(inner * columns, 0.3), wave(columns, 1.3));
                    let mut panels = vec![f32::NAN; packed_length(inner, columns)];
                    pack(&mut panels, [inner, columns], &right, [1, inner]);
                    let mut out = vec![f32::NAN; rows * columns];
                    multiply(&mut out, sizes, &left, &panels, &start);
                    for (at, found) in out.iter().enumerate() {
                        let (row, column) = (at / columns, at % columns);
                        let terms =
                            (0..inner).map(|at| left[row * sizes.step + at] * right[column * inner + at]);
                        let wanted = start[column] + terms.sum::<f32>();
                        assert!((found - wanted).abs() < 1e-5, "{found} is not {wanted} in {sizes:?}");
                    }
                }
            }
        }
    }
}

//! Truncated singular value decomposition by seeded random projection (Halko, Martinsson and Tropp, 2011).
//!
//! One thread, a fixed order of sums and a fixed seed: the same matrix always gives the same vectors.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::unit::{add_scaled, dot};

/// Directions beyond the wanted rank that make the projection accurate.
const OVERSAMPLING: usize = 10;
/// Passes over the matrix that sharpen the directions.
const POWER_ITERATIONS: usize = 3;

/// A matrix that can be multiplied from either side by a thin dense one.
pub trait Matrix {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// Number of columns.
    fn columns(&self) -> usize;
    /// `self * right`, where `right` has `width` columns, row-major.
    fn times(&self, right: &[f32], width: usize) -> Vec<f32>;
    /// `transpose(self) * right`, where `right` has `width` columns, row-major.
    fn transposed_times(&self, right: &[f32], width: usize) -> Vec<f32>;
}

/// A sparse matrix by rows.
#[derive(Debug, Clone, Default)]
pub struct Sparse {
    /// Number of columns.
    pub width: usize,
    /// Column and value of each row's entries.
    pub entries: Vec<Vec<(u32, f32)>>,
}

impl Matrix for Sparse {
    fn rows(&self) -> usize {
        self.entries.len()
    }

    fn columns(&self) -> usize {
        self.width
    }

    fn times(&self, right: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.rows() * width];
        for (row, entries) in product.chunks_exact_mut(width).zip(&self.entries) {
            for &(column, value) in entries {
                add_scaled(row, &right[column as usize * width..][..width], value);
            }
        }
        product
    }

    fn transposed_times(&self, right: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.width * width];
        for (row, entries) in right.chunks_exact(width).zip(&self.entries) {
            for &(column, value) in entries {
                add_scaled(&mut product[column as usize * width..][..width], row, value);
            }
        }
        product
    }
}

/// A dense matrix, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    /// Number of columns.
    pub width: usize,
    /// The values.
    pub values: &'a [f32],
}

impl Matrix for Dense<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    fn columns(&self) -> usize {
        self.width
    }

    fn times(&self, right: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.rows() * width];
        for (row, values) in product.chunks_exact_mut(width).zip(self.values.chunks_exact(self.width)) {
            for (&value, right) in values.iter().zip(right.chunks_exact(width)) {
                add_scaled(row, right, value);
            }
        }
        product
    }

    fn transposed_times(&self, right: &[f32], width: usize) -> Vec<f32> {
        let mut product = vec![0.0; self.width * width];
        for (right, values) in right.chunks_exact(width).zip(self.values.chunks_exact(self.width)) {
            for (&value, row) in values.iter().zip(product.chunks_exact_mut(width)) {
                add_scaled(row, right, value);
            }
        }
        product
    }
}

/// The leading right singular vectors of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    /// How many directions were found; fewer than asked for when the matrix has no more.
    pub rank: usize,
    /// Right singular vectors as columns: `columns x rank`, row-major.
    pub right: Vec<f32>,
    /// Singular values, largest first.
    pub values: Vec<f32>,
}

/// Finds at most `rank` leading right singular vectors.
#[must_use]
pub fn basis(matrix: &impl Matrix, rank: usize, seed: u64) -> Basis {
    let width = (rank + OVERSAMPLING).min(matrix.rows()).min(matrix.columns());
    if width == 0 {
        return Basis { rank: 0, right: Vec::new(), values: Vec::new() };
    }
    let mut range = matrix.times(&random(matrix.columns() * width, seed), width);
    orthonormalise(&mut range, width);
    for _ in 0..POWER_ITERATIONS {
        let mut other = matrix.transposed_times(&range, width);
        orthonormalise(&mut other, width);
        range = matrix.times(&other, width);
        orthonormalise(&mut range, width);
    }
    // transpose(matrix) * range = V S transpose(W): its Gram matrix has eigenvectors W, eigenvalues S squared.
    let small = matrix.transposed_times(&range, width);
    let (eigenvalues, eigenvectors) = symmetric_eigen(&gram(&small, width), width);
    let largest = eigenvalues.first().copied().unwrap_or(0.0);
    let found =
        eigenvalues.iter().take(rank).take_while(|&&value| value > largest * 1e-10 && value > 0.0).count();
    let values: Vec<f32> = eigenvalues[..found].iter().map(|value| value.sqrt() as f32).collect();
    let mut right = Vec::with_capacity(matrix.columns() * found);
    for row in small.chunks_exact(width) {
        for (direction, singular) in values.iter().enumerate() {
            let sum: f64 =
                (0..width).map(|at| f64::from(row[at]) * eigenvectors[at * width + direction]).sum();
            right.push((sum / f64::from(*singular)) as f32);
        }
    }
    Basis { rank: found, right, values }
}

/// Seeded entries, uniform around zero: as good as normal ones for finding a range.
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| (generator.next_u32() as f32 / u32::MAX as f32) - 0.5).collect()
}

/// Makes the columns orthonormal by Gram-Schmidt done twice; a dependent column becomes zero.
fn orthonormalise(matrix: &mut [f32], width: usize) {
    let rows = matrix.len() / width;
    let mut columns: Vec<Vec<f32>> =
        (0..width).map(|column| (0..rows).map(|row| matrix[row * width + column]).collect()).collect();
    for at in 0..width {
        let (done, rest) = columns.split_at_mut(at);
        let column = &mut rest[0];
        let before = norm(column);
        for _ in 0..2 {
            for other in done.iter() {
                let along = dot(column, other);
                add_scaled(column, other, -along);
            }
        }
        let length = norm(column);
        let scale = if length > before * 1e-5 && length > 0.0 { 1.0 / length } else { 0.0 };
        column.iter_mut().for_each(|entry| *entry *= scale);
    }
    for (column, values) in columns.iter().enumerate() {
        for (row, value) in values.iter().enumerate() {
            matrix[row * width + column] = *value;
        }
    }
}

fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

fn gram(matrix: &[f32], width: usize) -> Vec<f64> {
    let mut gram = vec![0.0_f64; width * width];
    for row in matrix.chunks_exact(width) {
        for (left, sums) in row.iter().zip(gram.chunks_exact_mut(width)) {
            for (right, sum) in row.iter().zip(sums) {
                *sum += f64::from(*left) * f64::from(*right);
            }
        }
    }
    gram
}

/// Eigenvalues, largest first, and eigenvectors as columns, by cyclic Jacobi rotations.
fn symmetric_eigen(matrix: &[f64], width: usize) -> (Vec<f64>, Vec<f64>) {
    let mut matrix = matrix.to_vec();
    let mut vectors = vec![0.0; width * width];
    (0..width).for_each(|at| vectors[at * width + at] = 1.0);
    for _ in 0..60 {
        let off: f64 = (0..width)
            .flat_map(|row| (0..row).map(move |column| (row, column)))
            .map(|(row, column)| matrix[row * width + column].powi(2))
            .sum();
        let diagonal: f64 = (0..width).map(|at| matrix[at * width + at].powi(2)).sum();
        if off <= diagonal * 1e-24 {
            break;
        }
        for row in 1..width {
            for column in 0..row {
                rotate(&mut matrix, &mut vectors, width, column, row);
            }
        }
    }
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&left, &right| matrix[right * width + right].total_cmp(&matrix[left * width + left]));
    let values = order.iter().map(|&at| matrix[at * width + at].max(0.0)).collect();
    let sorted = (0..width)
        .flat_map(|row| order.iter().map(move |&at| (row, at)))
        .map(|(row, at)| vectors[row * width + at]);
    (values, sorted.collect())
}

/// One Jacobi rotation that clears the entry at `(p, q)`.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], width: usize, p: usize, q: usize) {
    let entry = matrix[p * width + q];
    if entry == 0.0 {
        return;
    }
    let theta = (matrix[q * width + q] - matrix[p * width + p]) / (2.0 * entry);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for at in 0..width {
        let (left, right) = (matrix[at * width + p], matrix[at * width + q]);
        matrix[at * width + p] = cosine * left - sine * right;
        matrix[at * width + q] = sine * left + cosine * right;
    }
    for at in 0..width {
        let (left, right) = (matrix[p * width + at], matrix[q * width + at]);
        matrix[p * width + at] = cosine * left - sine * right;
        matrix[q * width + at] = sine * left + cosine * right;
        let (left, right) = (vectors[at * width + p], vectors[at * width + q]);
        vectors[at * width + p] = cosine * left - sine * right;
        vectors[at * width + q] = sine * left + cosine * right;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_rank_two_is_recovered_by_two_directions() {
        let values: Vec<f32> = (0..30)
            .flat_map(|row| (0..8).map(move |column| (row * column) as f32 * 0.1 + (row % 3) as f32))
            .collect();
        let matrix = Dense { width: 8, values: &values };
        let basis = basis(&matrix, 5, 1);
        assert_eq!(basis.rank, 2);
        let projected = matrix.times(&basis.right, basis.rank);
        for (row, original) in projected.chunks_exact(2).zip(values.chunks_exact(8)) {
            for (column, original) in original.iter().enumerate() {
                let back: f32 = row.iter().zip(&basis.right[column * 2..]).map(|(a, b)| a * b).sum();
                assert!((back - original).abs() < 1e-2, "{back} instead of {original}");
            }
        }
    }

    #[test]
    fn sparse_and_dense_agree() {
        let values = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0];
        let sparse = Sparse { width: 3, entries: vec![vec![(0, 1.0), (2, 2.0)], vec![(1, 3.0)]] };
        let dense = Dense { width: 3, values: &values };
        let right = [1.0, 2.0, 3.0];
        assert_eq!(sparse.times(&right, 1), dense.times(&right, 1));
        assert_eq!(sparse.transposed_times(&right[..2], 1), dense.transposed_times(&right[..2], 1));
    }

    #[test]
    fn nothing_in_gives_nothing_out() {
        assert_eq!(basis(&Sparse::default(), 4, 1).rank, 0);
    }
}

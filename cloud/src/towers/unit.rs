//! Small vector arithmetic.

/// Adds `factor * other` to `row`.
pub(crate) fn add_scaled(row: &mut [f32], other: &[f32], factor: f32) {
    for (entry, other) in row.iter_mut().zip(other) {
        *entry += factor * other;
    }
}

/// The inner product.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// Gives each row length 1; a row of zeros gets the first axis, so that every row can be searched for.
pub(crate) fn normalise_rows(rows: &mut [f32], dimension: usize) {
    for row in rows.chunks_exact_mut(dimension) {
        let length = dot(row, row).sqrt();
        if length > 1e-12 {
            row.iter_mut().for_each(|entry| *entry /= length);
        } else {
            row.fill(0.0);
            row[0] = 1.0;
        }
    }
}
